namespace DriftWatch.Analysis.Windows;

/// <summary>Profiles of single sequences (<see cref="SequenceProfile"/>), up to a number of them: a random sample where there are more. The same in whatever order it is put together.</summary>
/// <remarks>
/// Kept are those with the smallest hashes of their contents, a bottom-k sample (Cohen and Kaplan, Summarizing data using bottom-k sketches, PODC 2007), ascending.
/// Coordinates are whole steps of 1/512: they take a byte or two when stored, and what was stored scores as what is scored now.
/// </remarks>
public sealed class ProfileSet
{
    public const int StepsPerUnit = 512;

    private const int P = SequenceProfile.Length;

    public static readonly ProfileSet Empty = new([]);

    private readonly short[] stepsNP;

    private ProfileSet(short[] stepsNP) => this.stepsNP = stepsNP;

    public int Count => stepsNP.Length / P;

    public ReadOnlySpan<short> this[int index] => stepsNP.AsSpan(index * P, P);

    /// <param name="profilesNP">Profiles as <see cref="SequenceProfile.Write"/> leaves them, one after another.</param>
    /// <param name="most">Kept of them.</param>
    public static ProfileSet Of(ReadOnlySpan<float> profilesNP, int most)
    {
        var steps = new short[profilesNP.Length];
        for (var i = 0; i < steps.Length; i++) steps[i] = StepOf(profilesNP[i]);
        return OfSteps(steps, most);
    }

    /// <param name="stepsNP">In any order.</param>
    public static ProfileSet OfSteps(short[] stepsNP, int most)
    {
        var hashes = new ulong[stepsNP.Length / P];
        var order = new int[hashes.Length];
        for (var i = 0; i < order.Length; i++) (order[i], hashes[i]) = (i, Hash(stepsNP.AsSpan(i * P, P)));
        Array.Sort(order, (a, b) => hashes[a] != hashes[b] ? hashes[a].CompareTo(hashes[b]) : stepsNP.AsSpan(a * P, P).SequenceCompareTo(stepsNP.AsSpan(b * P, P)));
        var kept = new short[Math.Min(most, order.Length) * P];
        for (var i = 0; i < kept.Length / P; i++) stepsNP.AsSpan(order[i] * P, P).CopyTo(kept.AsSpan(i * P));
        return new(kept);
    }

    public ProfileSet Merge(ProfileSet other, int most) => other.Count == 0 && Count <= most ? this : OfSteps([.. stepsNP, .. other.stepsNP], most);

    public static short StepOf(float coordinate) => (short)Math.Clamp(MathF.Round(coordinate * StepsPerUnit), short.MinValue, short.MaxValue);

    /// <summary>FNV-1a over the steps, mixed once more: near profiles must not have near hashes.</summary>
    private static ulong Hash(ReadOnlySpan<short> steps)
    {
        var hash = 0xCBF29CE484222325UL;
        foreach (var step in steps) hash = (hash ^ (ushort)step) * 0x100000001B3UL;
        hash = (hash ^ (hash >> 32)) * 0xD6E8FEB86659FD93UL;
        return hash ^ (hash >> 32);
    }
}

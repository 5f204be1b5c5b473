namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>Which sequences a map is learned from and which it is judged by. Tokens of one prompt move together, so a prompt is never on both sides.</summary>
/// <remarks>By a hash of the sequence's ordinal, drawn within each run of ten (or of one per fold): every part is as large as it should be, however few sequences there are, and no period of the data can fall together with it.</remarks>
public static class SequenceSplit
{
    /// <summary>One sequence of so many is held out.</summary>
    public const int HeldOutOneIn = 10;

    public static bool IsHeldOut(long ordinal) => FoldOf(ordinal, HeldOutOneIn, salt: 1) == 0;

    /// <summary>The cross-validation fold, 0 to <paramref name="folds"/> − 1.</summary>
    public static int FoldOf(long ordinal, int folds) => FoldOf(ordinal, folds, salt: 2);

    private static int FoldOf(long ordinal, int folds, ulong salt) =>
        (int)(((ulong)ordinal + Mixed((ulong)(ordinal / folds) ^ (salt << 56))) % (ulong)folds);

    /// <summary>SplitMix64 (Steele, Lea and Flood 2014).</summary>
    private static ulong Mixed(ulong x)
    {
        x += 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }
}

namespace DriftWatch.Analysis;

/// <summary>SplitMix64's finaliser (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014): near numbers come out far apart, the same on every machine.</summary>
internal static class SplitMix64
{
    /// <summary>The golden ratio's fraction: what the generator's state goes up by.</summary>
    public const ulong Step = 0x9E3779B97F4A7C15;

    /// <summary>The generator's next number.</summary>
    public static ulong Next(ref ulong state) => Mix(state += Step);

    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}

using System.Globalization;
using FsCheck;
using FsCheck.Fluent;

namespace DriftWatch.Analysis.Tests;

/// <summary>Properties are checked from a seed: the same inputs on every run, others with <c>DRIFTWATCH_SEED</c>. A failure prints the smallest input found.</summary>
internal static class Property
{
    public static ulong Seed { get; } =
        Environment.GetEnvironmentVariable("DRIFTWATCH_SEED") is { Length: > 0 } text ? ulong.Parse(text, CultureInfo.InvariantCulture) : 20261120;

    public static void Holds<T>(Arbitrary<T> inputs, int tests, Action<T> holds)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"DRIFTWATCH_SEED={Seed}, {tests} tests");
        Check.One(
            Config.QuickThrowOnFailure.WithQuietOnSuccess(true).WithMaxTest(tests).WithReplay(new Replay(new Rnd(Seed), null)),
            Prop.ForAll(inputs, holds));
    }

    /// <summary>Lists that shrink by leaving out elements.</summary>
    public static Arbitrary<T[]> ListOf<T>(Gen<T> element, int most) =>
        Arb.From(Gen.Choose(0, most).SelectMany(count => element.ArrayOf(count)), Shorter);

    /// <summary>Some seed for a test that draws its own numbers.</summary>
    public static Arbitrary<int> AnySeed => Arb.From(Gen.Choose(0, int.MaxValue - 1));

    private static IEnumerable<T[]> Shorter<T>(T[] list)
    {
        for (var length = list.Length / 2; length > 0; length /= 2)
            for (var from = 0; from + length <= list.Length; from += length)
                yield return [.. list[..from], .. list[(from + length)..]];
    }
}

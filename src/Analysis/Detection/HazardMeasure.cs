using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>One part of a hazard's condition in one window.</summary>
/// <remarks>
/// A rate above a limit counts only when at least <see cref="SequencesMinimum"/> sequences carry it, since one long prompt can hold a whole window's firings.
/// Below needs no such proof: silence is what it looks for.
/// Features: rate per row (within a sequence: per sequence); magnitude, the mean activation over the rows in which the feature fires. It is Undecided where the feature fires in
/// fewer than <see cref="SequencesMinimum"/> sequences, here or, for a factor of the baseline's, there.
/// A set that was not counted while a window was open is counted in the sample of its sequences where there is one, as in a replay.
/// Direction: the share of sequences whose score lies above the threshold. Scores are kept in bins of a 256th of an octave, so the threshold moves up to the next edge
/// (by less than 0.4 %; the halves, quarters … of a power of two are edges). A quantile of the baseline is Undecided until the baseline holds 1/(1 − q) scored sequences.
/// Fingerprint: the cosine of the window's drift with the known one (<see cref="FingerprintMatch"/>); it stands where others have their rate and lift.
/// </remarks>
/// <param name="Counted">The window has what this part looks at; false: it closed before the rule was in force.</param>
/// <param name="Rate">What is compared with the limits: a rate, a share of sequences.</param>
/// <param name="Lift">Its factor of the baseline's; 0 where that is not known.</param>
/// <param name="Because">What was measured, for a person.</param>
public sealed record HazardMeasure(string Name, Verdict Verdict, bool Counted, double Rate, double Lift, string Because, IReadOnlyList<FeatureEvidence> Evidence)
{
    public const long SequencesMinimum = 3;

    /// <summary>Of a feature whose magnitude is limited; null where too few sequences carry it, or nobody asked.</summary>
    public double? Magnitude { get; init; }

    /// <summary>From the sample of sequences of the window, the baseline or both: nobody counted the set while they were open.</summary>
    public bool Estimated { get; init; }

    public static HazardMeasure Of(HazardLeaf leaf, WindowSummary window, Baseline baseline) => leaf switch
    {
        HazardFeatures features => NotMapped(features.Set, baseline.ReachedF) ?? Of(features, window, baseline.Summary),
        HazardDirection direction => NotScored(direction, baseline) ?? Of(direction, window, baseline.Summary),
        HazardFingerprint fingerprint => Of(fingerprint, window, baseline),
        _ => throw new InvalidOperationException($"no rule for {leaf.GetType().Name}"),
    };

    private static HazardMeasure NotCounted(string name) =>
        new(name, Verdict.Undecided, Counted: false, 0, 0, $"{name} was not counted in this window: it closed before the rule was in force", []);

    /// <summary>A feature that the model's feature map never reaches: neither there nor not there.</summary>
    private static HazardMeasure? NotMapped(FeatureSet set, bool[]? reachedF)
    {
        if (reachedF is null || set.Features.Concat(set.Without).Where(feature => !reachedF[feature]).ToArray() is not { Length: > 0 } missing) return null;
        var name = NameOf(set);
        return new(name, Verdict.Undecided, Counted: true, 0, 0, $"{name} cannot be seen in this model: its feature map reaches no feature {string.Join(", ", missing)} (not mapped)", []);
    }

    private static HazardMeasure? NotScored(HazardDirection leaf, Baseline baseline) => baseline.ReachedF is null ? null : new(
        leaf.Direction.ScoreName, Verdict.Undecided, Counted: true, 0, 0, $"{leaf.Direction.ScoreName} cannot be scored in this model: a probe reads canonical activations, and behind a feature map there are none", []);

    private static string NameOf(FeatureSet set) => set.MustBeCounted ? set.Key : $"feature {set.Features[0]}";

    private static HazardMeasure Of(HazardFeatures leaf, WindowSummary whole, WindowSummary wholeBaseline)
    {
        var set = leaf.Set;
        var (window, baseline) = (whole.Counting(set), wholeBaseline.Counting(set));
        var name = NameOf(set);
        if (FiringOf(set, window) is not { } now) return NotCounted(name);
        var then = FiringOf(set, baseline);
        var (here, there) = (Side(set, now, window), Side(set, then ?? default, baseline));
        var rates = Rates.Of(now.Rows, here.N, now.Sequences, then?.Rows, there.N);
        var z = then is null ? 0 : Statistics.ClusteredZ(here, there);
        var evidence = new FeatureEvidence(set.Features[0], set.MustBeCounted ? set.Key : null, there.Ratio, here.Ratio, z, Statistics.NormalP(z));
        var because = then is not null
            ? $"{name} fires at {here.Ratio:0.#####} ({there.Ratio:0.#####} in the baseline, lift {rates.Lift:0.0}, {now.Sequences} sequences)"
            : $"{name} fires at {here.Ratio:0.#####} in {now.Sequences} sequences; the baseline was frozen before this set was counted, so its lift is unknown until a new baseline is";
        var estimated = !ReferenceEquals(window, whole) || !ReferenceEquals(baseline, wholeBaseline);
        if (estimated) because += $"; estimated from {window.Sequences} of {whole.Sequences} sequences here and {baseline.Sequences} of {wholeBaseline.Sequences} there";
        var verdict = rates.Meet(leaf.RateAbove, leaf.LiftAbove, leaf.RateBelow, leaf.LiftBelow);
        double? magnitude = null;
        if (leaf.Magnitude.Any)
        {
            (magnitude, var usual) = (MagnitudeOf(set.Features[0], now, window), MagnitudeOf(set.Features[0], then ?? default, baseline));
            verdict = Both(verdict, Meets(leaf.Magnitude, magnitude, usual));
            because += $", with magnitude {Shown(magnitude)} ({Shown(usual)} in the baseline)";
        }
        return new(name, verdict, Counted: true, here.Ratio, rates.Lift, because, [evidence]) { Magnitude = magnitude, Estimated = estimated };
    }

    private static Firing? FiringOf(FeatureSet set, WindowSummary summary)
    {
        if (summary.Sets.TryGetValue(set.Key, out var firing)) return firing;
        return set.MustBeCounted ? null : summary.FiringOf(set.Features[0]);
    }

    private static ClusteredRatio Side(FeatureSet set, Firing firing, WindowSummary summary) =>
        set.Within == Within.Token ? ClusteredRatio.Of(firing, summary) : ClusteredRatio.OfSequences(firing, summary);

    /// <summary>Mean activation given firing; null where too few sequences carry it.</summary>
    private static double? MagnitudeOf(int feature, Firing firing, WindowSummary summary) =>
        firing.Sequences >= SequencesMinimum ? summary.FiredOf(feature)!.Value.Magnitude.Value / firing.Rows : null;

    private static string Shown(double? magnitude) => magnitude is { } known ? $"{known:0.####}" : "unknown: it fires in too few sequences";

    private static Verdict Meets(MagnitudeLimits limits, double? magnitude, double? usual)
    {
        if (magnitude is not { } now) return Verdict.Undecided;
        if ((limits.Above is { } above && !(now > above)) || (limits.Below is { } below && !(now < below))) return Verdict.Steady;
        if (!limits.AnyLift) return Verdict.Drift;
        if (usual is not > 0) return Verdict.Undecided;
        var factor = now / usual.Value;
        return (limits.LiftAbove is { } more && !(factor > more)) || (limits.LiftBelow is { } less && !(factor < less)) ? Verdict.Steady : Verdict.Drift;
    }

    private static Verdict Both(Verdict a, Verdict b) =>
        a == Verdict.Steady || b == Verdict.Steady ? Verdict.Steady : a == Verdict.Undecided || b == Verdict.Undecided ? Verdict.Undecided : Verdict.Drift;

    private static HazardMeasure Of(HazardDirection leaf, WindowSummary window, WindowSummary baseline)
    {
        var name = leaf.Direction.ScoreName;
        var (now, then) = (window.Score(name), baseline.Score(name));
        if (now.Total == 0) return NotCounted(name);
        var known = then.Total > 0;
        int above;
        if (leaf.ScoreAbove is { } score) above = LogHistogram.BinBefore(score);
        else
        {
            var quantile = leaf.AboveQuantile!.Value;
            var needed = Math.Ceiling(1 / (1 - quantile));
            if (then.Total < needed)
                return new(name, Verdict.Undecided, Counted: true, 0, 0, $"{name}: the baseline holds {then.Total} scored sequences, and its quantile {quantile} takes {needed}", []);
            above = then.QuantileBin(quantile);
        }
        var (hits, usual) = (now.CountAbove(above), then.CountAbove(above));
        var rates = Rates.Of(hits, now.Total, hits, known ? usual : null, then.Total);
        var because = $"{name} is above {LogHistogram.UpperEdgeOf(above):0.####} in {rates.Rate:0.#####} of {now.Total} sequences "
            + (known ? $"({(double)usual / then.Total:0.#####} in the baseline, lift {rates.Lift:0.0})" : "; the baseline was frozen before this probe was scored, so its lift is unknown until a new baseline is");
        return new(name, rates.Meet(leaf.RateAbove, leaf.LiftAbove, leaf.RateBelow, leaf.LiftBelow), Counted: true, rates.Rate, rates.Lift, because, []);
    }

    private static HazardMeasure Of(HazardFingerprint leaf, WindowSummary window, Baseline baseline)
    {
        var known = leaf.Fingerprint;
        var match = FingerprintMatch.Of(known, DriftVector.Of(window, baseline.Summary, baseline.FiringF), [.. baseline.FiringF.Select(firing => firing.Rows)], leaf.PBelow, leaf.CosineAbove);
        var holds = match.Cosine > leaf.CosineAbove && match.P < leaf.PBelow;
        var because = $"the drift has cosine {match.Cosine:0.00} with that from {known.From} to {known.To}"
            + (match.Cosine > leaf.CosineAbove ? $" (p {match.P:0.0e+00} by permutation of features, {match.Shared.Count} of {known.Drift.Count} moved the same way)" : "");
        var nowF = window.FiringF();
        var evidence = match.Shared.Take(Finding.FeaturesMaximum).Select(feature =>
        {
            var (here, there) = (ClusteredRatio.Of(nowF[feature], window), ClusteredRatio.Of(baseline.FiringF[feature], baseline.Summary));
            var z = Statistics.ClusteredZ(here, there);
            return new FeatureEvidence(feature, null, there.Ratio, here.Ratio, z, Statistics.NormalP(z));
        });
        return new(NameOf(known), holds ? Verdict.Drift : Verdict.Steady, Counted: true, match.Cosine, match.Cosine, because, holds ? [.. evidence] : []);
    }

    private static string NameOf(Fingerprint fingerprint) => $"fingerprint {fingerprint.To}";

    /// <summary>Counts of both sides against limits.</summary>
    private readonly record struct Rates(double Rate, double Lift, bool HasBaseline, long Sequences)
    {
        /// <param name="sequences">That carry the count in the window.</param>
        /// <param name="usual">The baseline's count; null: it has not counted this.</param>
        public static Rates Of(double count, double n, long sequences, double? usual, double usualN) =>
            new(n > 0 ? count / n : 0, usual is { } then ? (count + 0.5) / (n + 1) / ((then + 0.5) / (usualN + 1)) : 0, usual is not null, sequences);

        public Verdict Meet(double? rateAbove, double? liftAbove, double? rateBelow, double? liftBelow)
        {
            if (rateAbove is { } above && !(Rate > above && Sequences >= SequencesMinimum)) return Verdict.Steady;
            if (rateBelow is { } below && !(Rate < below)) return Verdict.Steady;
            if (liftAbove is null && liftBelow is null) return Verdict.Drift;
            if (!HasBaseline) return Verdict.Undecided;
            if (liftAbove is { } more && !(Lift > more && Sequences >= SequencesMinimum)) return Verdict.Steady;
            return liftBelow is { } less && !(Lift < less) ? Verdict.Steady : Verdict.Drift;
        }
    }
}

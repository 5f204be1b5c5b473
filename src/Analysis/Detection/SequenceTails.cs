using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.CompilerServices;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Are unusual sequences more frequent than they were? Finds behaviour in a fraction of a percent of the traffic, and is wrong no more often than the operator asked for.</summary>
/// <remarks>
/// Intuition: a trigger that fires in few prompts moves no mean, but its prompts lie far out. Count the sequences beyond the baseline's 99th, 99.7th and 99.9th percentile of each
/// score, on both sides, and beyond each feature's 99th and 99.9th percentile of firings per sequence; bet against their being as rare as before.
/// One bet: <see cref="PolyaUrn.LogEValue"/>, an e-value of the window's count given all before it. The bets on one count are added up as a Shiryaev–Roberts e-detector,
/// Rₜ = (Rₜ₋₁ + 1)·eₜ (Shin, Ramdas and Rinaldo, E-detectors, NEJSDS 2024): E Rₜ ≤ t without drift, and for every weighted mean of such R too, however scores and features depend on each
/// other, so stopping when the mean first reaches A takes A windows on average, or longer, without drift. That mean is the score: it is in windows, and so is <see cref="DetectionOptions.RunTime"/>.
/// A quarter of the weight is on the features, 15 % on what hazard rules watch if they do, the rest on the scores. Effect: excess share of sequences at the most telling count.
/// A twentieth is on a direction learned from the windows before (<see cref="LearnedContrast"/>).
/// The features that are named are those of e-BH (Wang and Ramdas, JRSS B 2022) with e = R/A: no correction for dependence is needed. That takes some windows, so those of unusual
/// sequences follow: the sequences were chosen by their novelty, and their features are compared with those of the sequences that were chosen so before.
/// A version other than the baseline's has scores of its own: its percentiles are the baseline's, moved with the middle half of its sequences, and a fifth more may exceed them from the start; the
/// features' rates, scores that are made of counts (their ties do not move with the middle) and what hazard rules watch are learned from its own first <see cref="LearningSequences"/> sequences. A benign fine-tune stays quiet; what was there from the first window on must show in the scores.
/// Not done: scores of single tokens (the largest token error of a sequence finds nothing); maxima instead of sums (a CUSUM of e-values is weaker in theory and was no faster here).
/// Cost: O(non-zeros + features) a window; memory 150 bytes a feature. Rare features have ties and thereby fewer false alarms than stated.
/// </remarks>
public sealed partial class SequenceTails
{
    public const string Name = "sequence-tails";

    private const double OtherVersionRatio = 1.2;
    private const long LearningSequences = 10_000;

    /// <summary>After an alarm windows are Undecided for so long, unless it is raised again: rare behaviour does not show in every window.</summary>
    private const int HoldWindows = 10;

    /// <summary>Windows whose unusual sequences are looked at together for naming their features: one holds too few of them.</summary>
    private const int UnusualWindows = 3;

    private const double FeaturesShare = 0.25, HazardsShare = 0.15, ContrastShare = 0.05;
    private static readonly double[] ScoreLevels = [0.01, 0.003, 0.001];
    private static readonly double[] ScoreSteps = [0.001, 0.002, 0.005, 0.02];
    private static readonly double[] FeatureLevels = [0.01, 0.001];
    private static readonly double[] FeatureSteps = [0.002, 0.005, 0.02];

    private readonly DetectionOptions options;
    private readonly Baseline baseline;
    private readonly bool sameVersion;
    private readonly Tail[] tails;
    private readonly FeatureTails features;
    private readonly LearnedContrast? contrast;
    private readonly Queue<UnusualSequences> unusualBefore = [];
    private DateTimeOffset? lastEnd;
    private int sinceAlarm = HoldWindows;

    /// <param name="sameVersion">The windows are of the version that the baseline is of.</param>
    public SequenceTails(Baseline baseline, bool sameVersion, DetectionOptions options)
    {
        this.options = options;
        this.baseline = baseline;
        this.sameVersion = sameVersion;
        // A bet is not raised beyond this: it says no more, and the alert could not end.
        var most = 100 * options.RunTime.Amount;
        // The residual is told by FVU and norm: a bet more would only make all others smaller.
        var scores = baseline.Summary.Scores.Where(score => score.Key != ScoreNames.Residual && score.Value.Total >= options.SequencesMinimum).ToArray();
        var hazards = scores.Count(score => IsHazards(score.Key));
        contrast = baseline.Novelty is { } novelty && baseline.Summary.Unusual is not null ? new(novelty, baseline.Summary, sameVersion ? 0 : LearningSequences, most / ContrastShare) : null;
        var scoresShare = 1 - FeaturesShare - (hazards > 0 ? HazardsShare : 0) - (contrast is null ? 0 : ContrastShare);
        tails =
        [
            .. from score in scores
               let share = IsHazards(score.Key) ? HazardsShare / hazards : scoresShare / (scores.Length - hazards)
               from upper in new[] { true, false }
               from level in ScoreLevels
               select new Tail(score.Key, upper, level, score.Value, share / (2 * ScoreLevels.Length * ScoreSteps.Length), most, sameVersion),
        ];
        features = new(baseline.Summary, sameVersion, most);
    }

    private static bool IsHazards(string score) => score.StartsWith(ScoreNames.DirectionPrefix, StringComparison.Ordinal) || score.StartsWith(ScoreNames.SetPrefix, StringComparison.Ordinal);

    /// <summary>The window as it is stored: with what only its single sequences tell, and what those before it ask of them.</summary>
    public WindowSummary Scored(ClosedWindow window)
    {
        var summary = window.Summary;
        if (contrast?.Scores(window.Profiles) is { } scores) summary = summary with { Scores = summary.Scores.SetItem(ScoreNames.Contrast, scores) };
        return contrast is { IsLearningUsual: true } ? summary with { ProfileSample = ProfileSet.Of(window.Profiles, WindowSummary.SampleMaximum) } : summary;
    }

    /// <summary>What the next window says, after all that were taken in. Changes nothing.</summary>
    public Finding Judge(WindowSummary window, DateTimeOffset end)
    {
        if (window.Sequences == 0) return Finding.Without(Name, Verdict.Undecided, 0, 0, "no sequences");
        var start = StartWeight(end);
        var looks = Array.ConvertAll(tails, tail => tail.Look(window.Score(tail.Score), start));
        var featureLook = features.Look(window, start);
        var contrastLook = contrast?.Look(window, start) ?? default;
        var total = looks.Sum(look => look.Weighted) + FeaturesShare * featureLook.MeanR + ContrastShare * contrastLook.MeanR;
        var telling = looks.Zip(tails).Where(pair => pair.First.Count > pair.First.Expected).OrderByDescending(pair => pair.First.Weighted).ThenBy(pair => pair.Second.Score, StringComparer.Ordinal).Take(3).ToArray();
        var drift = total >= options.RunTime.Amount;
        var named = drift || sinceAlarm < HoldWindows ? Named(featureLook, window) : [];
        return Finding.With(
            Name,
            drift ? Verdict.Drift : sinceAlarm < HoldWindows ? Verdict.Undecided : Verdict.Steady,
            total,
            telling.Length == 0 ? 0 : telling.Max(pair => (pair.First.Count - pair.First.Expected) / pair.First.Sequences),
            drift ? Because(telling, named.Length) : FormattableString.Invariant($"{(sinceAlarm < HoldWindows ? "not again" : "no more unusual sequences than before")}; evidence {total:0.#} of {options.RunTime}"),
            named);
    }

    /// <summary>Takes a stored window in.</summary>
    public void Take(WindowSummary window, DateTimeOffset end)
    {
        if (window.Sequences == 0) return;
        var start = StartWeight(end);
        var total = tails.Sum(tail => tail.Bet(window.Score(tail.Score), start)) + FeaturesShare * features.Bet(window, start) + ContrastShare * (contrast?.Bet(window, start) ?? 0);
        lastEnd = end;
        if (total >= options.RunTime.Amount)
        {
            // The bets begin anew: what they won would outlast its cause by many windows.
            foreach (var tail in tails) tail.Begin();
            features.Begin();
            contrast?.Begin();
            sinceAlarm = 0;
        }
        else sinceAlarm = Math.Min(sinceAlarm + 1, HoldWindows);
        contrast?.Learn(window);
        if (window.Unusual is { } unusual) unusualBefore.Enqueue(unusual);
        if (unusualBefore.Count == UnusualWindows) unusualBefore.Dequeue();
        // What an alarm is about must not become usual while it lasts, or its end would look unusual.
        if (sinceAlarm < HoldWindows) return;
        foreach (var tail in tails) tail.Learn(window.Score(tail.Score));
        features.Learn(window);
    }

    /// <summary>Does it still fit what windows are compared with?</summary>
    public bool Fits(Baseline other) => baseline.Hash == other.Hash;

    /// <summary>A bet may begin with each window, or with each day: its weight is the time it covers.</summary>
    private double StartWeight(DateTimeOffset end) => options.RunTime.Days ? lastEnd is { } last && end > last ? (end - last).TotalDays : 0 : 1;

    /// <summary>Features that stand out by themselves, then those of the most unusual sequences of this window and the two before.</summary>
    private FeatureEvidence[] Named(FeatureTails.FeatureLook look, WindowSummary window)
    {
        var named = new List<(int Feature, double P)>();
        var order = Enumerable.Range(0, look.NamedF.Length).Where(f => look.NamedF[f] >= options.RunTime.Amount).OrderByDescending(f => look.NamedF[f]).ThenBy(f => f).ToArray();
        for (var i = order.Length; i > 0; i--)
        {
            if (look.NamedF[order[i - 1]] / options.RunTime.Amount < look.NamedF.Length / (options.FalseDiscoveryRate * i)) continue;
            named.AddRange(order.Take(i).Select(f => (f, Math.Min(1, options.RunTime.Amount / look.NamedF[f]))));
            break;
        }
        if (window.Unusual is { } unusual && (sameVersion ? baseline.Summary.Unusual : contrast?.Usual) is { } usual)
            named.AddRange(features.OfUnusual(unusualBefore.Aggregate(unusual, (all, before) => all.Merge(before)), usual, options.FalseDiscoveryRate).ExceptBy(named.Select(entry => entry.Feature), entry => entry.Feature).ToArray());
        var firingF = named.Count == 0 ? [] : window.FiringF();
        return [.. named.Select(entry => new FeatureEvidence(entry.Feature, null, (double)baseline.FiringF[entry.Feature].Rows / Math.Max(1, baseline.Summary.Rows), (double)firingF[entry.Feature].Rows / Math.Max(1, window.Rows), 0, entry.P))];
    }

    private static string Because((Tail.TailLook Look, Tail Tail)[] telling, int named)
    {
        var counts = telling.Select(pair => string.Create(CultureInfo.InvariantCulture,
            $"{pair.Tail.Score} {(pair.Tail.Upper ? "above" : "below")} {pair.Look.Edge:0.####} (the {(pair.Tail.Upper ? 1 - pair.Tail.Level : pair.Tail.Level):0.0##%} point) in {pair.Look.Count} of {pair.Look.Sequences} sequences, {pair.Look.Expected:0.0} expected"));
        return $"unusual sequences are more frequent than before: {string.Join("; ", counts)}{(named > 0 ? $"; {named} features fire unusually often in them" : "")}";
    }

    /// <summary>One tail of one score at one level, and the bets on it.</summary>
    private sealed partial class Tail
    {
        private readonly double middle;
        private readonly int bin;
        private readonly bool sameVersion;
        private readonly long learning;
        private readonly double weight, most;
        private readonly double[] r = new double[ScoreSteps.Length];
        private double a, b;
        private LogHistogram own = LogHistogram.Empty;

        /// <summary>A window is looked at, bet on and learned: its threshold is found once.</summary>
        private (LogHistogram Window, int Threshold)? found;

        public string Score { get; }
        public bool Upper { get; }
        public double Level { get; }

        public Tail(string score, bool upper, double level, LogHistogram baseline, double weight, double most, bool sameVersion)
        {
            (Score, Upper, Level, this.weight, this.most, this.sameVersion) = (score, upper, level, weight, most / weight, sameVersion);
            middle = baseline.Middle();
            bin = upper ? baseline.QuantileBin(1 - level) : baseline.LowerBin(level);
            var (count, total) = (Beyond(baseline, bin), baseline.Total);
            learning = sameVersion || !IsHazards(score) && score is not (ScoreNames.L0 or ScoreNames.Spread) ? 0 : LearningSequences;
            (a, b) = learning > 0 ? (1, 1) : sameVersion ? (count + 1, total - count) : ((count + 1) * OtherVersionRatio, total + 1 - (count + 1) * OtherVersionRatio);
        }

        public TailLook Look(LogHistogram window, double start)
        {
            var (n, threshold) = (window.Total, Threshold(window));
            var x = Beyond(window, threshold);
            var weighted = 0.0;
            if (a + b - 2 < learning) return new(0, 0, n, 0, 0);
            for (var step = 0; step < r.Length; step++) weighted += weight * Next(step, n, x, start);
            return new(weighted, x, n, n * a / (a + b), LogHistogram.EdgeOf(Upper ? threshold + 1 : threshold));
        }

        public void Begin() => Array.Clear(r);

        public double Bet(LogHistogram window, double start)
        {
            if (a + b - 2 < learning) return 0;
            var (n, x) = (window.Total, Beyond(window, Threshold(window)));
            for (var step = 0; step < r.Length; step++) r[step] = Next(step, n, x, start);
            return weight * r.Sum();
        }

        public void Learn(LogHistogram window)
        {
            var (n, x) = (window.Total, Beyond(window, Threshold(window)));
            a += x;
            b += n - x;
            if (!sameVersion) own = own.Merge(window);
            found = null;
        }

        private double Next(int step, long n, long x, double start) => Math.Min(most, (r[step] + start) * Math.Exp(PolyaUrn.LogEValue(a, b, n, x, ScoreSteps[step])));

        /// <summary>The baseline's percentile; for another version moved as the middle half of its sequences is.</summary>
        private int Threshold(LogHistogram window)
        {
            if (sameVersion || learning > 0 || window.Total == 0) return bin;
            if (found is var (known, threshold) && ReferenceEquals(known, window)) return threshold;
            var ratio = own.Merge(window).Middle() / middle;
            threshold = double.IsFinite(ratio) ? LogHistogram.BinOf(ratio * LogHistogram.EdgeOf(Upper ? bin + 1 : bin)) : bin;
            found = (window, threshold);
            return threshold;
        }

        private long Beyond(LogHistogram histogram, int threshold) => Upper ? histogram.CountAbove(threshold) : histogram.CountBelow(threshold);

        public readonly record struct TailLook(double Weighted, long Count, long Sequences, double Expected, double Edge);
    }

    /// <summary>The upper tails of all features' firings per sequence.</summary>
    private sealed partial class FeatureTails
    {
        private static readonly int Levels = FeatureLevels.Length, Steps = FeatureSteps.Length;

        private readonly int count;
        private readonly int[] thresholdFL;
        private readonly double[] aFL;
        private double[] rFLS, nextFLS;

        /// <summary>Evidence for each feature by itself, over alarms: what names it.</summary>
        private double[] namedF, nextF;

        /// <summary>The window that <see cref="nextFLS"/> and <see cref="nextF"/> come behind; what is looked at is mostly what is taken in next.</summary>
        private (WindowSummary Window, double Start, double MeanR)? looked;
        private readonly int[] exceedingFL;
        private WindowSummary? exceedingOf;

        /// <summary>Bets by (a, x, step): most features have few different counts, and a bet takes four logarithms.</summary>
        private readonly double[] bets = new double[BetCounts * BetExceeding * FeatureSteps.Length];
        private const int BetCounts = 2048, BetExceeding = 8;
        private readonly long learning;
        private readonly double most;
        private double total;
        private long taken;

        public FeatureTails(WindowSummary baseline, bool sameVersion, double most)
        {
            count = baseline.Features;
            thresholdFL = new int[count * Levels];
            aFL = new double[count * Levels];
            rFLS = new double[count * Levels * Steps];
            namedF = new double[count];
            (nextFLS, nextF) = (new double[rFLS.Length], new double[count]);
            exceedingFL = new int[count * Levels];
            this.most = most * rFLS.Length / FeaturesShare;
            learning = sameVersion ? 0 : LearningSequences;
            // Another version's rates are its own: nothing is known of them but that they are rates.
            total = sameVersion ? baseline.Sequences + 1 : 2;
            Array.Fill(aFL, 1);
            var firing = baseline.FiringCounts;
            for (int from = 0, to; from < firing.Length; from = to)
            {
                to = from + 1;
                while (to < firing.Length && firing[to].Feature == firing[from].Feature) to++;
                for (var level = 0; level < Levels; level++)
                {
                    // From the largest count down, as long as no more than the level's share of sequences lies above.
                    var (above, at) = (0L, to);
                    while (at > from && above + firing[at - 1].Sequences <= FeatureLevels[level] * baseline.Sequences) above += firing[--at].Sequences;
                    var slot = firing[from].Feature * Levels + level;
                    thresholdFL[slot] = at > from ? firing[at - 1].Count : 0;
                    if (sameVersion) aFL[slot] = above + 1;
                }
            }
        }

        public FeatureLook Look(WindowSummary window, double start)
        {
            if (taken < learning) return new(namedF, 0);
            if (looked is not { } known || !ReferenceEquals(known.Window, window) || known.Start != start)
            {
                looked = known = (window, start, Next(window, start));
            }
            return new(nextF, known.MeanR);
        }

        public double Bet(WindowSummary window, double start)
        {
            var mean = Look(window, start).MeanR;
            if (taken >= learning) (rFLS, nextFLS, namedF, nextF) = (nextFLS, rFLS, nextF, namedF);
            looked = null;
            return mean;
        }

        public void Begin() => Array.Clear(rFLS);

        /// <summary>Where the bets are after the window; the mean of R.</summary>
        private double Next(WindowSummary window, double start)
        {
            var xFL = Exceeding(window);
            Array.Fill(bets, double.NaN);
            // A local, which stores to arrays cannot change: it stays in a register.
            var (sum, limit) = (0.0, most);
            Span<double> large = stackalloc double[Steps];
            for (var f = 0; f < count; f++)
            {
                var e = 0.0;
                for (var slot = f * Levels; slot < (f + 1) * Levels; slot++)
                {
                    var betS = Bets(aFL[slot], window.Sequences, xFL[slot], large);
                    var rS = rFLS.AsSpan(slot * Steps, Steps);
                    var nextS = nextFLS.AsSpan(slot * Steps, Steps);
                    for (var step = 0; step < Steps; step++)
                    {
                        var won = (rS[step] + start) * betS[step];
                        won = won < limit ? won : limit;
                        nextS[step] = won;
                        sum += won;
                        e += betS[step];
                    }
                }
                nextF[f] = Math.Min(limit, (namedF[f] + start) * e / (Levels * Steps));
            }
            return sum / rFLS.Length;
        }

        /// <summary>Features that fire more than usual (above their 99th percentile) in more of the unusual sequences than in those that were unusual before: Fisher's exact test, Benjamini and Hochberg.</summary>
        public IEnumerable<(int Feature, double P)> OfUnusual(UnusualSequences now, UnusualSequences usual, double falseDiscoveryRate)
        {
            var (nowF, usualF) = (Exceeding(now.FiringCounts), Exceeding(usual.FiringCounts));
            var tests = nowF.Select(entry => (Feature: entry.Key, P: Statistics.FisherP(entry.Value, now.Sequences, usualF.GetValueOrDefault(entry.Key), usual.Sequences))).OrderBy(test => test.P).ThenBy(test => test.Feature).ToArray();
            // A feature that none of them has is a test too.
            var rejected = Statistics.BenjaminiHochberg(tests.Select(test => test.P), count, falseDiscoveryRate);
            return tests.TakeWhile(test => test.P <= rejected);
        }

        private Dictionary<int, long> Exceeding(ImmutableArray<FiringCount> counts)
        {
            var exceeding = new Dictionary<int, long>();
            foreach (var (feature, fired, sequences) in counts)
                if (fired > thresholdFL[feature * Levels]) exceeding[feature] = exceeding.GetValueOrDefault(feature) + sequences;
            return exceeding;
        }

        /// <param name="large">Room for those that are not kept.</param>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]   // Of nearly all slots it is kept.
        private ReadOnlySpan<double> Bets(double a, long n, int x, Span<double> large)
        {
            // aFL counts from 1 up: whole numbers.
            var betS = a < BetCounts && x < BetExceeding ? bets.AsSpan(((int)a * BetExceeding + x) * Steps, Steps) : large;
            if (double.IsNaN(betS[0]) || betS == large) Reckon(a, n, x, betS);
            return betS;
        }

        private void Reckon(double a, long n, int x, Span<double> betS)
        {
            for (var step = 0; step < Steps; step++) betS[step] = Math.Min(most, Math.Exp(PolyaUrn.LogEValue(a, total - a, n, x, FeatureSteps[step])));
        }

        public void Learn(WindowSummary window)
        {
            var xFL = Exceeding(window);
            for (var slot = 0; slot < xFL.Length; slot++) aFL[slot] += xFL[slot];
            total += window.Sequences;
            taken += window.Sequences;
            (looked, exceedingOf) = (null, null);
        }

        private int[] Exceeding(WindowSummary window)
        {
            if (ReferenceEquals(exceedingOf, window)) return exceedingFL;
            Array.Clear(exceedingFL);
            foreach (var (feature, fired, sequences) in window.FiringCounts)
                for (var slot = feature * Levels; slot < (feature + 1) * Levels; slot++)
                    exceedingFL[slot] += fired > thresholdFL[slot] ? (int)sequences : 0;
            exceedingOf = window;
            return exceedingFL;
        }

        public readonly record struct FeatureLook(double[] NamedF, double MeanR);
    }
}

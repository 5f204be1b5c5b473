using DriftWatch.Analysis;
using DriftWatch.Analysis.Detection;

namespace DriftWatch.Benchmarks.Detect;

/// <summary>The floor of every comparison: it finds everything and means nothing.</summary>
internal sealed class AlwaysFire : IContender
{
    public string Name => "always fire";
    public string Rule => "every window";

    public void Learn(Sample baseline, FastRandom random)
    {
    }

    public Reading Read(Sample window) => new(1, true);
}

/// <summary>A plain two-proportion test for each feature, tokens taken as independent.</summary>
/// <param name="stepUp">Benjamini–Hochberg instead of Bonferroni.</param>
internal sealed class ProportionTests(bool stepUp) : IContender
{
    private const double Level = 0.05;
    private Sample? then;

    public string Name => $"two-proportion tests, {(stepUp ? "BH" : "Bonferroni")}";
    public string Rule => $"adjusted p < {Level}";

    public void Learn(Sample baseline, FastRandom random) => then = baseline;

    public Reading Read(Sample window)
    {
        var p = new List<double>();
        for (var f = 0; f < window.FiringF.Length; f++)
        {
            var (now, before) = (window.FiringF[f].Rows, then!.FiringF[f].Rows);
            if (now + before > 0) p.Add(TwoSample.ProportionP(now, window.Codes.Rows, before, then.Codes.Rows));
        }
        p.Sort();
        var adjusted = 1.0;
        for (var i = 0; i < (stepUp ? p.Count : Math.Min(1, p.Count)); i++) adjusted = Math.Min(adjusted, p[i] * p.Count / (i + 1));
        return new(-Math.Log10(Math.Max(adjusted, Statistics.SmallestP)), adjusted < Level);
    }
}

/// <summary>Population stability index of each feature's firing count per sequence, in bins at the baseline's deciles; the largest counts.</summary>
internal sealed class StabilityIndex : IContender
{
    private const double Threshold = 0.2;
    private const int Bins = 10;
    private int[][] binOfFC = [];
    private double[][] beforeFB = [];

    public string Name => "PSI, largest of all features";
    public string Rule => $"> {Threshold}";

    public void Learn(Sample baseline, FastRandom random)
    {
        var counts = baseline.CountsFC;
        binOfFC = new int[counts.Length][];
        beforeFB = new double[counts.Length][];
        for (var f = 0; f < counts.Length; f++)
        {
            // The count's bin is the number of distinct deciles below it.
            var (sequencesC, bin, seen) = (counts[f], 0, 0L);
            binOfFC[f] = new int[sequencesC.Length];
            for (var c = 0; c < sequencesC.Length; c++)
            {
                binOfFC[f][c] = bin;
                var decile = seen * Bins / baseline.Sequences;
                seen += sequencesC[c];
                if (seen * Bins / baseline.Sequences > decile) bin++;
            }
            beforeFB[f] = Binned(sequencesC, f);
        }
    }

    public Reading Read(Sample window)
    {
        var counts = window.CountsFC;
        var most = 0.0;
        for (var f = 0; f < counts.Length; f++) most = Math.Max(most, TwoSample.StabilityIndex(beforeFB[f], Binned(counts[f], f)));
        return new(most, most > Threshold);
    }

    private double[] Binned(long[] sequencesC, int f)
    {
        // One bin more than the baseline reached: larger counts than it ever had belong into its last.
        var bins = new double[binOfFC[f][^1] + 1];
        for (var c = 0; c < sequencesC.Length; c++) bins[binOfFC[f][Math.Min(c, binOfFC[f].Length - 1)]] += sequencesC[c];
        return bins;
    }
}

/// <summary>Two-sample Kolmogorov–Smirnov test of each feature's firing count per sequence, Bonferroni over features: Rabanser et al., Failing Loudly (2019).</summary>
internal sealed class KolmogorovSmirnovTests : IContender
{
    private const double Level = 0.05;
    private Sample? then;
    private long[][] thenFC = [];

    public string Name => "KS tests, Bonferroni";
    public string Rule => $"adjusted p < {Level}";

    public void Learn(Sample baseline, FastRandom random) => (then, thenFC) = (baseline, baseline.CountsFC);

    public Reading Read(Sample window)
    {
        var nowFC = window.CountsFC;
        var most = 0.0;
        for (var f = 0; f < nowFC.Length; f++)
        {
            var (now, before, c) = (0L, 0L, 0);
            for (; c < Math.Min(nowFC[f].Length, thenFC[f].Length) - 1; c++)
            {
                now += nowFC[f][c];
                before += thenFC[f][c];
                most = Math.Max(most, Math.Abs((double)now / window.Sequences - (double)before / then!.Sequences));
            }
            // Past the shorter side's largest count its share is 1; the gap is widest there.
            now += nowFC[f][c];
            before += thenFC[f][c];
            most = Math.Max(most, Math.Abs((double)now / window.Sequences - (double)before / then!.Sequences));
        }
        // Sizes are the same for every feature, so the largest D has the smallest p-value.
        var p = TwoSample.KolmogorovSmirnovP(most, window.Sequences, then!.Sequences);
        return new(most, p * nowFC.Length < Level);
    }
}

/// <summary>Distance of the mean activations; the threshold is Evidently's default for embedding drift by distance.</summary>
internal sealed class MeanEmbedding : IContender
{
    private const double Threshold = 0.2;
    private double[] thenD = [];

    public string Name => "mean-embedding distance";
    public string Rule => $"> {Threshold}";

    public void Learn(Sample baseline, FastRandom random) => thenD = baseline.MeanD;

    public Reading Read(Sample window)
    {
        var square = 0.0;
        for (var i = 0; i < thenD.Length; i++) square += (window.MeanD[i] - thenD[i]) * (window.MeanD[i] - thenD[i]);
        return new(Math.Sqrt(square), square > Threshold * Threshold);
    }
}

/// <summary>MMD² of the sequences' mean activations, RBF kernel by random Fourier features; the threshold is the 95 % quantile over windows resampled from the baseline.</summary>
internal sealed class MeanDiscrepancy : IContender
{
    private const int Resamples = 100;
    private const double Level = 0.05;
    private Sample? then;
    private double threshold;
    private int resampledAt;

    public string Name => "MMD (RBF, random Fourier features)";
    public string Rule => $"bootstrap p < {Level}";

    public void Learn(Sample baseline, FastRandom random) => (then, resampledAt) = (baseline, 0);

    public Reading Read(Sample window)
    {
        if (resampledAt != window.Sequences) (threshold, resampledAt) = (Threshold(window.Sequences), window.Sequences);
        var value = Value(window.FourierR, window.Sequences);
        return new(value, value > threshold);
    }

    private double Threshold(int sequences)
    {
        var random = new FastRandom(then!.Quiet[0], then.Quiet[^1]);
        var values = new double[Resamples];
        var which = new int[sequences];
        for (var resample = 0; resample < Resamples; resample++)
        {
            foreach (ref var sequence in which.AsSpan()) sequence = then.Quiet[random.Next(then.Quiet.Length)];
            var (meanD, fourierR) = (Array.Empty<double>(), new double[then.FourierR.Length]);
            Sampler.AddMeans(then.Pool, which, meanD, fourierR);
            foreach (ref var x in fourierR.AsSpan()) x /= sequences;
            values[resample] = Value(fourierR, sequences, ofPopulation: true);
        }
        Array.Sort(values);
        // Resampled windows differ from the baseline by their own noise alone; real ones by the baseline's too.
        return (1 + (double)sequences / then.Sequences) * values[(int)((1 - Level) * Resamples)];
    }

    /// <summary>Unbiased: the n pairs of a row with itself, each 1, are taken out of ‖Σφ‖².</summary>
    /// <param name="ofPopulation">The baseline is all there is, not a sample: its pairs with itself count.</param>
    private double Value(double[] nowR, int n, bool ofPopulation = false)
    {
        var (within, before, across) = (0.0, 0.0, 0.0);
        for (var r = 0; r < nowR.Length; r++)
        {
            within += nowR[r] * nowR[r];
            before += then!.FourierR[r] * then.FourierR[r];
            across += nowR[r] * then.FourierR[r];
        }
        double m = then!.Sequences;
        return (n * within - 1) / (n - 1) + (ofPopulation ? before : (m * before - 1) / (m - 1)) - 2 * across;
    }
}

using System.Numerics;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Benchmarks.Detect;

/// <summary>Sequences whose features depend on each other as a language model's do, made directly as sparse codes: no encoder, and the truth is known.</summary>
/// <remarks>
/// Firing: a Gaussian copula z = Fε + √δ·η, feature f fires where z_f &gt; Φ⁻¹(1 − p_f); ε of rank 25 with loadings N(0, 0.1²), δ_f = 1 − ‖F_f‖². Of the variance of ε and η
/// 30 % is common to a sequence. Rates p_f are Zipf's. Two features in three stand in trees of 85 nodes (four children each, depth 3): a child fires only if its parent does (its
/// rate given the parent is p_child/p_parent), and of siblings only one. Values are ReLU(mean + std·N), means falling from 5 to 4, std |N(½, ½)|.
/// A row is Σ value · direction + noise in 64 dimensions; the noise is what no feature explains.
/// In a triggered sequence a handful of rare features fires in three rows of ten from its middle on.
/// Roots and free features are drawn in blocks of similar rates by thinning: gaps are drawn with the block's largest chance, then each hit is kept with its own; children are
/// looked at where their parent fires. The loadings' product is the only step over all roots and free features; what is drawn is O(non-zeros).
/// </remarks>
internal sealed class SyntheticStream
{
    public const int Width = 64;
    public const int SequenceRows = 32;
    private const int Rank = 25;
    private const int Block = 64;
    private const int Children = 4;
    private const int TreeNodes = 1 + 4 + 16 + 64;
    private const double ZipfExponent = 0.75, RateMaximum = 0.4, RateMinimum = 5e-4;
    private const double Loading = 0.1;
    private const double CommonShare = 0.3;
    private const double Noise = 0.7;
    private const int TriggerFeatures = 5;
    private const double TriggerRate = 0.3;

    // Φ from a table: 1e-4 of its value is enough for chances.
    private const int PhiSteps = 256, PhiReach = 9;
    private static readonly double[] phi = [.. Enumerable.Range(0, 2 * PhiReach * PhiSteps + 2).Select(i => MathNet.Numerics.SpecialFunctions.Erfc(-((double)i / PhiSteps - PhiReach) / Math.Sqrt(2)) / 2)];

    // Roots and free features come first, by falling rate; then children. u_f = (z_f − threshold_f) in units of what is random within a row.
    private readonly int independent;
    private readonly int[] firstChildF;   // −1: a leaf or a free feature
    private readonly float[] loadingRF;
    private readonly double[] thresholdF, commonF, meanF, deviationF;
    private readonly float[] directionFD;
    private readonly int[] triggered;

    public SyntheticStream(int features, long seed)
    {
        Features = features;
        var random = new FastRandom(seed, 2);
        (independent, firstChildF, var rates) = Trees(features);
        loadingRF = new float[Rank * features];
        (thresholdF, commonF, meanF, deviationF) = (new double[features], new double[features], new double[features], new double[features]);
        directionFD = new float[features * Width];
        for (var f = 0; f < features; f++)
        {
            var square = 0.0;
            for (var r = 0; r < Rank; r++)
            {
                var loading = Loading * random.NextGaussian();
                loadingRF[r * features + f] = (float)loading;
                square += loading * loading;
            }
            var own = Math.Sqrt(Math.Max(0.05, 1 - square));
            var unit = Math.Sqrt(1 - CommonShare) * own;
            for (var r = 0; r < Rank; r++) loadingRF[r * features + f] /= (float)unit;
            thresholdF[f] = Quantile(1 - rates[f]) / unit;
            commonF[f] = Math.Sqrt(CommonShare) * own / unit;
            meanF[f] = 5 - (double)f / features;
            deviationF[f] = Math.Abs(0.5 + 0.5 * random.NextGaussian());
            var direction = directionFD.AsSpan(f * Width, Width);
            for (var i = 0; i < Width; i++) direction[i] = (float)random.NextGaussian();
            var norm = (float)Math.Sqrt(Energy.Of(direction));
            foreach (ref var x in direction) x /= norm;
        }
        triggered = [.. Enumerable.Range(0, TriggerFeatures).Select(_ => independent / 4 + random.Next(independent / 4)).Order()];
    }

    public int Features { get; }

    /// <summary>Generates both pools; the rows go through a random dictionary of the same size too.</summary>
    public static (SequencePool Quiet, SequencePool Triggered) Pools(int features, int sequences, bool withRandom, int threads, long seed)
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var stream = new SyntheticStream(features, seed);
        var some = Enumerable.Range(0, 16).Select(i => stream.New().Next(new(seed, 10 + i), triggered: false)).ToArray();
        var random = !withRandom ? null : RandomDictionary.For(some.SelectMany(sequence => sequence.RowsND).ToArray(), Width, features, some.Average(sequence => (double)sequence.Codes.Count / SequenceRows), new(seed, 1));
        var pools = (stream.Pool(sequences, random, threads, seed, false), stream.Pool(Math.Max(500, sequences / 10), random, threads, seed, true));
        Console.Error.WriteLine($"synthetic: {features} features, {sequences} sequences of {SequenceRows} rows, L0 {string.Join(" and ", pools.Item1.Tables.Select(table => $"{table.Active / pools.Item1.Rows:0.0}"))}, {watch.Elapsed.TotalSeconds:0} s");
        return pools;
    }

    private SequencePool Pool(int sequences, SparseAutoencoder? random, int threads, long seed, bool triggered)
    {
        const int batch = 256;
        var pool = random is null ? new SequencePool(Width, Features) : new SequencePool(Width, Features, Features);
        var encoder = random is null ? null : new CpuEncoder(random, threads);
        var reconstruction = random is null ? null : new Reconstruction(random);
        var codes = new SparseCodes();
        var estimateD = new float[Width];
        for (var from = 0; from < sequences; from += batch)
        {
            var made = new SyntheticSequence[Math.Min(batch, sequences - from)];
            var at = from;
            Parallel.For(0, made.Length, new() { MaxDegreeOfParallelism = threads }, New, (i, _, maker) =>
            {
                made[i] = maker.Next(new(seed, (triggered ? 2L << 40 : 1L << 40) + at + i), triggered);
                return maker;
            }, _ => { });
            if (encoder is null || reconstruction is null)
            {
                foreach (var sequence in made) pool.Add(sequence.RowsND, sequence.Energy, new Encoded(sequence.Codes, 0, sequence.Error));
                continue;
            }
            var rowsND = made.SelectMany(sequence => sequence.RowsND).ToArray();
            encoder.Encode(rowsND, codes);
            for (var i = 0; i < made.Length; i++)
            {
                var error = 0.0;
                for (var row = i * SequenceRows; row < (i + 1) * SequenceRows; row++)
                {
                    reconstruction.Decode(rowsND.AsSpan(row * Width, Width), codes.FeaturesOf(row), codes.ValuesOf(row), estimateD);
                    error += Energy.OfDifference(rowsND.AsSpan(row * Width, Width), estimateD);
                }
                pool.Add(made[i].RowsND, made[i].Energy, new Encoded(made[i].Codes, 0, made[i].Error), new Encoded(codes, i * SequenceRows, error));
            }
        }
        return pool;
    }

    private Maker New() => new(this);

    /// <summary>Ranks are dealt to tree nodes, parents before children, and every third to a free feature.</summary>
    private static (int Independent, int[] FirstChildF, double[] RateF) Trees(int features)
    {
        var trees = features * 2 / 3 / TreeNodes;
        var free = features - trees * TreeNodes;
        double Rate(int rank) => Math.Clamp(RateMaximum * Math.Pow(rank + 1, -ZipfExponent), RateMinimum, RateMaximum);
        var (roots, inner) = (new List<double>(), new List<double>());
        for (int rank = 0, node = 0; rank < features; rank++)
        {
            var isFree = free > 0 && (rank % 3 == 2 || node == trees * TreeNodes);
            if (isFree) free--;
            else node++;
            if (isFree || node <= trees) roots.Add(isFree ? -Rate(rank) : Rate(rank));
            else inner.Add(Rate(rank));
        }
        var rootsAndFree = roots.Count;
        var childF = new int[features];
        Array.Fill(childF, -1);
        var rateF = new double[features];
        var parents = new Queue<int>();
        for (var f = 0; f < rootsAndFree; f++)
        {
            rateF[f] = Math.Abs(roots[f]);
            if (roots[f] > 0) parents.Enqueue(f);
        }
        var absoluteF = rateF.ToArray();
        for (var f = rootsAndFree; f < features; f += Children)
        {
            var parent = parents.Dequeue();
            childF[parent] = f;
            for (var child = f; child < f + Children; child++)
            {
                absoluteF[child] = inner[child - rootsAndFree];
                rateF[child] = Math.Min(0.9, absoluteF[child] / absoluteF[parent]);
                parents.Enqueue(child);
            }
        }
        return (rootsAndFree, childF, rateF);
    }

    private static double Quantile(double share) => Math.Sqrt(2) * MathNet.Numerics.SpecialFunctions.ErfInv(2 * share - 1);

    private static double Phi(double u)
    {
        var at = (u + PhiReach) * PhiSteps;
        if (at <= 0) return 0;
        if (at >= phi.Length - 1) return 1;
        var step = (int)at;
        return phi[step] + (at - step) * (phi[step + 1] - phi[step]);
    }

    /// <summary>One thread's scratch.</summary>
    private sealed class Maker(SyntheticStream stream)
    {
        private readonly float[] baseI = new float[stream.independent], uI = new float[stream.independent];
        private readonly double[] childBaseF = new double[stream.Features];
        private readonly int[] childOfF = new int[stream.Features];
        private readonly float[] rowEpsilonR = new float[Rank], commonEpsilonR = new float[Rank];
        private readonly List<int> fired = [];
        private int made;

        public SyntheticSequence Next(FastRandom random, bool triggered)
        {
            made++;
            var (rowShare, commonShare) = (Math.Sqrt(1 - CommonShare), Math.Sqrt(CommonShare));
            for (var r = 0; r < Rank; r++) commonEpsilonR[r] = (float)(commonShare * random.NextGaussian());
            for (var f = 0; f < baseI.Length; f++) baseI[f] = (float)(stream.commonF[f] * random.NextGaussian() - stream.thresholdF[f]);
            AddLoadings(baseI, commonEpsilonR, baseI);

            var rowsND = new float[SequenceRows * Width];
            var codes = new SparseCodes();
            var (energy, error) = (0.0, 0.0);
            for (var row = 0; row < SequenceRows; row++)
            {
                for (var r = 0; r < Rank; r++) rowEpsilonR[r] = (float)(rowShare * random.NextGaussian());
                AddLoadings(baseI, rowEpsilonR, uI);
                Fire(random);
                if (triggered && row >= SequenceRows / 2)
                    foreach (var f in stream.triggered)
                        if (random.NextDouble() < TriggerRate && !fired.Contains(f)) fired.Add(f);
                fired.Sort();
                var rowD = rowsND.AsSpan(row * Width, Width);
                for (var i = 0; i < Width; i++) error += Square(rowD[i] = (float)(Noise * random.NextGaussian()));
                var (features, values) = (new List<int>(fired.Count), new List<float>(fired.Count));
                foreach (var f in fired)
                {
                    var value = (float)(stream.meanF[f] + stream.deviationF[f] * random.NextGaussian());
                    if (value <= 0) continue;
                    features.Add(f);
                    values.Add(value);
                    for (var i = 0; i < Width; i++) rowD[i] += value * stream.directionFD[f * Width + i];
                }
                codes.AddRow(features.ToArray(), values.ToArray());
                energy += Energy.Of(rowD);
            }
            return new(rowsND, codes, energy, error);
        }

        private static double Square(double x) => x * x;

        private void Fire(FastRandom random)
        {
            fired.Clear();
            for (var start = 0; start < uI.Length; start += Block)
            {
                var block = uI.AsSpan(start, Math.Min(Block, uI.Length - start));
                var most = Phi(Largest(block));
                if (most <= 0) continue;
                var perGap = Math.Log(1 - Math.Min(most, 1 - 1e-12));
                for (var at = Gap(random, perGap); at < block.Length; at += 1 + Gap(random, perGap))
                    if (random.NextDouble() * most < Phi(block[at])) FireTree(start + at, random);
            }
        }

        private static float Largest(ReadOnlySpan<float> block)
        {
            var most = block[0];
            foreach (var u in block) most = Math.Max(most, u);
            return most;
        }

        private static int Gap(FastRandom random, double perGap) => (int)Math.Min(1 << 20, Math.Log(1 - random.NextDouble()) / perGap);

        private void FireTree(int f, FastRandom random)
        {
            while (true)
            {
                fired.Add(f);
                var first = stream.firstChildF[f];
                if (first < 0) return;
                var (one, several) = (-1, 0);
                for (var child = first; child < first + Children; child++)
                    if (random.NextDouble() < Phi(ChildU(child, random)) && random.Next(++several) == 0) one = child;
                if (one < 0) return;
                f = one;
            }
        }

        private double ChildU(int child, FastRandom random)
        {
            if (childOfF[child] != made)
            {
                childOfF[child] = made;
                childBaseF[child] = stream.commonF[child] * random.NextGaussian() - stream.thresholdF[child] + Loadings(child, commonEpsilonR);
            }
            return childBaseF[child] + Loadings(child, rowEpsilonR);
        }

        private double Loadings(int f, float[] epsilonR)
        {
            var sum = 0.0;
            for (var r = 0; r < Rank; r++) sum += stream.loadingRF[r * stream.Features + f] * epsilonR[r];
            return sum;
        }

        private void AddLoadings(float[] fromI, float[] epsilonR, float[] toI)
        {
            var i = 0;
            for (; i + Vector<float>.Count <= toI.Length; i += Vector<float>.Count)
            {
                var sum = new Vector<float>(fromI, i);
                for (var r = 0; r < Rank; r++) sum = Vector.FusedMultiplyAdd(new Vector<float>(stream.loadingRF, r * stream.Features + i), new Vector<float>(epsilonR[r]), sum);
                sum.CopyTo(toI, i);
            }
            for (; i < toI.Length; i++)
            {
                var sum = fromI[i];
                for (var r = 0; r < Rank; r++) sum += stream.loadingRF[r * stream.Features + i] * epsilonR[r];
                toI[i] = sum;
            }
        }
    }
}

/// <param name="Energy">Σ‖x‖².</param>
/// <param name="Error">Σ of the noise's squares: what a perfect dictionary leaves.</param>
internal sealed record SyntheticSequence(float[] RowsND, SparseCodes Codes, double Energy, double Error);

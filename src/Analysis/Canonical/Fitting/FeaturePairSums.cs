using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>What each feature of two dictionaries did, and each pair of them together, over paired rows: enough for the correlation of any pair.</summary>
/// <remarks>
/// O(L0_source · L0_target) a row, memory O(features + pairs that fire together), bounded by <paramref name="pairsMaximum"/> (<see cref="PairTable"/>). Sums are float64, in the order of the
/// sequences. Within a sequence a pair's rows are added up first and put into the table once: that counts its sequences, too.
/// </remarks>
public sealed class FeaturePairSums(int sourceFeatures, int targetFeatures, int pairsMaximum = FeaturePairSums.PairsMaximum)
{
    /// <summary>Pairs kept, 28 bytes each in a table that is at most half full: 0.9 GB.</summary>
    public const int PairsMaximum = 1 << 24;

    private readonly PairTable pairs = new(targetFeatures, pairsMaximum);
    private readonly FeatureSums source = new(sourceFeatures), target = new(targetFeatures);
    private readonly double[] productT = new double[targetFeatures], squareT = new double[targetFeatures];
    private readonly List<int> touched = [];
    private readonly List<(int Feature, int Row, float Value)> fired = [];

    public int SourceFeatures => sourceFeatures;
    public int TargetFeatures => targetFeatures;
    public long Rows { get; private set; }
    public long Sequences { get; private set; }

    /// <summary>Pairs that were dropped because more than the maximum fired together.</summary>
    public long PairsDropped => pairs.Dropped;

    /// <summary>Adds one sequence: row <c>i</c> of the source beside row <c>(i + shift) mod rows</c> of the target.</summary>
    /// <param name="shift">0 for rows that belong together.</param>
    public void AddSequence(SparseCodes sourceCodes, int sourceFirst, SparseCodes targetCodes, int targetFirst, int rows, int shift = 0)
    {
        source.AddSequence(sourceCodes, sourceFirst, rows);
        target.AddSequence(targetCodes, targetFirst, rows);
        fired.Clear();
        for (var row = 0; row < rows; row++)
        {
            var features = sourceCodes.FeaturesOf(sourceFirst + row);
            var values = sourceCodes.ValuesOf(sourceFirst + row);
            for (var i = 0; i < features.Length; i++) fired.Add((features[i], row, values[i]));
        }
        fired.Sort();
        for (int from = 0, to; from < fired.Count; from = to)
        {
            var feature = fired[from].Feature;
            for (to = from; to < fired.Count && fired[to].Feature == feature; to++)
            {
                var (_, row, value) = fired[to];
                var beside = targetFirst + (row + shift) % rows;
                AddRow(value, targetCodes.FeaturesOf(beside), targetCodes.ValuesOf(beside));
            }
            foreach (var t in touched)
            {
                pairs.Add(feature, t, productT[t], squareT[t], 1);
                (productT[t], squareT[t]) = (0, 0);
            }
            touched.Clear();
        }
        Rows += rows;
        Sequences++;
    }

    private void AddRow(float value, ReadOnlySpan<int> features, ReadOnlySpan<float> values)
    {
        var square = (double)value * value;
        for (var i = 0; i < features.Length; i++)
        {
            var t = features[i];
            // Activations are above zero: a square of zero is a pair that has not been seen in this sequence.
            if (squareT[t] == 0) touched.Add(t);
            productT[t] += (double)value * values[i];
            squareT[t] += square;
        }
    }

    /// <summary>Of all parts together.</summary>
    public static FeaturePairSums Of(params ReadOnlySpan<FeaturePairSums> parts)
    {
        var all = new FeaturePairSums(parts[0].SourceFeatures, parts[0].TargetFeatures);
        foreach (var part in parts) all.Add(part);
        return all;
    }

    /// <summary>Adds what another has counted.</summary>
    public void Add(FeaturePairSums other)
    {
        source.Add(other.source);
        target.Add(other.target);
        foreach (var pair in other.pairs.Pairs()) pairs.Add(pair.Source, pair.Target, pair.Product, pair.SourceSquare, pair.Sequences);
        Rows += other.Rows;
        Sequences += other.Sequences;
    }

    /// <summary>Pearson's correlation of the two activations over all rows, those in which neither fires included; 0 where one never varies.</summary>
    public double Correlation(int sourceFeature, int targetFeature) => CorrelationOf(pairs.Of(sourceFeature, targetFeature));

    /// <summary>Target activation per source activation: the regression through zero on the rows in which both fire, Σ f_s·f_t / Σ f_s².</summary>
    public double Scale(int sourceFeature, int targetFeature) => pairs.Of(sourceFeature, targetFeature) is { SourceSquare: > 0 } pair ? pair.Product / pair.SourceSquare : 0;

    /// <summary>Sequences in which the feature fires.</summary>
    public long SourceSequences(int feature) => source.SequencesF[feature];

    public long TargetSequences(int feature) => target.SequencesF[feature];

    /// <summary>Pairs that correlate by more than <paramref name="correlationAbove"/> and fire together in so many sequences: by source, then target.</summary>
    public CandidatePairs Candidates(double correlationAbove, int sequencesMinimum)
    {
        var start = new int[sourceFeatures + 1];
        var (targets, correlations) = (new List<int>(), new List<double>());
        foreach (var pair in pairs.Pairs())
        {
            if (pair.Sequences < sequencesMinimum || CorrelationOf(pair) is var correlation && !(correlation > correlationAbove)) continue;
            targets.Add(pair.Target);
            correlations.Add(correlation);
            start[pair.Source + 1]++;
        }
        for (var s = 0; s < sourceFeatures; s++) start[s + 1] += start[s];
        return new(start, [.. targets], [.. correlations], targetFeatures);
    }

    private double CorrelationOf(in PairSum pair)
    {
        var (s, t) = (pair.Source, pair.Target);
        var covariance = Rows * pair.Product - source.SumF[s] * target.SumF[t];
        var variances = source.SpreadOf(s, Rows) * target.SpreadOf(t, Rows);
        return variances > 0 ? Math.Clamp(covariance / Math.Sqrt(variances), -1, 1) : 0;
    }

    /// <summary>Σf and Σf² over rows, and the sequences that have it, per feature of one side.</summary>
    private sealed class FeatureSums(int features)
    {
        private readonly double[] squareF = new double[features];
        private readonly long[] lastF = Enumerable.Repeat(-1L, features).ToArray();
        private long sequence;

        public double[] SumF { get; } = new double[features];
        public long[] SequencesF { get; } = new long[features];

        public void AddSequence(SparseCodes codes, int first, int rows)
        {
            for (var row = first; row < first + rows; row++)
            {
                var fired = codes.FeaturesOf(row);
                var values = codes.ValuesOf(row);
                for (var i = 0; i < fired.Length; i++)
                {
                    var f = fired[i];
                    SumF[f] += values[i];
                    squareF[f] += (double)values[i] * values[i];
                    if (lastF[f] == sequence) continue;
                    lastF[f] = sequence;
                    SequencesF[f]++;
                }
            }
            sequence++;
        }

        /// <summary>n² times the variance.</summary>
        public double SpreadOf(int f, long rows) => rows * squareF[f] - SumF[f] * SumF[f];

        public void Add(FeatureSums other)
        {
            for (var f = 0; f < SumF.Length; f++)
            {
                SumF[f] += other.SumF[f];
                squareF[f] += other.squareF[f];
                SequencesF[f] += other.SequencesF[f];
            }
        }
    }
}

/// <summary>A sparse bipartite graph by row (CSR): source s's candidates are at Start[s] to Start[s + 1], ascending by target.</summary>
public sealed record CandidatePairs(int[] Start, int[] Target, double[] Correlation, int Targets)
{
    public int Sources => Start.Length - 1;
}

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>Per target the second moments of its candidate sources with each other and with it: what their weights, and the correlation of any mixture of them, follow from.</summary>
/// <param name="sourcesT">Per target its candidate sources, K of them or none.</param>
internal sealed class MixtureMoments(int sourceFeatures, int[][] sourcesT)
{
    private readonly (int Target, int Column)[][] placesS = Places(sourceFeatures, sourcesT);
    private readonly List<(int Column, double Value)>[] rowT = [.. sourcesT.Select(_ => new List<(int, double)>())];
    private readonly List<int> touched = [];

    /// <summary>Σ f_i·f_j over rows; Σ f_i·f_t; Σ f_i.</summary>
    public double[][,] GramTKK { get; } = [.. sourcesT.Select(sources => new double[sources.Length, sources.Length])];
    public double[][] ProductTK { get; } = [.. sourcesT.Select(sources => new double[sources.Length])];
    public double[][] SumTK { get; } = [.. sourcesT.Select(sources => new double[sources.Length])];

    /// <summary>Of the target: Σ f_t, Σ f_t², rows and sequences in which it fires.</summary>
    public double[] SumT { get; } = new double[sourcesT.Length];
    public double[] SquareT { get; } = new double[sourcesT.Length];
    public long[] FiredT { get; } = new long[sourcesT.Length];
    public long[] SequencesT { get; } = new long[sourcesT.Length];
    public long Rows { get; private set; }

    public void Add(in PairedSequence sequence)
    {
        var fired = new HashSet<int>();
        for (var row = sequence.First; row < sequence.First + sequence.Rows; row++)
        {
            var features = sequence.Source.FeaturesOf(row);
            var values = sequence.Source.ValuesOf(row);
            for (var i = 0; i < features.Length; i++)
                foreach (var (target, column) in placesS[features[i]])
                {
                    if (rowT[target].Count == 0) touched.Add(target);
                    rowT[target].Add((column, values[i]));
                }
            features = sequence.Target.FeaturesOf(row);
            values = sequence.Target.ValuesOf(row);
            for (var i = 0; i < features.Length; i++)
            {
                var (target, value) = (features[i], (double)values[i]);
                SumT[target] += value;
                SquareT[target] += value * value;
                FiredT[target]++;
                if (fired.Add(target)) SequencesT[target]++;
                foreach (var (column, source) in rowT[target]) ProductTK[target][column] += source * value;
            }
            foreach (var target in touched)
            {
                foreach (var (a, x) in rowT[target])
                {
                    SumTK[target][a] += x;
                    foreach (var (b, y) in rowT[target]) GramTKK[target][a, b] += x * y;
                }
                rowT[target].Clear();
            }
            touched.Clear();
        }
        Rows += sequence.Rows;
    }

    /// <summary>Pearson's correlation of Σ w_k·f_k with the target.</summary>
    public double Correlation(int target, double[] weightsK)
    {
        var (sum, square, product) = (0.0, 0.0, 0.0);
        for (var i = 0; i < weightsK.Length; i++)
        {
            sum += weightsK[i] * SumTK[target][i];
            product += weightsK[i] * ProductTK[target][i];
            for (var j = 0; j < weightsK.Length; j++) square += weightsK[i] * weightsK[j] * GramTKK[target][i, j];
        }
        var variances = (Rows * square - sum * sum) * (Rows * SquareT[target] - SumT[target] * SumT[target]);
        return variances > 0 ? Math.Clamp((Rows * product - sum * SumT[target]) / Math.Sqrt(variances), -1, 1) : 0;
    }

    private static (int, int)[][] Places(int sourceFeatures, int[][] sourcesT)
    {
        var places = Enumerable.Range(0, sourceFeatures).Select(_ => new List<(int, int)>()).ToArray();
        for (var target = 0; target < sourcesT.Length; target++)
            for (var column = 0; column < sourcesT[target].Length; column++) places[sourcesT[target][column]].Add((target, column));
        return [.. places.Select(list => list.ToArray())];
    }
}

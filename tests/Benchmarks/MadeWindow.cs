using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Benchmarks;

/// <param name="Length">Rows of a sequence.</param>
/// <param name="Active">Features that fire in a row, half of them from the sequence's own few.</param>
/// <param name="Topic">How many these are.</param>
/// <param name="Skew">Few features fire often, most seldom: the more, the higher.</param>
internal sealed record MadeWindowSize(int Rows, int Length, int Active, int Topic, double Skew);

/// <summary>A window out of nothing: what is measured with it begins behind the encoder.</summary>
internal static class MadeWindow
{
    public static (WindowSummary Summary, float[] Profiles, SequenceFirings Firings) Of(Random random, int features, int width, MadeWindowSize size)
    {
        var builder = new SummaryBuilder(features, width, [], []);
        var codes = new SparseCodes();
        var rowsND = new float[size.Length * width];
        var (row, values) = (new SortedSet<int>(), new float[size.Active]);
        for (var sequence = 0; sequence < size.Rows / size.Length; sequence++)
        {
            codes.Clear();
            for (var i = 0; i < rowsND.Length; i++) rowsND[i] = random.NextSingle() - 0.5f;
            var topic = Enumerable.Range(0, size.Topic).Select(_ => Feature()).ToArray();
            for (var n = 0; n < size.Length; n++)
            {
                row.Clear();
                while (row.Count < size.Active) row.Add(random.Next(2) == 0 ? topic[random.Next(size.Topic)] : Feature());
                for (var i = 0; i < size.Active; i++) values[i] = 0.5f + random.NextSingle();
                codes.AddRow([.. row], values);
            }
            builder.AddSequence(rowsND, codes, 0, size.Length * width / 12.0, (0.05 + 0.02 * random.NextDouble()) * size.Length * width / 12.0);
        }
        return (builder.Build(), builder.Profiles(), builder.Firings);

        int Feature() => (int)(features * Math.Pow(random.NextDouble(), size.Skew));
    }
}

/// <summary>Where windows are made there is nothing to encode.</summary>
internal sealed class NoEncoder(SparseAutoencoder sae) : IEncoder
{
    public SparseAutoencoder Dictionary => sae;
    public string Description => "none";

    public void Encode(ReadOnlySpan<float> rowsBD, SparseCodes codes) => throw new NotSupportedException("windows are made, not encoded");
}

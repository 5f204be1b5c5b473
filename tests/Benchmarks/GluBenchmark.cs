using System.Diagnostics;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Benchmarks;

/// <summary>GLU encoders: rows a second on the fast path beside the reference encoder's, one thread, and that both give the same bits.</summary>
internal static class GluBenchmark
{
    private const int Active = 48, ReferenceRows = 4;

    public static void Run(int seconds)
    {
        Console.WriteLine($"{"shape",-14} {"kind",-9} {"L0",6} {"reference",10} {"fast",10} {"times",7} {"plain",10}   rows/s, one thread; plain: the same without its gate");
        foreach (var (width, features) in new[] { (768, 24_576), (2304, 16_384) })
            foreach (var kind in new[] { AutoencoderKind.Standard, AutoencoderKind.JumpReLU, AutoencoderKind.TopK })
            {
                var random = new FastRandom(1, 0);
                var sae = Autoencoder(random, kind, width, features);
                var rowsBD = Gaussians(random, 384 * width, 1);
                var (fast, plain) = (new CpuEncoder(sae, 1), new CpuEncoder(sae with { GluEncoderDF = [], GluBiasF = [] }, 1));
                var some = rowsBD.AsSpan(0, ReferenceRows * width).ToArray();
                var (expected, actual) = (new SparseCodes(), new SparseCodes());
                new ReferenceEncoder(sae).Encode(some, expected);
                fast.Encode(some, actual);
                for (var row = 0; row < ReferenceRows; row++)
                    if (!expected.FeaturesOf(row).SequenceEqual(actual.FeaturesOf(row)) || !expected.ValuesOf(row).SequenceEqual(actual.ValuesOf(row))) throw new InvalidOperationException($"row {row} differs from the reference");
                var (reference, rows, open) = (RowsPerSecond(new ReferenceEncoder(sae), some, seconds), RowsPerSecond(fast, rowsBD, seconds), RowsPerSecond(plain, rowsBD, seconds));
                Console.WriteLine($"{$"{width}→{features}",-14} {kind,-9} {(double)expected.Count / ReferenceRows,6:F0} {reference,10:N1} {rows,10:N0} {rows / reference,7:N0} {open,10:N0}");
            }
    }

    private static double RowsPerSecond(IEncoder encoder, float[] rowsBD, int seconds)
    {
        var codes = new SparseCodes();
        encoder.Encode(rowsBD, codes);
        var (runs, all) = (new List<double>(), Stopwatch.StartNew());
        while (runs.Count < 3 || all.Elapsed.TotalSeconds < seconds)
        {
            var run = Stopwatch.StartNew();
            encoder.Encode(rowsBD, codes);
            runs.Add(run.Elapsed.TotalSeconds);
        }
        runs.Sort();
        return codes.Rows / runs[runs.Count / 2];
    }

    private static float[] Gaussians(FastRandom random, int count, double scale)
    {
        var values = new float[count];
        foreach (ref var value in values.AsSpan()) value = (float)(scale * random.NextGaussian());
        return values;
    }

    // Columns of length 1, and a threshold that about so many pass once a gate around ½ has halved them.
    private static SparseAutoencoder Autoencoder(FastRandom random, AutoencoderKind kind, int width, int features) => new()
    {
        Kind = kind,
        Width = width,
        Features = features,
        EncoderDF = Gaussians(random, width * features, 1 / Math.Sqrt(width)),
        DecoderFD = [],
        EncoderBiasF = new float[features],
        DecoderBiasD = new float[width],
        GluEncoderDF = Gaussians(random, width * features, 1 / Math.Sqrt(width)),
        GluBiasF = new float[features],
        ThresholdF = kind == AutoencoderKind.JumpReLU ? [.. Enumerable.Repeat(1.6f, features)] : [],
        K = Active,
    };
}

using System.Diagnostics;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Benchmarks;

/// <summary>Rows a second through CpuEncoder; encode_torch.py measures the same shapes, densities and row counts in PyTorch.</summary>
internal static class EncodeBenchmark
{
    private const int Active = 48;

    public static void Run(string[] args)
    {
        var seconds = args is [var given, ..] ? double.Parse(given) : 3;
        var kernel = args is [_, var name, ..] ? PanelKernel.All.Single(kernel => kernel.Name == name) : PanelKernel.Best;
        Console.WriteLine(kernel.Name);
        Console.WriteLine($"{"shape",-14} {"kind",-9} {"threads",7} {"rows",6} {"L0",5} {"runs",5} {"rows/s",10} {"GFLOP/s",8} {"best",8}   median; best");
        foreach (var (width, features, rows) in new[] { (64, 1024, 8192), (768, 24_576, 2048), (2304, 16_384, 1024) })
            foreach (var kind in new[] { AutoencoderKind.JumpReLU, AutoencoderKind.TopK })
            {
                var random = new Random(1);
                var sae = Autoencoder(random, kind, width, features);
                var rowsBD = Gaussians(random, rows * width, 1);
                foreach (var threads in new[] { 1, 2 }) Measure(new CpuEncoder(sae, threads, kernel), kind, threads, rowsBD, rows, seconds);
            }
    }

    private static void Measure(CpuEncoder encoder, AutoencoderKind kind, int threads, float[] rowsBD, int rows, double seconds)
    {
        var sae = encoder.Dictionary;
        var codes = new SparseCodes();
        encoder.Encode(rowsBD, codes);
        encoder.Encode(rowsBD, codes);

        var runs = new List<double>();
        var all = Stopwatch.StartNew();
        while (runs.Count < 5 || all.Elapsed.TotalSeconds < seconds)
        {
            var run = Stopwatch.StartNew();
            encoder.Encode(rowsBD, codes);
            runs.Add(run.Elapsed.TotalSeconds);
        }
        runs.Sort();

        var median = runs[runs.Count / 2];
        var work = 2e-9 * rows * sae.Width * sae.Features;
        Console.WriteLine(
            $"{$"{sae.Width}→{sae.Features}",-14} {kind,-9} {threads,7} {rows,6} {(double)codes.Count / rows,5:F1} {runs.Count,5} " +
            $"{rows / median,10:N0} {work / median,8:F1} {work / runs[0],8:F1}");
    }

    // Columns of length 1, so that pre-activations are standard normal for rows of standard normals, and the threshold for a wanted L0 is a quantile.
    private static SparseAutoencoder Autoencoder(Random random, AutoencoderKind kind, int width, int features) => new()
    {
        Kind = kind,
        Width = width,
        Features = features,
        EncoderDF = Gaussians(random, width * features, 1 / Math.Sqrt(width)),
        DecoderFD = [],
        EncoderBiasF = new float[features],
        DecoderBiasD = new float[width],
        ThresholdF = kind == AutoencoderKind.JumpReLU ? [.. Enumerable.Repeat(NormalQuantile(1 - (double)Active / features), features)] : [],
        K = 32,
    };

    internal static float[] Gaussians(Random random, int count, double scale)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++)
            values[i] = (float)(scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return values;
    }

    /// <summary>Where the standard normal's distribution function reaches <paramref name="share"/>, from Monte Carlo with a fixed seed.</summary>
    private static float NormalQuantile(double share)
    {
        var draws = Gaussians(new Random(2), 1 << 20, 1);
        Array.Sort(draws);
        return draws[(int)(share * draws.Length)];
    }
}

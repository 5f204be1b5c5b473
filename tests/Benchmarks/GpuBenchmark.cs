using System.Diagnostics;
using System.Globalization;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Support;
using MathNet.Numerics.Distributions;
using TorchSharp;

namespace DriftWatch.Benchmarks;

/// <summary>Rows a second on the GPU from rows in this process's memory to sparse codes in it, beside the card's matrix product alone and, where python3 has torch, PyTorch eager.</summary>
internal static class GpuBenchmark
{
    private const int Active = 48;
    private const int Rows = 8192;
    private static readonly (int Width, int Features)[] sizes = [(768, 24_576), (2304, 16_384), (4096, 32_768)];

    public static int Run(string[] args)
    {
        if (args is ["agreement", var folder, var activations, .. var rest]) return Agreement(folder, activations, rest is [var rows, ..] ? int.Parse(rows, CultureInfo.InvariantCulture) : int.MaxValue);
        if (EncoderChoice.GpuProblem is { } problem)
        {
            Console.Error.WriteLine($"no GPU to measure: {problem}");
            return 1;
        }
        var seconds = args is [var given, ..] ? double.Parse(given, CultureInfo.InvariantCulture) : 3;
        Console.WriteLine($"libtorch {torch.__version__}; {Rows} rows a call, L0 {Active} or k 32");
        Console.WriteLine($"{"size",-14} {"kind",-9} {"precision",-9} {"rows/s",12} {"TFLOP/s",8} {"of mm",6}");
        foreach (var (width, features) in sizes)
        {
            var rowsBD = Uniform(2, Rows * width, MathF.Sqrt(3));
            var weightsDF = Uniform(1, width * features, MathF.Sqrt(3f / width));
            foreach (var precision in Enum.GetValues<Precision>())
            {
                var ceiling = ProductRate(width, features, precision, seconds);
                Print(width, features, "mm alone", precision, ceiling, ceiling);
                foreach (var kind in new[] { AutoencoderKind.JumpReLU, AutoencoderKind.TopK })
                {
                    using var encoder = new TorchEncoder(Dictionary(kind, width, features, weightsDF), precision, Environment.ProcessorCount);
                    var codes = new SparseCodes();
                    Print(width, features, $"{kind}", precision, Rate(() => encoder.Encode(rowsBD, codes), seconds), ceiling);
                }
            }
        }
        return Python(seconds);
    }

    /// <summary>Which precision a dictionary and its rows bear: what each fires of what the processor fires. Without a GPU libtorch's processor device stands in.</summary>
    private static int Agreement(string folder, string activations, int rowsMaximum)
    {
        var sae = DictionaryReader.Read(new DiskFiles(folder), new());
        using var file = new WeightTensors(File.OpenRead(activations));
        var rowsBD = file.Read(file.Header.Tensors["activations"]);
        var count = Math.Min(rowsMaximum, rowsBD.Length / sae.Width);
        var device = EncoderChoice.GpuProblem is null ? DeviceType.CUDA : DeviceType.CPU;
        Console.WriteLine($"{device}, {count} rows, {sae.Architecture} {sae.Width} → {sae.Features}");
        var reference = FastestEncoder.For(sae, Environment.ProcessorCount);
        foreach (var precision in Enum.GetValues<Precision>())
        {
            using var encoder = new TorchEncoder(sae, precision, Environment.ProcessorCount, device);
            var support = new SupportAgreement();
            support.Add(reference, encoder, rowsBD.AsSpan(0, count * sae.Width));
            Console.WriteLine($"{precision,-5} {support}");
        }
        return 0;
    }

    private static double ProductRate(int width, int features, Precision precision, double seconds)
    {
        torch.backends.cuda.matmul.allow_tf32 = precision == Precision.Tf32;
        var type = precision == Precision.Bf16 ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32;
        using var rowsBD = torch.randn([Rows, width], type, torch.CUDA);
        using var weightsDF = torch.randn([width, features], type, torch.CUDA);
        return Rate(
            () =>
            {
                using var product = rowsBD.mm(weightsDF);
                torch.cuda.synchronize();
            },
            seconds);
    }

    /// <summary>Median.</summary>
    private static double Rate(Action run, double seconds)
    {
        for (var i = 0; i < 3; i++) run();
        var (runs, all) = (new List<double>(), Stopwatch.StartNew());
        while (runs.Count < 5 || all.Elapsed.TotalSeconds < seconds)
        {
            var one = Stopwatch.StartNew();
            run();
            runs.Add(one.Elapsed.TotalSeconds);
        }
        runs.Sort();
        return Rows / runs[runs.Count / 2];
    }

    private static void Print(int width, int features, string what, Precision precision, double rate, double ceiling) =>
        Console.WriteLine($"{$"{width}→{features}",-14} {what,-9} {precision.ToString().ToLowerInvariant(),-9} {rate,12:N0} {2e-12 * rate * width * features,8:F1} {100 * rate / ceiling,5:F0} %");

    private static int Python(double seconds)
    {
        using var python = Process.Start(new ProcessStartInfo("python3", [Path.Combine(AppContext.BaseDirectory, "gpu_torch.py"), seconds.ToString(CultureInfo.InvariantCulture)]) { UseShellExecute = false });
        python!.WaitForExit();
        return python.ExitCode;
    }

    private static SparseAutoencoder Dictionary(AutoencoderKind kind, int width, int features, float[] weightsDF) => new()
    {
        Kind = kind,
        Width = width,
        Features = features,
        EncoderDF = weightsDF,
        DecoderFD = [],
        EncoderBiasF = new float[features],
        DecoderBiasD = new float[width],
        ThresholdF = kind == AutoencoderKind.JumpReLU ? [.. Enumerable.Repeat((float)Normal.InvCDF(0, 1, 1 - (double)Active / features), features)] : [],
        K = 32,
    };

    private static float[] Uniform(int seed, int count, float largest)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (var i = 0; i < count; i++) values[i] = largest * (2 * random.NextSingle() - 1);
        return values;
    }
}

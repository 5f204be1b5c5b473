using System.CommandLine;
using System.Runtime.InteropServices;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch sae inspect|encode</c>: what a dictionary is, and what it computes.</summary>
public static class SaeCommand
{
    public static Command Create()
    {
        var path = new Argument<string>("path") { Description = "The dictionary's folder, or its file where one of several is meant." };
        var scale = new Option<float?>("--input-scale") { Description = "What expected_average_only_in multiplies rows with; it is in no file." };
        var k = new Option<int?>("--k") { Description = "k of a TopK format that keeps it in no file." };
        var json = CommandLine.JsonOption();

        var activations = new Option<string?>("--activations") { Description = "A safetensors file with activations: adds L0, dead latents, FVU and more." };
        var inspect = new Command("inspect", "Say what a dictionary is, and its health on given activations.") { path, activations, scale, k, json };
        inspect.SetAction(parsed => Inspect(Open(parsed.GetRequiredValue(path), parsed.GetValue(scale), parsed.GetValue(k)), parsed.GetValue(activations), parsed.GetValue(json)));

        var input = new Argument<string>("in") { Description = "A safetensors file with the tensor x or activations [rows, width]." };
        var output = new Argument<string>("out") { Description = "Where to write features [rows, F] and reconstruction [rows, width] as F32." };
        var encode = new Command("encode", "Encode activations and write features and reconstruction.") { path, input, output, scale, k, json };
        encode.SetAction(parsed => Encode(Open(parsed.GetRequiredValue(path), parsed.GetValue(scale), parsed.GetValue(k)), parsed.GetRequiredValue(input), parsed.GetRequiredValue(output), parsed.GetValue(json)));

        return new("sae", "Look into sparse autoencoders.") { inspect, encode };
    }

    private static SparseAutoencoder Open(string path, float? scale, int? k)
    {
        if (!Path.Exists(path)) throw new UsageException($"{path}: no such folder or file. Name the folder that holds the dictionary's files, or the file where one is the dictionary.");
        return DictionaryReader.Read(new DirectoryFiles(path), new(scale, k));
    }

    private static int Encode(SparseAutoencoder sae, string input, string output, bool json)
    {
        if (Path.GetFullPath(input) == Path.GetFullPath(output)) throw new UsageException($"{output} is the input too. Name another file for the output.");
        var (rowsBD, shape) = ReadActivations(input, sae.Width);
        var (rows, keep) = Encodable(rowsBD, sae);
        var featuresBF = new float[(long)keep.Length * sae.Features is var size && size <= Array.MaxLength / sizeof(float) ? size : throw new UsageException($"{keep.Length} rows of {sae.Features} features are too many for one tensor. Encode fewer rows at a time.")];
        var reconstructionBO = new float[keep.Length * sae.OutputWidth];
        var codes = new SparseCodes();
        FastestEncoder.For(sae, Environment.ProcessorCount).Encode(rows, codes);
        var reconstruction = sae.EncodesOnly ? null : new Reconstruction(sae);
        for (int row = 0, at = 0; row < keep.Length; row++)
        {
            // A row that cannot be encoded stays all zero in both, and is counted.
            if (!keep[row]) continue;
            var features = codes.FeaturesOf(at);
            var values = codes.ValuesOf(at++);
            for (var i = 0; i < features.Length; i++) featuresBF[(long)row * sae.Features + features[i]] = values[i];
            var rowD = rowsBD.AsSpan(row * sae.Width, sae.Width);
            reconstruction?.Decode(rowD, features, values, reconstructionBO.AsSpan(row * sae.OutputWidth, sae.OutputWidth));
        }
        (string, string, int[], byte[]) featuresTensor = ("features", "F32", sae.Heads == 1 ? [keep.Length, sae.Features] : [keep.Length, sae.Heads, sae.Latents], Bytes(featuresBF));
        (string, string, int[], byte[]) reconstructionTensor = ("reconstruction", "F32", sae.OutputWidth == sae.Width ? shape : [keep.Length, sae.OutputWidth], Bytes(reconstructionBO));
        using (var file = File.Create(output)) SafetensorsWriter.Write(file, sae.EncodesOnly ? [featuresTensor] : [featuresTensor, reconstructionTensor], []);
        var leftOut = keep.Count(kept => !kept);
        if (leftOut > 0) Console.Error.WriteLine($"{leftOut} of {keep.Length} rows cannot be encoded (not finite, or all zero before a division by the norm); their features and reconstruction are 0.");
        if (json) Console.WriteLine(System.Text.Json.JsonSerializer.Serialize(new { rows = keep.Length, rowsLeftOut = leftOut, features = sae.Features, l0 = codes.Rows == 0 ? 0 : (double)codes.Count / codes.Rows }, EventJson.Options));
        else Console.WriteLine($"{keep.Length} rows, {sae.Features} features, L0 {(codes.Rows == 0 ? 0 : (double)codes.Count / codes.Rows):0.00} → {output}");
        return ExitCode.Done;
    }

    private static byte[] Bytes(float[] values) => MemoryMarshal.AsBytes<float>(values).ToArray();

    private static int Inspect(SparseAutoencoder sae, string? activations, bool json)
    {
        var norms = sae.DecoderNorms().Order().ToArray();
        var thresholds = sae.ThresholdF.Order().ToArray();
        var about = new
        {
            format = sae.Format,
            architecture = sae.Architecture,
            kind = sae.Kind.ToString(),
            width = sae.Width,
            features = sae.Features,
            model = sae.Model,
            hook = sae.Hook,
            k = sae.Kind == AutoencoderKind.TopK ? sae.K : (int?)null,
            rescaleByDecoderNorm = sae.RescaleByDecoderNorm,
            normalization = sae.Normalization,
            inputScale = sae.Normalization == InputNormalization.ExpectedAverageOnlyIn ? sae.InputScale : (float?)null,
            subtractDecoderBias = sae.SubtractDecoderBias,
            decoderNorm = Spread(norms),
            threshold = Spread(thresholds),
            hash = sae.Hash,
            health = activations is null ? null : Health(sae, activations),
        };
        if (json)
        {
            Console.WriteLine(System.Text.Json.JsonSerializer.Serialize(about, EventJson.Options));
            return ExitCode.Done;
        }
        Console.WriteLine($"""
            {about.format}, architecture {about.architecture}: {about.features} features of width {about.width}
            model           {(about.model.Length == 0 ? "(not said)" : about.model)}
            hook            {(about.hook.Length == 0 ? "(not said)" : about.hook)}
            normalisation   {about.normalization}{(about.inputScale is { } s ? $" × {s}" : "")}, b_dec {(about.subtractDecoderBias ? "subtracted from" : "not subtracted from")} the input
            decoder norms   {about.decoderNorm}
            """);
        if (about.k is { } k) Console.WriteLine($"k               {k}{(about.rescaleByDecoderNorm ? ", activations rescaled by decoder norm" : "")}");
        if (about.threshold is { } threshold) Console.WriteLine($"thresholds      {threshold}");
        Console.WriteLine($"hash            {about.hash}");
        if (about.health is { } health) Console.WriteLine(health);
        return ExitCode.Done;
    }

    private static HealthFigures Health(SparseAutoencoder sae, string path)
    {
        if (sae.EncodesOnly) throw new UsageException($"--activations: {sae.Architecture} has no decoder that could be used alone, so there is no fit to measure. 'sae encode' writes its features.");
        var (rowsBD, _) = ReadActivations(path, sae.Width);
        var (rows, keep) = Encodable(rowsBD, sae);
        if (rows.Length == 0) throw new MalformedException("not-finite", $"{path}: no row can be encoded.");
        var codes = new SparseCodes();
        FastestEncoder.For(sae, Environment.ProcessorCount).Encode(rows, codes);
        var reconstruction = new Reconstruction(sae);
        var firing = new long[sae.Features];
        var estimateD = new float[sae.Width];
        var meanD = new double[sae.Width];
        var (energy, error, shrinkage) = (0.0, 0.0, 0.0);
        for (var row = 0; row < codes.Rows; row++)
        {
            var rowD = rows.AsSpan(row * sae.Width, sae.Width);
            foreach (var feature in codes.FeaturesOf(row)) firing[feature]++;
            reconstruction.Decode(rowD, codes.FeaturesOf(row), codes.ValuesOf(row), estimateD);
            error += Energy.OfDifference(rowD, estimateD);
            energy += Energy.Of(rowD);
            if (Energy.Of(rowD) > 0) shrinkage += Math.Sqrt(Energy.Of(estimateD) / Energy.Of(rowD));
            for (var i = 0; i < meanD.Length; i++) meanD[i] += rowD[i];
        }
        var variance = energy / codes.Rows - meanD.Sum(sum => sum / codes.Rows * (sum / codes.Rows));
        return new(codes.Rows, keep.Count(kept => !kept), (double)codes.Count / codes.Rows, firing.Count(count => count == 0), error / codes.Rows / variance, shrinkage / codes.Rows);
    }

    /// <param name="Shrinkage">Mean of ‖x̂‖/‖x‖.</param>
    private sealed record HealthFigures(long Rows, long RowsLeftOut, double L0, int Dead, double Fvu, double Shrinkage)
    {
        public double ExplainedVariance => 1 - Fvu;

        public override string ToString() => $"""
            on {Rows} rows ({RowsLeftOut} left out):
            L0              {L0:0.00}
            FVU             {Fvu:0.0000} (explained variance {ExplainedVariance:0.0000})
            dead latents    {Dead}
            shrinkage       {Shrinkage:0.000}
            """;
    }

    private sealed record SpreadFigures(float Minimum, float Median, float Maximum)
    {
        public override string ToString() => $"{Minimum:0.####} to {Maximum:0.####}, median {Median:0.####}";
    }

    private static SpreadFigures? Spread(float[] sorted) => sorted.Length == 0 ? null : new(sorted[0], sorted[sorted.Length / 2], sorted[^1]);

    private static (float[] RowsBD, int[] Shape) ReadActivations(string path, int width)
    {
        if (!File.Exists(path)) throw new UsageException($"{path}: no such file.");
        using var tensors = new WeightTensors(File.OpenRead(path));
        var name = new[] { "x", "activations" }.FirstOrDefault(tensors.Has) ?? throw new MalformedException("missing-tensor", $"{path} has neither a tensor x nor activations; it holds {string.Join(", ", tensors.Header.Tensors.Keys.Take(20))}.");
        var tensor = tensors.Header.Tensors[name];
        // Heads of a hook_z dictionary are flattened.
        if (tensor.Shape.Length < 2 || tensor.Shape.Skip(1).Aggregate(1L, (product, size) => product * size) != width)
            throw new MalformedException("wrong-width", $"{path}: {tensor} should be [rows, {width}].");
        return (tensors.Read(tensor), tensor.Shape);
    }

    /// <summary>The rows that can be encoded, packed, and which they are.</summary>
    private static (float[] Rows, bool[] Keep) Encodable(float[] rowsBD, SparseAutoencoder sae)
    {
        var keep = new bool[rowsBD.Length / sae.Width];
        var packed = new List<float>(rowsBD.Length);
        for (var row = 0; row < keep.Length; row++)
        {
            var rowD = rowsBD.AsSpan(row * sae.Width, sae.Width);
            keep[row] = double.IsFinite(Energy.Of(rowD)) && RowNormalization.Of(rowD, sae).CanEncode;
            if (keep[row]) packed.AddRange(rowD);
        }
        return ([.. packed], keep);
    }
}

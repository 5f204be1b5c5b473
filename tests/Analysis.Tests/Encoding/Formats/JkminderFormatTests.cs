using System.Text.Json.Nodes;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Support;

namespace DriftWatch.Analysis.Tests.Encoding.Formats;

public sealed class JkminderFormatTests
{
    private static readonly string folder = Path.Combine(AppContext.BaseDirectory, "Golden", "crosscoders");

    /// <summary>Golden/crosscoders.py.</summary>
    [Theory]
    [InlineData("relu", "crosscoder relu")]
    [InlineData("relu-mixed", "crosscoder relu")]
    [InlineData("batchtopk", "crosscoder batchtopk")]
    [InlineData("batchtopk-sae", "crosscoder batchtopk")]
    [InlineData("batchtopk-none-compiled", "crosscoder batchtopk")]
    [InlineData("batchtopk-decoupled", "crosscoder batchtopk")]
    public void Features_and_reconstructions_are_PyTorchs_from_the_librarys_formulas(string name, string architecture)
    {
        var golden = JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, "expected.json")))![name]!;
        var sae = DictionaryReader.Read(new MemoryFiles("some", ("model_final.pt", File.ReadAllBytes(Path.Combine(folder, $"{name}.pt")))), new());
        var (x, features, reconstruction) = (Floats(golden, "x"), Floats(golden, "features"), Floats(golden, "reconstruction"));

        Assert.Equal(("jkminder crosscoder", architecture, 2, 12, 6), (sae.Format, sae.Architecture, sae.Heads, sae.Latents, sae.AtomWidth));
        foreach (var encoder in new IEncoder[] { new ReferenceEncoder(sae), new CpuEncoder(sae, 1) })
        {
            var codes = new SparseCodes();
            encoder.Encode(x, codes);
            for (var row = 0; row < codes.Rows; row++)
            {
                var dense = new float[sae.Features];
                for (var i = 0; i < codes.FeaturesOf(row).Length; i++) dense[codes.FeaturesOf(row)[i]] = codes.ValuesOf(row)[i];
                var estimate = new float[sae.OutputWidth];
                new Reconstruction(sae).Decode(x.AsSpan(row * sae.Width, sae.Width), codes.FeaturesOf(row), codes.ValuesOf(row), estimate);
                Close(features.AsSpan(row * sae.Features, sae.Features), dense);
                Close(reconstruction.AsSpan(row * sae.Width, sae.Width), estimate);
            }
        }

        static void Close(ReadOnlySpan<float> expected, float[] actual)
        {
            var tolerance = 1e-5f * Math.Max(1, expected.ToArray().Max(Math.Abs));
            for (var i = 0; i < expected.Length; i++)
            {
                Assert.Equal(expected[i] == 0, actual[i] == 0);
                Assert.Equal(expected[i], actual[i], tolerance);
            }
        }
    }

    [Fact]
    public void The_hubs_form_says_the_alphas_in_its_configuration_and_must_agree_with_the_weights()
    {
        var plain = Hub("""{"activation_dim":2,"dict_size":2,"num_layers":2,"code_normalization":"MIXED"}""", id: 3);
        var other = Hub("""{"code_normalization":"mixed","code_normalization_alpha_sae":2,"code_normalization_alpha_cc":1}""", id: 3);

        // Decoder rows of 3 and 4: together 5, in sum 7; features are multiplied with it, decoder rows divided.
        Assert.Equal(5.7f, plain.EncoderDF[0], 1e-6f);
        Assert.Equal(17f, other.EncoderDF[0], 1e-6f);
        Assert.Equal(3 / 17f, other.DecoderFD[0], 1e-6f);
        Assert.Contains("code_normalization in config.json is SAE, the weights say MIXED", Refused(() => Hub("""{"code_normalization":"SAE"}""", id: 3)), StringComparison.Ordinal);
        Assert.Contains("code_normalization in config.json is 'L2'", Refused(() => Hub("""{"code_normalization":"l2"}""", id: null)), StringComparison.Ordinal);
        Assert.Contains("code_normalization_id is 6", Refused(() => Hub("{}", id: 6)), StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_never_trained_or_is_damaged_is_refused()
    {
        Assert.Contains("the threshold is -1: it was never trained", Refused(() => Hub("{}", 1, SomeTensor.F32("threshold", [], -1))), StringComparison.Ordinal);
        Assert.Contains("activation_mean or activation_std", Refused(() => Hub("{}", 1, SomeTensor.F32("activation_mean", [2, 2], 0, 0, 0, float.NaN), SomeTensor.F32("activation_std", [2, 2], 1, 1, 1, 1))), StringComparison.Ordinal);
        Assert.Contains("activation_global_scale", Refused(() => Hub("{}", 1, SomeTensor.F32("activation_mean", [2, 2], 0, 0, 0, 0), SomeTensor.F32("activation_std", [2, 2], 1, 1, 1, 1), SomeTensor.F32("activation_global_scale", [], 0))), StringComparison.Ordinal);
        Assert.Contains("hold other", Refused(() => Hub("{}", 1, SomeTensor.F32("other", [1], 0))), StringComparison.Ordinal);
        Assert.Contains("k is given as 3", Refused(() => DictionaryReader.Read(new MemoryFiles("some", ("crosscoder.pt", File.ReadAllBytes(Path.Combine(folder, "relu.pt")))), new(K: 3))), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_cut_anywhere_is_refused()
    {
        var file = File.ReadAllBytes(Path.Combine(folder, "batchtopk.pt"));
        for (var length = 0; length < file.Length; length += 37)
            Assert.StartsWith("some: ", Refused(() => DictionaryReader.Read(new MemoryFiles("some", ("model_final.pt", file[..length])), new())), StringComparison.Ordinal);
    }

    /// <summary>A training run's folder looks like dictionary_learning's; the rank of its decoder tells.</summary>
    [Fact]
    public void A_training_runs_folder_is_told_from_the_seven_classes()
    {
        var files = new MemoryFiles("some", ("ae.pt", File.ReadAllBytes(Path.Combine(folder, "batchtopk.pt"))), ("config.json", """{"trainer":{"dict_class":"BatchTopKCrossCoder","code_normalization":"CROSSCODER"}}"""u8.ToArray()));

        Assert.Equal("jkminder crosscoder", DictionaryReader.Read(files, new()).Format);
    }

    [Fact]
    public void Rows_that_are_scaled_by_their_deviation_are_scaled_width_by_width()
    {
        var sae = Hub("""{"keep_relative_variance":false}""", 4, SomeTensor.F32("activation_mean", [2, 2], 1, 0, 0, 0), SomeTensor.F32("activation_std", [2, 2], 2, 4, 1, 1));

        Assert.Equal([0.5f, 0, 0, 0], sae.EncoderDF[..4]);
        Assert.Equal(-0.5f, sae.EncoderBiasF[0], 1e-6f);
        Assert.Equal([6f, 0, 0, 4], sae.DecoderFD[..4].Select(weight => MathF.Round(weight, 5)));
        Assert.Empty(sae.HeadScales);
    }

    private static SparseAutoencoder Hub(string configuration, int? id, params SomeTensor[] others) => DictionaryReader.Read(
        new MemoryFiles("some", ("config.json", System.Text.Encoding.UTF8.GetBytes(configuration)), ("model.safetensors", SafetensorsFile.Of(
            null,
            [
                SomeTensor.F32("encoder.weight", [2, 2, 2], 1, 0, 0, 0, 0, 0, 0, 1), SomeTensor.F32("encoder.bias", [2], 0, 0), SomeTensor.F32("decoder.weight", [2, 2, 2], 3, 0, 0, 1, 0, 4, 0, 1),
                SomeTensor.F32("decoder.bias", [2, 2], 0, 0, 0, 0), .. id is { } known ? new[] { SomeTensor.I64("code_normalization_id", known) } : [], .. others,
            ]))), new());

    private static string Refused(Func<object> read) => Assert.Throws<MalformedException>(read).Message;

    private static float[] Floats(JsonNode golden, string name) => [.. golden[name]!.AsArray().Select(value => (float)value!)];
}

using System.Globalization;
using System.Text.RegularExpressions;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>mntss' cross-layer transcoders: <c>W_enc_N.safetensors</c> for each layer, and <c>config.yaml</c>; ReLU, one layer, encode only.</summary>
/// <remarks>W_enc_N [F, d], b_enc_N [F], b_dec_N [d]; W_dec_N [F, layers, d] lies in a file of its own and is not read. Source: golden case, SAELens 6.54, loader mntss_clt_layer_transcoder.</remarks>
internal sealed partial class MntssFormat : IDictionaryFormat
{
    private const string Configuration = "config.yaml";

    public string Name => "mntss cross-layer transcoder";
    public string Files => $"W_enc_N.safetensors (name the layer's file where there are several) and {Configuration}";

    public bool Fits(IWeightFiles files) => files.Has(Configuration) && WeightsOf(files) is not null;

    private static string? WeightsOf(IWeightFiles files) => files.Only(name => LayerFile().IsMatch(name));

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        hints.RefuseOthers(files);
        var name = WeightsOf(files)!;
        var about = FlatYaml.Read(files, Configuration);
        var layer = int.Parse(LayerFile().Match(name).Groups["layer"].ValueSpan, CultureInfo.InvariantCulture);
        using var tensors = new WeightTensors(files.Open(name));
        tensors.RefuseOthers([$"W_enc_{layer}", $"b_enc_{layer}", $"b_dec_{layer}"]);
        var shape = tensors.ShapeOf($"W_enc_{layer}", 2);
        var (features, d) = (shape[0], shape[1]);
        return CrossLayerTranscoder.EncodeOnly(d, features, tensors.ReadTransposed($"W_enc_{layer}", features, d), tensors.Read($"b_enc_{layer}", features), layer) with
        {
            Model = about["model_name"] ?? "",
            Hook = about["feature_input_hook"] is { } input ? $"blocks.{layer}.{input}" : "",
            OutputHook = about["feature_output_hook"] is { } output ? $"blocks.{layer}.{output} and later" : "",
        };
    }

    [GeneratedRegex(@"^W_enc_(?<layer>[0-9]{1,4})\.safetensors\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LayerFile();
}

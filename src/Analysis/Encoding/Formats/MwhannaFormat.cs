using System.Text.RegularExpressions;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>mwhanna's sets of transcoders: <c>layer_N.safetensors</c> for each layer, and <c>config.yaml</c>; ReLU.</summary>
/// <remarks>W_enc [F, d] and W_dec [F, d]. Source: golden case, SAELens 6.54, loader mwhanna_transcoder.</remarks>
internal sealed partial class MwhannaFormat : IDictionaryFormat
{
    private const string Configuration = "config.yaml";
    private static readonly string[] sizes = ["wandb-config.yaml", "wanb-config.yaml"];   // The second as some releases misspell it.

    public string Name => "mwhanna transcoder";
    public string Files => $"layer_N.safetensors and {Configuration}";

    public bool Fits(IWeightFiles files) => files.Has(Configuration) && WeightsOf(files) is not null;

    private static string? WeightsOf(IWeightFiles files) => files.Only(name => LayerFile().IsMatch(name));

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        hints.RefuseOthers(files);
        var name = WeightsOf(files)!;
        var about = FlatYaml.Read(files, Configuration);
        using var tensors = new WeightTensors(files.Open(name));
        tensors.RefuseOthers(["W_enc", "W_dec", "b_enc", "b_dec"]);
        var shape = tensors.ShapeOf("W_enc", 2);
        var (features, d) = (shape[0], shape[1]);
        if (sizes.FirstOrDefault(files.Has) is { } file && FlatYaml.Read(files, file) is var said && (said["d_model"] ?? $"{d}", said["d_feature"] ?? $"{features}") != ($"{d}", $"{features}"))
            throw Settings.Refused(files, $"W_enc is [{features}, {d}] but {file} says d_feature {said["d_feature"]} and d_model {said["d_model"]}");
        var layer = LayerFile().Match(name).Groups["layer"].Value;
        return new()
        {
            Kind = AutoencoderKind.Standard,
            Width = d,
            Features = features,
            EncoderDF = tensors.ReadTransposed("W_enc", features, d),
            DecoderFD = tensors.Read("W_dec", features, d),
            EncoderBiasF = tensors.Read("b_enc", features),
            DecoderBiasD = tensors.Read("b_dec", d),
            SubtractDecoderBias = false,
            Transcodes = true,
            Architecture = "transcoder",
            Model = about["model_name"] ?? "",
            Hook = about["feature_input_hook"] is { } input ? $"blocks.{layer}.{input}" : "",
            OutputHook = about["feature_output_hook"] is { } output ? $"blocks.{layer}.{output}" : "",
        };
    }

    [GeneratedRegex(@"^layer_(?<layer>[0-9]{1,4})\.safetensors\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LayerFile();
}

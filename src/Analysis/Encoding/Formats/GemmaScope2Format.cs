using System.Globalization;
using System.Text.RegularExpressions;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>Gemma Scope 2 (Gemma 3): <c>config.json</c> and <c>params.safetensors</c>, or one layer of a cross-layer transcoder, <c>params_layer_N.safetensors</c>.</summary>
/// <remarks>
/// w_enc [d, F], w_dec [F, d_out], b_enc, threshold [F], b_dec [d_out]; affine_skip_connection [d, d_out] takes the row as it came. A cross-layer transcoder's w_dec is [F, layers, d]:
/// what a layer writes is known only with the layers before it, so it is encoded and not decoded. Source: golden cases, SAELens 6.54, loader gemma_3.
/// </remarks>
internal sealed partial class GemmaScope2Format : IDictionaryFormat
{
    private const string Configuration = "config.json";
    private const string Weights = "params.safetensors";

    public string Name => "Gemma Scope 2";
    public string Files => $"{Configuration} and {Weights}, or params_layer_N.safetensors";

    public bool Fits(IWeightFiles files) => files.Offers(Configuration, Weights) || CrossLayer(files) is not null;

    private static string? CrossLayer(IWeightFiles files) => files.Only(name => LayerFile().IsMatch(name));

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        hints.RefuseOthers(files);
        return CrossLayer(files) is { } layer ? ReadLayer(files, layer) : ReadFolder(files);
    }

    private static SparseAutoencoder ReadFolder(IWeightFiles files)
    {
        var cfg = Settings.Read(files, Configuration);
        if (cfg.Text("architecture") is var architecture && architecture is not ("jump_relu" or "jumprelu")) throw cfg.Refused($"architecture in {Configuration} is '{architecture ?? "missing"}'; Gemma Scope 2 is jump_relu");
        var (skips, input, output) = (cfg.Flag("affine_connection", false), cfg.Text("hf_hook_point_in") ?? "", cfg.Text("hf_hook_point_out") ?? "");
        using var tensors = new WeightTensors(files.Open(Weights));
        tensors.RefuseOthers(["w_enc", "w_dec", "b_enc", "b_dec", "threshold", .. skips ? ["affine_skip_connection"] : Array.Empty<string>()]);
        var sae = NamedWeights.Read(tensors, "w_enc", "w_dec").WithThreshold(tensors);
        var transcodes = cfg.Text("type") is "transcoder" || input != output || sae.OutputWidth != sae.Width;
        return sae with
        {
            SkipDO = skips ? tensors.Read("affine_skip_connection", sae.Width, sae.OutputWidth) : [],
            Transcodes = transcodes,
            Architecture = $"jumprelu{(skips ? " skip" : "")}{(transcodes ? " transcoder" : "")}",
            Model = cfg.Text("model_name") ?? "",
            Hook = input,
            OutputHook = transcodes ? output : "",
        };
    }

    private static SparseAutoencoder ReadLayer(IWeightFiles files, string name)
    {
        using var tensors = new WeightTensors(files.Open(name));
        tensors.RefuseOthers(["w_enc", "w_dec", "b_enc", "b_dec", "threshold", "affine_skip_connection"]);
        if (tensors.ShapeOf("w_enc", 2) is not [var d, var features] || tensors.ShapeOf("w_dec", 3) is not [var rows, _, var output] || (rows, output) != (features, d))
            throw Settings.Refused(files, "w_enc and w_dec of a cross-layer transcoder are [d, F] and [F, layers, d], and these are not");
        return CrossLayerTranscoder.EncodeOnly(d, features, tensors.Read("w_enc", d, features), tensors.Read("b_enc", features), int.Parse(LayerFile().Match(name).Groups["layer"].ValueSpan, CultureInfo.InvariantCulture)) with
        {
            Kind = AutoencoderKind.JumpReLU,
            ThresholdF = tensors.Read("threshold", features),
            Architecture = "jumprelu cross-layer transcoder",
        };
    }

    [GeneratedRegex(@"^params_layer_(?<layer>[0-9]{1,4})\.safetensors\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LayerFile();
}

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>Connor Kissane's and Rob Krzyzanowski's attention dictionaries: <c>NAME.pt</c> and <c>NAME_cfg.json</c>; ReLU, b_dec subtracted.</summary>
/// <remarks>W_enc [d, F], W_dec [F, d]; d is heads · d_head, head after head. Source: golden case, SAELens 6.54, loader connor_rob_hook_z.</remarks>
internal sealed class ConnorRobFormat : IDictionaryFormat
{
    public string Name => "connor_rob hook_z";
    public string Files => "NAME.pt and NAME_cfg.json";

    public bool Fits(IWeightFiles files) => WeightsOf(files) is not null;

    private static string? WeightsOf(IWeightFiles files) => files.Only(name => name.EndsWith(".pt", StringComparison.Ordinal) && files.Has(ConfigurationOf(name)));

    private static string ConfigurationOf(string weights) => $"{weights[..^".pt".Length]}_cfg.json";

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        hints.RefuseOthers(files);
        var name = WeightsOf(files)!;
        var cfg = Settings.Read(files, ConfigurationOf(name));
        var (d, features) = (cfg.Whole("act_size"), cfg.Whole("dict_size"));
        using var tensors = new TorchFile(files.Open(name));
        tensors.RefuseOthers(["W_enc", "W_dec", "b_enc", "b_dec"]);
        var sae = NamedWeights.Read(tensors);
        if ((sae.Width, sae.Features, sae.OutputWidth) != (d, features, d)) throw cfg.Refused($"W_enc is [{sae.Width}, {sae.Features}] but {ConfigurationOf(name)} says [{d}, {features}]");
        var hook = cfg.Text("act_name") ?? "";
        return sae with
        {
            SubtractDecoderBias = true,
            Hook = hook,
            Notes = hook.EndsWith("hook_z", StringComparison.Ordinal) ? ["rows [heads, d_head] are flattened, head after head"] : [],
        };
    }
}

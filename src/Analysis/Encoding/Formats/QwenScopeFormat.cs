namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>Qwen Scope: <c>layerN.sae.pt</c> with W_enc [F, d] and W_dec [d, F], the other way round than SAELens; TopK, nothing subtracted from the input.</summary>
/// <remarks>k stands only in the repository's name, as in …-L0_50. Source: golden case, SAELens 6.54, loader qwen_scope.</remarks>
internal sealed class QwenScopeFormat : IDictionaryFormat
{
    public string Name => "Qwen Scope";
    public string Files => "layerN.sae.pt";

    public bool Fits(IWeightFiles files) => WeightsOf(files) is not null;

    private static string? WeightsOf(IWeightFiles files) => files.Only(name => name.EndsWith(".sae.pt", StringComparison.Ordinal));

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        hints.RefuseOthers(files, hints.K);
        var name = WeightsOf(files)!;
        using var tensors = new TorchFile(files.Open(name));
        tensors.RefuseOthers(["W_enc", "W_dec", "b_enc", "b_dec"]);
        var shape = tensors.ShapeOf("W_enc", 2);
        var (features, d) = (shape[0], shape[1]);
        if (hints.K is not { } k) throw Settings.Refused(files, "k is in no file, only in the release's name (50 in …-L0_50). Say it: k in the catalog, --k on the command line");
        if (k < 1 || k > features) throw Settings.Refused(files, $"k is given as {k}; it is a whole number from 1 to {features}, the number of features");
        return new()
        {
            Kind = AutoencoderKind.TopK,
            Width = d,
            Features = features,
            EncoderDF = tensors.ReadTransposed("W_enc", features, d),
            DecoderFD = tensors.ReadTransposed("W_dec", d, features),
            EncoderBiasF = tensors.Read("b_enc", features),
            DecoderBiasD = tensors.Read("b_dec", d),
            K = k,
            SubtractDecoderBias = false,
            Architecture = "topk",
            Hook = name[..^".sae.pt".Length],
            Notes = [$"k {k} is in no file: as given", "the hook is the file's name"],
        };
    }
}

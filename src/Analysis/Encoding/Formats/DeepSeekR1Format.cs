namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>The dictionary of DeepSeek-R1-Distill-Llama-8B: one <c>.pt</c> with encoder.* and decoder.*; ReLU, nothing subtracted from the input.</summary>
/// <remarks>
/// The output's bias is decoder.bias. With b_dec in its place it could be a TopK dictionary of dictionary_learning, which subtracts it, so that is not taken for this format.
/// Source: golden case, SAELens 6.54, loader deepseek_r1.
/// </remarks>
internal sealed class DeepSeekR1Format : IDictionaryFormat
{
    private static readonly string[] tensorNames = ["encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias"];

    public string Name => "DeepSeek-R1";
    public string Files => $"one .pt with {string.Join(", ", tensorNames)} and nothing else, no config.json beside it";

    public bool Fits(IWeightFiles files)
    {
        if (files.OnlyTorchFile() is not { } name || name == "ae.pt" || files.Has("config.json")) return false;
        using var tensors = new TorchFile(files.Open(name));
        return tensors.Stored.Count == tensorNames.Length && tensorNames.All(tensors.Has) && tensors.Stored["decoder.weight"].Shape.Length != 3;   // That is jkminder's crosscoder.
    }

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        hints.RefuseOthers(files);
        using var tensors = new TorchFile(files.Open(files.OnlyTorchFile()!));
        var shape = tensors.ShapeOf("encoder.weight", 2);
        return EncoderDecoder.Read(tensors, shape[1], shape[0]);
    }
}

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>Goodfire's dictionaries of Llama 3: one <c>.pth</c> or <c>.pt</c> with encoder_linear and decoder_linear; ReLU, nothing subtracted from the input.</summary>
/// <remarks>encoder_linear.weight [F, d], decoder_linear.weight [d, F] and their biases. Source: golden case, SAELens 6.54, loader goodfire.</remarks>
internal sealed class GoodfireFormat : IDictionaryFormat
{
    public string Name => "Goodfire";
    public string Files => "one .pth or .pt with encoder_linear.weight";

    public bool Fits(IWeightFiles files)
    {
        if (files.OnlyTorchFile() is not { } name) return false;
        using var tensors = new TorchFile(files.Open(name));
        return tensors.Has("encoder_linear.weight");
    }

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        hints.RefuseOthers(files);
        using var tensors = new TorchFile(files.Open(files.OnlyTorchFile()!));
        tensors.RefuseOthers(["encoder_linear.weight", "encoder_linear.bias", "decoder_linear.weight", "decoder_linear.bias"]);
        var shape = tensors.ShapeOf("encoder_linear.weight", 2);
        return EncoderDecoder.Read(tensors, shape[1], shape[0], "encoder_linear", "decoder_linear", "decoder_linear.bias");
    }
}

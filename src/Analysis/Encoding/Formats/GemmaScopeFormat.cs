using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>Gemma Scope (Gemma 2): <c>params.npz</c>; JumpReLU autoencoders and transcoders.</summary>
/// <remarks>
/// W_enc [d, F], W_dec [F, d], b_enc, threshold [F], b_dec [d]; some files write w_enc and w_dec. Nothing is subtracted from the input or scaled. Sizes are those of the arrays: a folder's width_16k is only a name.
/// Only the folder's name tells that a dictionary is of the embedding: W_enc is divided by √d and W_dec multiplied. Source: golden cases, SAELens 6.54, loaders gemma_2 and gemma_2_transcoder.
/// </remarks>
internal sealed class GemmaScopeFormat : IDictionaryFormat
{
    private const string Weights = "params.npz";
    private const int ReleaseFolders = 4;   // …/embedding/width_4k/average_l0_6/params.npz

    public string Name => "Gemma Scope";
    public string Files => Weights;

    public bool Fits(IWeightFiles files) => files.Offers(Weights);

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        hints.RefuseOthers(files);
        using var tensors = new NpzFile(files.Open(Weights));
        var (encoder, decoder) = (tensors.Has("w_enc") ? "w_enc" : "W_enc", tensors.Has("w_dec") ? "w_dec" : "W_dec");
        tensors.RefuseOthers([encoder, decoder, "b_enc", "b_dec", "threshold", "scaling_factor"]);
        var sae = NamedWeights.Read(tensors, encoder, decoder).WithThreshold(tensors);
        if (tensors.Has("scaling_factor") && tensors.Read("scaling_factor", sae.Features).Any(factor => factor != 1))
            throw new MalformedException("tensor", "scaling_factor is not 1, and what it is for is in no file: SAELens drops it. Fold it into W_dec");

        var folders = files.Location.Split('/', '\\');
        var transcodes = sae.OutputWidth != sae.Width || folders.Any(folder => folder.EndsWith("transcoders", StringComparison.Ordinal));
        if (transcodes) sae = sae with { Transcodes = true, Architecture = "jumprelu transcoder", Notes = ["a transcoder, by its widths or the release's name"] };
        if (!folders.TakeLast(ReleaseFolders).Contains("embedding")) return sae;
        var root = (float)Math.Sqrt(sae.Width);
        Matrices.Scale(sae.EncoderDF, 1 / root);
        Matrices.Scale(sae.DecoderFD, root);
        return sae with { Notes = [.. sae.Notes, $"of the embedding, by the folder's name: W_enc is divided by √{sae.Width} and W_dec multiplied"] };
    }
}

using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Diffing;

/// <summary>Two models' paired rows through a crosscoder of both, or through one dictionary: the source is A, the target its fine-tune B.</summary>
public static class ModelDiffPass
{
    /// <param name="encoder">A crosscoder of two heads, A's first; or a dictionary that reconstructs what it encodes.</param>
    /// <param name="progress">Hears of rows that are done.</param>
    /// <exception cref="MalformedException">The dictionary does not describe two models at one place, or the rows are of another width.</exception>
    public static ModelDiff Over(IPairedActivations paired, IEncoder encoder, Action<long>? progress = null, CancellationToken stopping = default)
    {
        var sae = encoder.Dictionary;
        if (sae.Transcodes || sae.EncodesOnly) throw new MalformedException("dictionary", $"{sae.Architecture} does not reconstruct the activations that it encodes, in which a latent would be looked for. Use a crosscoder or an autoencoder.");
        if (sae.Heads > 2) throw new MalformedException("dictionary", $"this crosscoder reads {sae.Heads} models or places; two are compared. Use one of two.");
        var width = sae.Width / sae.Heads;
        if (paired.SourceWidth != width || paired.TargetWidth != width)
            throw new MalformedException("wrong-width", $"the rows have widths {paired.SourceWidth} and {paired.TargetWidth}, {(sae.Heads == 2 ? "each head of the crosscoder" : "the dictionary")} {width}. Use rows of a model and its fine-tune at the place that it was trained on.");

        IDescribedRows rows = sae.Heads == 2 ? new CrosscoderRows(encoder) : new DictionaryRows(encoder);
        var diff = new ModelDiff(rows.DecoderAFD, rows.DecoderBFD, width, isCrosscoder: sae.Heads == 2);
        var done = 0L;
        foreach (var block in paired.Blocks())
        {
            stopping.ThrowIfCancellationRequested();
            rows.Take(block);
            for (var row = 0; row < block.Rows; row++) diff.Add(rows.OfA(row), rows.OfB(row));
            progress?.Invoke(done += block.Rows);
        }
        return diff;
    }
}

/// <summary>A block's rows as a dictionary describes them. What <see cref="OfA"/> and <see cref="OfB"/> give holds until the next row.</summary>
internal interface IDescribedRows
{
    float[] DecoderAFD { get; }
    float[] DecoderBFD { get; }

    void Take(PairedBlock block);

    DescribedRow OfA(int row);
    DescribedRow OfB(int row);
}

/// <summary>One dictionary for both models, which encodes each by itself.</summary>
internal sealed class DictionaryRows(IEncoder encoder) : IDescribedRows
{
    private readonly DescribedSide a = new(encoder), b = new(encoder);

    public float[] DecoderAFD => encoder.Dictionary.DecoderFD;
    public float[] DecoderBFD => encoder.Dictionary.DecoderFD;

    public void Take(PairedBlock block)
    {
        a.Take(block.SourceNS, block.Rows);
        b.Take(block.TargetNT, block.Rows);
    }

    public DescribedRow OfA(int row) => a.Describe(row);
    public DescribedRow OfB(int row) => b.Describe(row);
}

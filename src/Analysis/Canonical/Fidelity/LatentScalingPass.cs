using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Latent scaling over paired rows, each side described by its dictionary: the source is the base (A), the target its fine-tune (B).</summary>
public static class LatentScalingPass
{
    /// <param name="a">The same dictionary as <paramref name="b"/>, or one of the base's own.</param>
    /// <param name="progress">Hears of rows that are done.</param>
    public static LatentScaling Over(IPairedActivations paired, IEncoder a, IEncoder b, Action<long>? progress = null, CancellationToken stopping = default)
    {
        if (a.Dictionary.Width != b.Dictionary.Width || paired.SourceWidth != a.Dictionary.Width || paired.TargetWidth != b.Dictionary.Width)
            throw new MalformedException("wrong-width", $"the rows have widths {paired.SourceWidth} and {paired.TargetWidth}, the dictionaries {a.Dictionary.Width} and {b.Dictionary.Width}; a latent is looked for in the base's own activations, so use a model and its fine-tune at one hook.");
        if (new[] { a, b }.FirstOrDefault(side => side.Dictionary is { Transcodes: true } or { EncodesOnly: true } or { Heads: > 1 }) is not null)
            throw new MalformedException("dictionary", "latent scaling looks for a latent in the activations that it was encoded from: it needs dictionaries that reconstruct these, and no transcoder, crosscoder or encoder alone.");
        var scaling = new LatentScaling(b.Dictionary.DecoderFD, a.Dictionary.Hash == b.Dictionary.Hash ? a.Dictionary.DecoderFD : null, b.Dictionary.Width);
        var (sideA, sideB) = (new DescribedSide(a), new DescribedSide(b));
        var done = 0L;
        foreach (var block in paired.Blocks())
        {
            stopping.ThrowIfCancellationRequested();
            sideA.Take(block.SourceNS, block.Rows);
            sideB.Take(block.TargetNT, block.Rows);
            for (var row = 0; row < block.Rows; row++) scaling.Add(sideA.Describe(row), sideB.Describe(row));
            progress?.Invoke(done += block.Rows);
        }
        return scaling;
    }
}

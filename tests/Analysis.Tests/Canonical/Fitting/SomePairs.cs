using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Tests.Encoding;

namespace DriftWatch.Analysis.Tests.Canonical.Fitting;

/// <summary>Paired rows in memory, in sequences of equal length, cut into blocks of so many sequences.</summary>
internal sealed class SomePairs(int sourceWidth, int targetWidth, float[] sourceNS, float[] targetNT, int sequenceRows = 3, int blockSequences = 1_000) : IPairedActivations
{
    public int SourceWidth => sourceWidth;
    public int TargetWidth => targetWidth;

    public IEnumerable<PairedBlock> Blocks()
    {
        var rows = sourceNS.Length / sourceWidth;
        for (var first = 0; first < rows; first += sequenceRows * blockSequences)
        {
            var count = Math.Min(sequenceRows * blockSequences, rows - first);
            yield return new(
                sourceNS[(first * sourceWidth)..((first + count) * sourceWidth)], targetNT[(first * targetWidth)..((first + count) * targetWidth)], count,
                [.. Enumerable.Range(0, (count + sequenceRows - 1) / sequenceRows).Select(s => (s * sequenceRows, Math.Min(sequenceRows, count - s * sequenceRows)))]);
        }
    }

    /// <summary>The target is a random affine map of the source, and noise.</summary>
    public static SomePairs Affine(Random random, int rows, int source, int target, double noise, int sequenceRows = 3, int blockSequences = 1_000)
    {
        var (x, a, y) = (SomeAutoencoder.Gaussians(random, rows * source, 1), SomeAutoencoder.Gaussians(random, source * target, 1), SomeAutoencoder.Gaussians(random, rows * target, noise));
        for (var row = 0; row < rows; row++)
            for (var t = 0; t < target; t++)
                for (var s = 0; s < source; s++) y[row * target + t] += x[row * source + s] * a[s * target + t];
        return new(source, target, x, y, sequenceRows, blockSequences);
    }
}

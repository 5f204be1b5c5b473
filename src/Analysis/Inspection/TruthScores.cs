using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Inspection;

/// <summary>How well a dictionary found the features that rows were made of, as SAELens' synthetic evaluation defines it.</summary>
/// <param name="Mcc">Mean |cosine| of latents and true features matched one-to-one so that the sum is largest; over the smaller of the two numbers.</param>
/// <param name="Uniqueness">How many true features are the best one of some latent, over the number of latents.</param>
/// <param name="Latents">Per latent the true feature with the largest |cosine|.</param>
/// <param name="Firing">Precision, recall and F1 of each latent's firing against that of its best true feature, averaged over latents (undefined is 0); null where no rows were given.</param>
public sealed record TruthScores(double Mcc, double Uniqueness, IReadOnlyList<LatentTruth> Latents, FiringScores? Firing)
{
    // Cosines of 16,384 latents and 4,096 features would be a dense graph of 800 MB: of more than this many, edges whose cosine is small are left out.
    private const int EdgesMaximum = 1 << 25;

    public static TruthScores Of(SparseAutoencoder sae, GroundTruth truth, SparseCodes? codes, SparseCodes? firings, int threads)
    {
        var (latents, edges) = Cosines(sae, truth, threads);
        var assigned = SparseAssignment.Maximise(edges);
        var matched = 0.0;
        for (var latent = 0; latent < assigned.Length; latent++)
            if (assigned[latent] >= 0) matched += edges.Correlation[Array.BinarySearch(edges.Target, edges.Start[latent], edges.Start[latent + 1] - edges.Start[latent], assigned[latent])];
        return new(
            matched / Math.Min(sae.Features, truth.Features),
            (double)latents.Select(latent => latent.Best).Distinct().Count() / sae.Features,
            latents,
            codes is null || firings is null ? null : FiringScores.Of(sae, truth, latents, codes, firings));
    }

    private static (LatentTruth[] Latents, CandidatePairs Edges) Cosines(SparseAutoencoder sae, GroundTruth truth, int threads)
    {
        var unitFD = Unit(sae.DecoderFD, sae.Features, sae.AtomWidth);
        var unitND = Unit(truth.DirectionsND, truth.Features, truth.Width);
        // |cos| of unrelated directions is about 1/√D; what the best matching uses lies far above. Without edges a latent goes unmatched, which costs its small cosine.
        var least = (long)sae.Features * truth.Features <= EdgesMaximum ? 0 : 2 / Math.Sqrt(truth.Width);
        var (latents, targets, cosines) = (new LatentTruth[sae.Features], new int[sae.Features][], new double[sae.Features][]);
        Parallel.For(0, sae.Features, new() { MaxDegreeOfParallelism = threads }, latent =>
        {
            var (target, cosine) = (new List<int>(), new List<double>());
            var (best, most) = (0, -1.0);
            for (var feature = 0; feature < truth.Features; feature++)
            {
                var cos = Math.Abs(Product(unitFD.AsSpan(latent * truth.Width, truth.Width), unitND.AsSpan(feature * truth.Width, truth.Width)));
                if (cos > most) (best, most) = (feature, cos);
                if (cos < least) continue;
                target.Add(feature);
                cosine.Add(cos);
            }
            (latents[latent], targets[latent], cosines[latent]) = (new(latent, best, most), [.. target], [.. cosine]);
        });
        var start = new int[sae.Features + 1];
        for (var latent = 0; latent < sae.Features; latent++) start[latent + 1] = start[latent] + targets[latent].Length;
        return (latents, new(start, [.. targets.SelectMany(target => target)], [.. cosines.SelectMany(cosine => cosine)], truth.Features));
    }

    private static float[] Unit(float[] rowsFD, int rows, int width)
    {
        var unit = rowsFD.ToArray();
        for (var row = 0; row < rows; row++)
        {
            var rowD = unit.AsSpan(row * width, width);
            var norm = Math.Sqrt(Energy.Of(rowD));
            if (norm > 0) foreach (ref var x in rowD) x = (float)(x / norm);
        }
        return unit;
    }

    private static double Product(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        var sum = 0.0;
        for (var i = 0; i < x.Length; i++) sum += (double)x[i] * y[i];
        return sum;
    }
}

/// <param name="Best">The true feature whose direction its decoder row is most like.</param>
/// <param name="Cosine">|cos| with it.</param>
public sealed record LatentTruth(int Latent, int Best, double Cosine);

/// <param name="PerLatent">F1 of each latent.</param>
/// <param name="TrueL0">True features per row.</param>
public sealed record FiringScores(double Precision, double Recall, double F1, double[] PerLatent, double TrueL0)
{
    /// <param name="codes">The dictionary's, of the same rows as <paramref name="firings"/>.</param>
    public static FiringScores Of(SparseAutoencoder sae, GroundTruth truth, LatentTruth[] latents, SparseCodes codes, SparseCodes firings)
    {
        var (fired, right, wanted) = (new long[sae.Features], new long[sae.Features], new long[truth.Features]);
        var active = new bool[truth.Features];
        for (var row = 0; row < codes.Rows; row++)
        {
            foreach (var feature in firings.FeaturesOf(row)) (active[feature], wanted[feature]) = (true, wanted[feature] + 1);
            foreach (var latent in codes.FeaturesOf(row))
            {
                fired[latent]++;
                if (active[latents[latent].Best]) right[latent]++;
            }
            foreach (var feature in firings.FeaturesOf(row)) active[feature] = false;
        }
        static double Share(double part, double whole) => whole == 0 ? 0 : part / whole;
        var f1 = latents.Select(latent => Share(2 * right[latent.Latent], fired[latent.Latent] + wanted[latent.Best])).ToArray();
        return new(
            latents.Average(latent => Share(right[latent.Latent], fired[latent.Latent])),
            latents.Average(latent => Share(right[latent.Latent], wanted[latent.Best])),
            f1.Average(),
            f1,
            (double)firings.Count / Math.Max(1, firings.Rows));
    }
}

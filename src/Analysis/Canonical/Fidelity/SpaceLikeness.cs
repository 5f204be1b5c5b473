using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>SVCCA and linear CKA of a view's rows and the target's own, on the sample of sequences that count.</summary>
/// <remarks>
/// Intervals: the sequences are dealt to 32 groups and each group is left out once (jackknife). A bootstrap would draw sequences twice, and both figures rise with repeated rows.
/// Only for the map itself, and up to width 256: a group keeps 3 × width² numbers and takes three factorisations.
/// Above width 1,024 a factorisation takes minutes, and neither is measured: they do not count in the grade.
/// </remarks>
internal static class SpaceLikeness
{
    private const int Groups = 32;
    private const int IntervalWidthMaximum = 256;
    private const int WidthMaximum = 1024;

    public static (Estimate? Svcca, Estimate? Cka)[] Of(PairedSample sample, IReadOnlyList<IMappedView> views, SparseAutoencoder reference, int threads)
    {
        var result = new (Estimate?, Estimate?)[views.Count];
        if (reference.Width > WidthMaximum) return result;
        var products = new Products<double>(threads);
        for (var v = 0; v < views.Count; v++) result[v] = Of(MomentsOf(sample, views[v], reference, v == 0 && reference.Width <= IntervalWidthMaximum ? Groups : 1, products));
        return result;
    }

    private static (Estimate, Estimate) Of(PairMoments[] groups)
    {
        var all = new PairMoments(groups[0].P, groups[0].Q);
        foreach (var group in groups) all.Add(group);
        var (svcca, cka) = (Svcca.Of(all), LinearCka.Of(all));
        if (groups.Length == 1) return (new(svcca, svcca, svcca), new(cka, cka, cka));
        var without = groups.Select(group =>
        {
            var rest = new PairMoments(group.P, group.Q);
            rest.Add(all);
            rest.Add(group, -1);
            return (Svcca: Svcca.Of(rest), Cka: LinearCka.Of(rest));
        }).ToArray();
        return (Jackknife(svcca, [.. without.Select(rest => rest.Svcca)]), Jackknife(cka, [.. without.Select(rest => rest.Cka)]));
    }

    /// <summary>Value ± 1.96 standard errors, from the values without each group.</summary>
    private static Estimate Jackknife(double value, double[] without)
    {
        var mean = without.Average();
        var error = Math.Sqrt((without.Length - 1.0) / without.Length * without.Sum(rest => (rest - mean) * (rest - mean)));
        return new(value, Math.Max(0, value - 1.96 * error), Math.Min(1, value + 1.96 * error));
    }

    private static PairMoments[] MomentsOf(PairedSample sample, IMappedView view, SparseAutoencoder reference, int groups, Products<double> products)
    {
        var moments = Enumerable.Range(0, Math.Min(groups, sample.Sequences.Count)).Select(_ => new PairMoments(reference.Width, reference.Width)).ToArray();
        var (mapped, reconstruction, at) = (new MappedRows(), new Reconstruction(reference), 0);
        foreach (var sequence in sample.Sequences)
        {
            view.Map(sequence.SourceNS, mapped);
            moments[at++ % moments.Length].Add(view.MapsRows ? mapped.Rows(sequence.TargetNT.Length) : Decoded(sequence.TargetNT, mapped, reference, reconstruction), sequence.TargetNT, products);
        }
        return moments;
    }

    private static float[] Decoded(float[] targetNT, MappedRows mapped, SparseAutoencoder reference, Reconstruction reconstruction)
    {
        var decodedNT = new float[targetNT.Length];
        for (var row = 0; row < mapped.Codes.Rows; row++)
        {
            var rowT = row * reference.Width;
            reconstruction.Decode(targetNT.AsSpan(rowT, reference.Width), mapped.Codes.FeaturesOf(row), mapped.Codes.ValuesOf(row), decodedNT.AsSpan(rowT, reference.Width));
        }
        return decodedNT;
    }
}

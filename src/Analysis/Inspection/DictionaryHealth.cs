using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Inspection;

/// <summary>How a dictionary does on given activations.</summary>
/// <param name="Rows">That were encoded.</param>
/// <param name="NotEncodable">Left out: not finite, or all zero before a division by the norm.</param>
/// <param name="Outliers">Left out: norm far above the median of their sequence. Few of them would decide explained variance alone.</param>
/// <param name="Fvu">Σ‖y − ŷ‖² over Σ‖y − mean y‖²; y is the row itself, or a transcoder's target; null: a transcoder without targets, or no decoder.</param>
/// <param name="Shrinkage">Mean of ‖ŷ‖/‖y‖ over rows that are not zero.</param>
/// <param name="FiringF">Rows in which each feature fires.</param>
/// <param name="StrengthF">Mean |value| of each feature when it fires.</param>
public sealed record DictionaryHealth(long Rows, long NotEncodable, long Outliers, double L0, int Dead, double? Fvu, double? Shrinkage, long[] FiringF, double[] StrengthF)
{
    /// <summary>As the daemon's windows have it by default.</summary>
    private const double OutlierNorm = 10;

    private const int BlockRows = 4096;

    public double? ExplainedVariance => 1 - Fvu;

    /// <param name="rows">Of the activations, packed: those that count.</param>
    /// <param name="targetsBO">A transcoder's targets, the same rows; empty otherwise.</param>
    public static (DictionaryHealth Health, SparseCodes Codes) Measure(SparseAutoencoder sae, InspectedRows rows, float[] targetsBO, int threads)
    {
        var encoder = FastestEncoder.For(sae, threads);
        var (codes, all) = (new SparseCodes(), new SparseCodes());
        var known = !sae.EncodesOnly && (!sae.Transcodes || targetsBO.Length > 0);
        var reconstruction = known ? new Reconstruction(sae) : null;
        var (firing, strength, estimateO, meanO) = (new long[sae.Features], new double[sae.Features], new float[sae.OutputWidth], new double[sae.OutputWidth]);
        var (energy, error, shrinkage, notZero) = (0.0, 0.0, 0.0, 0L);
        for (var first = 0; first < rows.Count; first += BlockRows)
        {
            var count = Math.Min(BlockRows, rows.Count - first);
            encoder.Encode(rows.RowsBD.AsSpan(first * sae.Width, count * sae.Width), codes);
            for (var row = 0; row < count; row++)
            {
                var features = codes.FeaturesOf(row);
                var values = codes.ValuesOf(row);
                all.AddRow(features, values);
                for (var i = 0; i < features.Length; i++) (firing[features[i]], strength[features[i]]) = (firing[features[i]] + 1, strength[features[i]] + Math.Abs(values[i]));
                if (reconstruction is null) continue;
                var rowD = rows.RowsBD.AsSpan((first + row) * sae.Width, sae.Width);
                var target = sae.Transcodes ? targetsBO.AsSpan((first + row) * sae.OutputWidth, sae.OutputWidth) : rowD;
                reconstruction.Decode(rowD, features, values, estimateO);
                error += Energy.OfDifference(target, estimateO);
                var of = Energy.Of(target);
                energy += of;
                if (of > 0) (shrinkage, notZero) = (shrinkage + Math.Sqrt(Energy.Of(estimateO) / of), notZero + 1);
                for (var i = 0; i < meanO.Length; i++) meanO[i] += target[i];
            }
        }
        var variance = energy / rows.Count - meanO.Sum(sum => sum / rows.Count * (sum / rows.Count));
        var health = new DictionaryHealth(
            rows.Count, rows.NotEncodable, rows.Outliers, (double)all.Count / Math.Max(1, rows.Count), firing.Count(times => times == 0),
            known && variance > 0 ? error / rows.Count / variance : null, known && notZero > 0 ? shrinkage / notZero : null,
            firing, [.. strength.Zip(firing, (sum, times) => times == 0 ? 0 : sum / times)]);
        return (health, all);
    }

    /// <summary>Which rows count: those that can be encoded and, of each sequence, those whose norm is not far above its median.</summary>
    /// <param name="sequenceOf">The sequence of each row; empty: one for all.</param>
    public static InspectedRows Select(float[] rowsBD, long[] sequenceOf, SparseAutoencoder sae)
    {
        var keep = Encodable(rowsBD, sae);
        var energies = Enumerable.Range(0, keep.Length).Select(row => Energy.Of(rowsBD.AsSpan(row * sae.Width, sae.Width))).ToArray();
        var (rows, encodable, outliers) = (keep.Length, keep.Count(kept => kept), 0L);
        foreach (var sequence in Enumerable.Range(0, rows).Where(row => keep[row]).GroupBy(row => sequenceOf.Length == 0 ? 0 : sequenceOf[row]))
        {
            var limit = RowSelection.OutlierEnergy(sequence.Select(row => energies[row]).ToArray(), OutlierNorm);
            foreach (var row in sequence)
                if (energies[row] > limit) (keep[row], outliers) = (false, outliers + 1);
        }
        return new(Packed(rowsBD, keep, sae.Width), keep, rows - encodable, outliers);
    }

    /// <summary>Finite, and the dictionary's normalisation has a factor for it.</summary>
    public static bool[] Encodable(float[] rowsBD, SparseAutoencoder sae)
    {
        var encodable = new bool[rowsBD.Length / sae.Width];
        for (var row = 0; row < encodable.Length; row++)
        {
            var rowD = rowsBD.AsSpan(row * sae.Width, sae.Width);
            encodable[row] = Energy.Of(rowD) <= RowSelection.EnergyMaximum && RowNormalization.Of(rowD, sae).CanEncode;
        }
        return encodable;
    }

    /// <summary>The rows that are kept, one after another.</summary>
    public static float[] Packed(float[] rowsBD, bool[] keep, int width)
    {
        if (Array.TrueForAll(keep, kept => kept)) return rowsBD;
        var packed = new float[keep.Count(kept => kept) * width];
        for (int row = 0, to = 0; row < keep.Length; row++)
            if (keep[row]) rowsBD.AsSpan(row * width, width).CopyTo(packed.AsSpan(width * to++));
        return packed;
    }
}

/// <summary>Rows that count, and which of the file's they are.</summary>
public sealed record InspectedRows(float[] RowsBD, bool[] Keep, long NotEncodable, long Outliers)
{
    public int Count { get; } = Keep.Count(kept => kept);
}

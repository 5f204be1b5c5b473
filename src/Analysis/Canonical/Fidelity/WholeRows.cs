using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Encoding where every row must keep its place: one that cannot be encoded (its norm is zero, under a normalisation that divides by it) has no features.</summary>
internal static class WholeRows
{
    public static void Encode(IEncoder encoder, ReadOnlySpan<float> rowsBD, SparseCodes codes)
    {
        var sae = encoder.Dictionary;
        var rows = rowsBD.Length / sae.Width;
        var refused = new List<int>();
        if (sae.Normalization is InputNormalization.ConstantNormRescale or InputNormalization.LayerNorm)
            for (var row = 0; row < rows; row++)
                if (!RowNormalization.Of(rowsBD.Slice(row * sae.Width, sae.Width), sae).CanEncode) refused.Add(row);
        if (refused.Count == 0)
        {
            encoder.Encode(rowsBD, codes);
            return;
        }
        var packedBD = new float[(rows - refused.Count) * sae.Width];
        for (int row = 0, to = 0; row < rows; row++)
            if (!refused.Contains(row)) rowsBD.Slice(row * sae.Width, sae.Width).CopyTo(packedBD.AsSpan(sae.Width * to++));
        var packed = new SparseCodes();
        encoder.Encode(packedBD, packed);
        codes.Clear();
        for (int row = 0, from = 0; row < rows; row++)
        {
            if (refused.Contains(row)) codes.AddRow([], []);
            else codes.AddRow(packed.FeaturesOf(from), packed.ValuesOf(from++));
        }
    }
}

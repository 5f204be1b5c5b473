using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>The control for "does training the dictionary matter?": random directions of length 1, as many and as sparse as the SAE's.</summary>
internal static class RandomDictionary
{
    /// <param name="rowsND">Some rows, to centre on and to find the threshold that gives <paramref name="l0"/>.</param>
    public static SparseAutoencoder For(ReadOnlySpan<float> rowsND, int width, int features, double l0, FastRandom random)
    {
        var n = Math.Min(400, rowsND.Length / width);
        var meanD = new float[width];
        for (var i = 0; i < width; i++)
        {
            var sum = 0.0;
            for (var at = i; at < rowsND.Length; at += width) sum += rowsND[at];
            meanD[i] = (float)(sum / (rowsND.Length / width));
        }
        var decoderFD = new float[features * width];
        var encoderDF = new float[features * width];
        for (var f = 0; f < features; f++)
        {
            var atom = decoderFD.AsSpan(f * width, width);
            for (var i = 0; i < width; i++) atom[i] = (float)random.NextGaussian();
            var norm = (float)Math.Sqrt(Energy.Of(atom));
            for (var i = 0; i < width; i++) encoderDF[i * features + f] = atom[i] /= norm;
        }
        var sae = new SparseAutoencoder
        {
            Kind = AutoencoderKind.JumpReLU,
            Width = width,
            Features = features,
            EncoderDF = encoderDF,
            DecoderFD = decoderFD,
            EncoderBiasF = new float[features],
            DecoderBiasD = meanD,
            Hash = "random",
        };
        var rows = rowsND[..(n * width)];
        sae = sae with { ThresholdF = [.. Enumerable.Repeat(Threshold(rows, sae, l0), features)] };
        return sae with { DecoderFD = Fitted(rows, sae) };
    }

    /// <summary>The pre-activation that n·l0 of all n·F reach.</summary>
    private static float Threshold(ReadOnlySpan<float> rowsND, SparseAutoencoder sae, double l0)
    {
        var n = rowsND.Length / sae.Width;
        var all = new SparseCodes();
        new CpuEncoder(sae with { ThresholdF = new float[sae.Features] }, 1).Encode(rowsND, all);
        var values = new float[all.Count];
        for (int row = 0, at = 0; row < n; row++)
        {
            all.ValuesOf(row).CopyTo(values.AsSpan(at));
            at += all.ValuesOf(row).Length;
        }
        Array.Sort(values);
        return values[Math.Max(0, values.Length - 1 - (int)(l0 * n))];
    }

    /// <summary>One factor on all atoms, by least squares, so that the reconstruction is as good as it can be without training.</summary>
    private static float[] Fitted(ReadOnlySpan<float> rowsND, SparseAutoencoder sae)
    {
        var codes = new SparseCodes();
        new CpuEncoder(sae, 1).Encode(rowsND, codes);
        var reconstruction = new Reconstruction(sae with { DecoderBiasD = new float[sae.Width] });
        var estimateD = new float[sae.Width];
        var (across, within) = (0.0, 0.0);
        for (var row = 0; row < codes.Rows; row++)
        {
            reconstruction.Decode(rowsND.Slice(row * sae.Width, sae.Width), codes.FeaturesOf(row), codes.ValuesOf(row), estimateD);
            for (var i = 0; i < sae.Width; i++)
            {
                across += ((double)rowsND[row * sae.Width + i] - sae.DecoderBiasD[i]) * estimateD[i];
                within += (double)estimateD[i] * estimateD[i];
            }
        }
        var factor = within > 0 ? (float)(across / within) : 1;
        return [.. sae.DecoderFD.Select(w => w * factor)];
    }
}

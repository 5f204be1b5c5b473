using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Diffing;

/// <summary>A crosscoder of two heads: both rows of a token make one code, of which each head reads its own model.</summary>
/// <remarks>Everything in the scale of training (<see cref="SparseAutoencoder.HeadScales"/>): where one model's activations are longer than the other's, so are its decoder rows, and that is no difference between them.</remarks>
internal sealed class CrosscoderRows : IDescribedRows
{
    /// <summary>Rows that are put side by side at a time: their codes and the copy are small beside the block.</summary>
    private const int RowsAtOnce = 4096;

    private readonly IEncoder encoder;
    private readonly SparseAutoencoder sae;
    private readonly Reconstruction reconstruction;
    private readonly SparseCodes codes = new();
    private readonly int width;
    private readonly float[] estimateO;
    private readonly Head a, b;
    private PairedBlock? block;
    private float[] bothNO = [];
    private int first, described;

    public CrosscoderRows(IEncoder encoder)
    {
        (this.encoder, sae) = (encoder, encoder.Dictionary);
        (reconstruction, width, estimateO) = (new(sae), sae.AtomWidth, new float[sae.OutputWidth]);
        (a, b) = (new(sae, 0), new(sae, 1));
    }

    public float[] DecoderAFD => a.DecoderLD;
    public float[] DecoderBFD => b.DecoderLD;

    public void Take(PairedBlock paired) => (block, first, described) = (paired, -RowsAtOnce, -1);

    public DescribedRow OfA(int row) => Describe(row, a);
    public DescribedRow OfB(int row) => Describe(row, b);

    private DescribedRow Describe(int row, Head head)
    {
        if (row >= first + RowsAtOnce) Encode(row);
        var bothO = bothNO.AsSpan((row - first) * sae.Width, sae.Width);
        if (row != described)
        {
            reconstruction.Decode(bothO, codes.FeaturesOf(row - first), codes.ValuesOf(row - first), estimateO);
            described = row;
        }
        return head.Of(bothO, estimateO, codes.FeaturesOf(row - first), codes.ValuesOf(row - first), reconstruction);
    }

    private void Encode(int row)
    {
        first = row;
        var rows = Math.Min(RowsAtOnce, block!.Rows - row);
        if (bothNO.Length < rows * sae.Width) bothNO = new float[rows * sae.Width];
        for (var i = 0; i < rows; i++)
        {
            block.SourceNS.AsSpan((row + i) * width, width).CopyTo(bothNO.AsSpan(i * sae.Width));
            block.TargetNT.AsSpan((row + i) * width, width).CopyTo(bothNO.AsSpan(i * sae.Width + width));
        }
        encoder.Encode(bothNO.AsSpan(0, rows * sae.Width), codes);
    }

    /// <summary>One model's part: its own buffers, so that both models' rows can be held at once.</summary>
    private sealed class Head
    {
        private readonly int head, latents, width;
        private readonly float scale;
        private readonly float[] rowD, estimateD;
        private int[] features = [];
        private float[] contributions = [];

        public Head(SparseAutoencoder sae, int head)
        {
            (this.head, latents, width) = (head, sae.Latents, sae.AtomWidth);
            scale = sae.HeadScales.Length == 0 ? 1 : sae.HeadScales[head];
            (rowD, estimateD) = (new float[width], new float[width]);
            DecoderLD = [.. sae.DecoderFD.AsSpan(head * latents * width, latents * width)];
            foreach (ref var weight in DecoderLD.AsSpan()) weight *= scale;
        }

        public float[] DecoderLD { get; }

        public DescribedRow Of(ReadOnlySpan<float> bothO, ReadOnlySpan<float> estimateO, ReadOnlySpan<int> firing, ReadOnlySpan<float> values, Reconstruction reconstruction)
        {
            for (var i = 0; i < width; i++) (rowD[i], estimateD[i]) = (bothO[head * width + i] * scale, estimateO[head * width + i] * scale);
            if (features.Length < firing.Length) (features, contributions) = (new int[firing.Length], new float[firing.Length]);
            var count = 0;
            for (var i = 0; i < firing.Length; i++)
            {
                if (firing[i] / latents != head) continue;
                (features[count], contributions[count]) = (firing[i] % latents, reconstruction.Contribution(firing[i], values[i], new(0, 1, 1)));
                count++;
            }
            return new(rowD, estimateD, features.AsSpan(0, count), contributions.AsSpan(0, count));
        }
    }
}

using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Diffing;

/// <summary>Which latents are shared by two models, A and its fine-tune B, and which are one's own: decoder rows and latent scaling both ways, as sums over paired rows that merge in any order.</summary>
/// <remarks>
/// A latent whose decoder row of A is short looks new in B. Latent scaling (<see cref="LatentScaling"/>) asks whether A's rows have it nonetheless: in what A's latents leave over (complete shrinkage: the sparsity loss
/// took the row away) or in other latents of A (latent decoupling). What B lost is asked with A and B exchanged, which the paper does not do.
/// </remarks>
/// <param name="decoderAFD">[F, width]; of one dictionary for both models, the same as B's.</param>
/// <param name="decoderBFD">[F, width].</param>
/// <param name="isCrosscoder">Each model has decoder rows of its own.</param>
public sealed class ModelDiff(float[] decoderAFD, float[] decoderBFD, int width, bool isCrosscoder)
{
    private readonly LatentScaling inB = new(decoderBFD, decoderAFD, width), inA = new(decoderAFD, decoderBFD, width);

    public int Latents => inB.Features;
    public bool IsCrosscoder => isCrosscoder;
    public long Rows { get; private set; }
    public ModelFit A { get; } = new(width);
    public ModelFit B { get; } = new(width);

    /// <summary>Adds the rows of one token.</summary>
    public void Add(in DescribedRow a, in DescribedRow b)
    {
        inB.Add(a, b);
        inA.Add(b, a);
        A.Add(a);
        B.Add(b);
        Rows++;
    }

    /// <summary>Takes in the sums of other rows through the same dictionary.</summary>
    public void Merge(ModelDiff other)
    {
        inB.Merge(other.inB);
        inA.Merge(other.inA);
        A.Merge(other.A);
        B.Merge(other.B);
        Rows += other.Rows;
    }

    public DiffedLatent Of(int latent) => new(latent, isCrosscoder ? Decoders(latent) : null, inB.Of(latent), inA.Of(latent));

    private DecoderPair Decoders(int latent)
    {
        var rowA = decoderAFD.AsSpan(latent * width, width);
        var rowB = decoderBFD.AsSpan(latent * width, width);
        var (normA, normB) = (Math.Sqrt(Energy.Of(rowA)), Math.Sqrt(Energy.Of(rowB)));
        return new(normA, normB, normA > 0 && normB > 0 ? Math.Clamp(Energy.OfProduct(rowA, rowB) / (normA * normB), -1, 1) : null);
    }
}

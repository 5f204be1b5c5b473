using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DriftWatch.Analysis.Encoding;

/// <summary>x̂ = f W_dec + b_dec in the model's own scale: what normalisation did to the row is undone. A transcoder's is x̂ = (f W_dec + b_dec)/s_out + x W_skip.</summary>
/// <remarks>Summed feature by feature in ascending order, the skip path last; each width index is a lane of its own, so every processor gives the same bits.</remarks>
public sealed unsafe class Reconstruction
{
    /// <summary>Latents that are added in one pass over the sum: it is read and written once for them, and their rows come from memory side by side.</summary>
    private const int Together = 4;

    private readonly SparseAutoencoder sae;
    private readonly float[] inverseGainF;

    public Reconstruction(SparseAutoencoder sae)
    {
        if (sae.EncodesOnly) throw new ArgumentException("the dictionary has no decoder", nameof(sae));
        this.sae = sae;
        // TopK's rescaled features carry their decoder norm: take it out again. The gain holds 1/s too, which the row's scale accounts for.
        inverseGainF = sae.RescaleByDecoderNorm ? [.. TopKEncoder.Gain(sae).Select(gain => 1 / gain)] : [];
    }

    /// <param name="rowD">The row that was encoded, as it came.</param>
    /// <param name="reconstructionO">Overwritten.</param>
    public void Decode(ReadOnlySpan<float> rowD, ReadOnlySpan<int> features, ReadOnlySpan<float> values, Span<float> reconstructionO)
    {
        sae.DecoderBiasD.CopyTo(reconstructionO);
        if (features is [.., var last]) ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(last, sae.Features, nameof(features));   // In ascending order; what lies behind the decoder is not ours.
        var atoms = stackalloc float*[2 * Together];
        var factors = stackalloc float[Together];
        fixed (float* decoder = sae.DecoderFD, sums = reconstructionO)
            for (int i = 0, taken; i < features.Length; i += taken)
            {
                var head = features[i] / sae.Latents;
                taken = i + Together <= features.Length && features[i + Together - 1] / sae.Latents == head ? Together : 1;
                for (var j = 0; j < 2 * Together; j++) atoms[j] = decoder + (long)features[Math.Min(i + j, features.Length - 1)] * sae.AtomWidth;
                for (var j = 0; j < taken; j++) factors[j] = inverseGainF.Length == 0 ? values[i + j] : values[i + j] * inverseGainF[features[i + j]];
                if (taken == Together) AddSome(atoms, factors, sums + (long)head * sae.AtomWidth, sae.AtomWidth);
                else AddOne(atoms[0], factors[0], sums + (long)head * sae.AtomWidth, sae.AtomWidth);
            }
        var (undo, shift) = Way(rowD);
        if ((undo, shift) != (1, 0))
            for (var i = 0; i < reconstructionO.Length; i++) reconstructionO[i] = reconstructionO[i] * undo + shift;
        if (sae.SkipDO.Length == 0) return;
        fixed (float* skip = sae.SkipDO, sums = reconstructionO)
            for (var i = 0; i < rowD.Length; i++) AddOne(skip + (long)i * sae.OutputWidth, rowD[i], sums, sae.OutputWidth);
    }

    private (float Undo, float Shift) Way(ReadOnlySpan<float> rowD)
    {
        if (sae.Transcodes) return (1 / sae.OutputScale, 0);
        var normalization = RowNormalization.Of(rowD, sae);
        return (normalization.Undo, normalization.Shift);
    }

    /// <summary>What a firing latent's decoder row is multiplied with in the reconstruction, in the model's own scale.</summary>
    public float Contribution(int feature, float value, RowNormalization normalization) => (inverseGainF.Length == 0 ? value : value * inverseGainF[feature]) * normalization.Undo;

    /// <param name="atoms">Those to add, and those that come after: of these only that they are asked for.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddSome(float** atoms, float* factors, float* sum, int width)
    {
        float* a = atoms[0], b = atoms[1], c = atoms[2], d = atoms[3];
        float* nextA = atoms[4], nextB = atoms[5], nextC = atoms[6], nextD = atoms[7];
        var (ofA, ofB, ofC, ofD) = (Vector512.Create(factors[0]), Vector512.Create(factors[1]), Vector512.Create(factors[2]), Vector512.Create(factors[3]));
        var i = 0;
        for (; i + Vector512<float>.Count <= width; i += Vector512<float>.Count)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch1(nextA + i);
                Sse.Prefetch1(nextB + i);
                Sse.Prefetch1(nextC + i);
                Sse.Prefetch1(nextD + i);
            }
            var some = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), ofA, Vector512.Load(sum + i));
            some = Vector512.FusedMultiplyAdd(Vector512.Load(b + i), ofB, some);
            some = Vector512.FusedMultiplyAdd(Vector512.Load(c + i), ofC, some);
            Vector512.FusedMultiplyAdd(Vector512.Load(d + i), ofD, some).Store(sum + i);
        }
        for (; i < width; i++)
            sum[i] = MathF.FusedMultiplyAdd(d[i], factors[3], MathF.FusedMultiplyAdd(c[i], factors[2], MathF.FusedMultiplyAdd(b[i], factors[1], MathF.FusedMultiplyAdd(a[i], factors[0], sum[i]))));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddOne(float* atom, float factor, float* sum, int width)
    {
        var i = 0;
        for (; i + Vector512<float>.Count <= width; i += Vector512<float>.Count)
            Vector512.FusedMultiplyAdd(Vector512.Load(atom + i), Vector512.Create(factor), Vector512.Load(sum + i)).Store(sum + i);
        for (; i < width; i++) sum[i] = MathF.FusedMultiplyAdd(atom[i], factor, sum[i]);
    }
}

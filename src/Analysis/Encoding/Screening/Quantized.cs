using System.Runtime.Intrinsics;

namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>What is known of a vector v that stands as Scale · q, with q whole numbers.</summary>
/// <param name="Norm">At least ‖v‖.</param>
/// <param name="RoundedNorm">At least ‖Scale · q‖.</param>
/// <param name="Error">At least ‖v − Scale · q‖; ∞ for a vector that cannot be screened (not finite, or so large or small that float32 would overflow or lose the error).</param>
/// <remarks>Norms are sums in float32 and made larger by a thousandth, which is more than these roundings can take away: 65,536 terms in 16 lanes lose 2.5·10⁻⁴.</remarks>
internal readonly record struct Quantized(float Scale, float Norm, float RoundedNorm, float Error)
{
    // No sum of 65,536 products of two such vectors' numbers overflows on its way: the reference's may not become infinite where the 8-bit one is far below.
    private const float LargestMinimum = 1e-25f, LargestMaximum = 1e16f;
    private const float Inflation = 1.001f;
    private const int Positive = 128;

    /// <summary>Of what is left after rounding: twice what the subtraction itself rounds.</summary>
    private const float RestRounding = 1f / (1 << 23);

    private static readonly Quantized unscreened = new(0, float.PositiveInfinity, 0, float.PositiveInfinity);

    /// <param name="v">Its length a multiple of 16; zeros at the end change nothing.</param>
    /// <param name="most">The largest |q|.</param>
    /// <param name="offset">Added to each q before it is stored as a byte.</param>
    /// <param name="rest">Where wanted: v − Scale · q.</param>
    public static Quantized Of(ReadOnlySpan<float> v, int most, int offset, Span<byte> q, Span<float> rest = default)
    {
        var largest = Largest(v);
        if (largest == 0 || !(largest >= LargestMinimum && largest <= LargestMaximum))
        {
            q.Fill((byte)offset);
            rest.Clear();
            return largest == 0 ? default : unscreened;
        }
        var scale = largest / most;
        var (perStep, half, minusScale) = (1 / scale, Vector512.Create(Positive + 0.5f), Vector512.Create(-scale));
        Vector512<float> norm = default, rounded = default, error = default;
        for (var i = 0; i < v.Length; i += 16)
        {
            var x = Vector512.Create(v.Slice(i, 16));
            // Positive, so that to cut off is to round. Which way it rounds does not matter: the error is measured.
            var step = Vector512.ConvertToInt32Native(Vector512.FusedMultiplyAdd(x, Vector512.Create(perStep), half));
            step -= Vector512.Create(Positive);
            var whole = Vector512.ConvertToSingle(step);
            step += Vector512.Create(offset);
            var narrow = Vector256.Narrow(step.GetLower(), step.GetUpper());
            Vector128.Narrow(narrow.GetLower(), narrow.GetUpper()).AsByte().CopyTo(q.Slice(i, 16));
            // In steps, whose squares neither overflow nor vanish.
            var left = Vector512.FusedMultiplyAdd(minusScale, whole, x);
            if (!rest.IsEmpty) left.CopyTo(rest.Slice(i, 16));
            var (xs, es) = (x * perStep, left * perStep);
            norm = Vector512.FusedMultiplyAdd(xs, xs, norm);
            rounded = Vector512.FusedMultiplyAdd(whole, whole, rounded);
            error = Vector512.FusedMultiplyAdd(es, es, error);
        }
        return new(scale, Length(norm), Length(rounded), Length(error));

        float Length(Vector512<float> squares) => Inflation * scale * MathF.Sqrt(Vector512.Sum(squares));
    }

    /// <summary>What is known of the same vector v as Scale · q and, with the result's scale, so many q of what that left: the error is of both together.</summary>
    /// <param name="rest">As <see cref="Of(ReadOnlySpan{float}, int, int, Span{byte}, Span{float})"/> wrote it.</param>
    public Quantized OfRest(ReadOnlySpan<float> rest, int offset, Span<byte> q)
    {
        var known = Of(rest, Positive - 1, offset, q);
        // Too small to be bounded: then nothing of it is taken.
        return float.IsPositiveInfinity(known.Error) ? new(0, Error, 0, Error) : known with { Error = known.Error + Error * RestRounding };
    }

    /// <summary>The largest magnitude; NaN if one is not a number.</summary>
    private static float Largest(ReadOnlySpan<float> v)
    {
        var lanes = Vector512<float>.Zero;
        for (var i = 0; i < v.Length; i += 16) lanes = Vector512.Max(lanes, Vector512.Abs(Vector512.Create(v.Slice(i, 16))));
        var largest = 0f;
        for (var i = 0; i < 16; i++) largest = MathF.Max(largest, lanes[i]);
        return largest;
    }
}

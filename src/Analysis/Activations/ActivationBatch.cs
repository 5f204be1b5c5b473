using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace DriftWatch.Analysis.Activations;

/// <summary>How a row's numbers are stored; all are widened to float32 without loss.</summary>
public enum ActivationType : byte
{
    F32,
    F16,
    BF16,
}

/// <summary>The rows of one message: activations of one or more whole sequences (prompts), still in the message's own bytes.</summary>
/// <param name="Data">Row-major <c>[Rows, Width]</c>, little-endian <paramref name="Type"/>; a slice of the message, not a copy.</param>
/// <param name="SequenceOf">For each row the sequence it belongs to, 0 to Sequences − 1 in order of first appearance.</param>
/// <param name="SampledAt">Event time: from the message or its broker timestamp, never from this machine's clock.</param>
public sealed record ActivationBatch(
    MonitorId Monitor,
    Probe Probe,
    DateTimeOffset SampledAt,
    ActivationType Type,
    int Rows,
    int Width,
    ReadOnlyMemory<byte> Data,
    int[] SequenceOf,
    int Sequences)
{
    public int BytesPerValue => Type == ActivationType.F32 ? 4 : 2;

    /// <summary>Widens rows <paramref name="first"/> and on into <paramref name="rowsBD"/> (whole rows).</summary>
    public void Widen(int first, Span<float> rowsBD) =>
        Widening.ToSingle(Data.Span.Slice(first * Width * BytesPerValue, rowsBD.Length * BytesPerValue), Type, rowsBD);
}

public static class Widening
{
    /// <summary>Little-endian F32, F16 or BF16 bytes to float32; exact for every value.</summary>
    public static void ToSingle(ReadOnlySpan<byte> bytes, ActivationType type, Span<float> values)
    {
        switch (type)
        {
            case ActivationType.F32:
                bytes.CopyTo(MemoryMarshal.AsBytes(values));
                break;
            case ActivationType.F16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes)[..values.Length], values);
                break;
            case ActivationType.BF16:
                var halves = MemoryMarshal.Cast<byte, ushort>(bytes);
                var bits = MemoryMarshal.Cast<float, uint>(values);
                var at = 0;
                for (; at + 16 <= halves.Length; at += 16)
                {
                    var (low, high) = Vector256.Widen(Vector256.Create(halves.Slice(at, 16)));
                    (low << 16).CopyTo(bits[at..]);
                    (high << 16).CopyTo(bits[(at + 8)..]);
                }
                for (; at < halves.Length; at++) bits[at] = (uint)halves[at] << 16;
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "unknown activation type");
        }
    }
}

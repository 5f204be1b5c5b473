using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>The encoder's weights: 8 bits each in panels for <see cref="ScreenKernel"/>; a feature after the other those 8 bits, 8 more of what they leave, and exact, for what passes the screen.</summary>
/// <remarks>7 bytes a weight, D · F of them: 264 MB for 2,304 → 16,384, 940 MB for 4,096 → 32,768.</remarks>
internal sealed unsafe class ScreenedWeights
{
    /// <summary>Of so many features at a time the rows' pairs are refined and summed: rows come from far for each strip, so it is long.</summary>
    public const int StripFeatures = 2048;

    /// <summary>In panels, 8 bits and 8 bits more a feature after the other, and exact.</summary>
    public const int BytesPerWeight = 3 + sizeof(float);

    // So many are packed at a time: their columns fit the cache.
    private const int PackedFeatures = 64;

    private readonly int latents;
    private readonly int panelFeatures;
    private readonly AlignedArray<sbyte> panels;
    private readonly Pieces<float>[] exact;
    private readonly Pieces<sbyte>[] rounded, rests;
    private readonly AlignedArray<float> scaleF, normF, roundedNormF, errorF, restScaleF, restNormF, restErrorF;
    private readonly AlignedArray<int> startF, restStartF;

    public ScreenedWeights(SparseAutoencoder sae, ScreenKernel kernel, int threads)
    {
        (latents, panelFeatures) = (sae.Latents, kernel.Features);
        Stride = (sae.Width + ScreenKernel.PairLength - 1) / ScreenKernel.PairLength * ScreenKernel.PairLength;
        Panels = (latents + panelFeatures - 1) / panelFeatures;
        var padded = Panels * panelFeatures;
        panels = new((long)padded * Stride);
        (exact, rounded, rests) = (Strips<float>(padded, PieceLength.Exact), Strips<sbyte>(padded, PieceLength.Rounded), Strips<sbyte>(padded, PieceLength.Rounded));
        (scaleF, normF, roundedNormF, errorF, startF) = (new(padded), new(padded), new(padded), new(padded), new(padded));
        (restScaleF, restNormF, restErrorF, restStartF) = (new(padded), new(padded), new(padded), new(padded));
        // One array of columns a thread: untouched memory for every part takes as long as the packing.
        var columnsT = new float[threads][];
        Packing = Task.Run(() => Parts.ForEach(latents, PackedFeatures, threads, (thread, first, taken) => Pack(sae, kernel, first, taken, columnsT[thread] ??= new float[PackedFeatures * Stride])));
    }

    /// <summary>D and the zeros behind it, to a multiple of 64.</summary>
    public int Stride { get; }
    public int Panels { get; }

    /// <summary>Until it is done they are not all there.</summary>
    public Task Packing { get; }

    /// <summary>[Stride / 4, N, 4].</summary>
    public sbyte* Panel(int panel) => panels.Start + (long)panel * panelFeatures * Stride;

    /// <summary>The exact weights of <see cref="StripFeatures"/> features.</summary>
    public Pieces<float> Exact(int strip) => exact[strip];

    /// <summary>The same 8 bits as in the panels.</summary>
    public Pieces<sbyte> Rounded(int strip) => rounded[strip];

    /// <summary>What those leave, in 8 bits.</summary>
    public Pieces<sbyte> Rest(int strip) => rests[strip];

    public float* Scale(int feature) => scaleF.Start + feature;
    public float* Norm(int feature) => normF.Start + feature;
    public float* RoundedNorm(int feature) => roundedNormF.Start + feature;
    public float* Error(int feature) => errorF.Start + feature;
    public float* RestScale(int feature) => restScaleF.Start + feature;
    public float* RestNorm(int feature) => restNormF.Start + feature;
    public float* RestError(int feature) => restErrorF.Start + feature;

    /// <summary>−Offset · Σ q.</summary>
    public int* Start(int feature) => startF.Start + feature;
    public int* RestStart(int feature) => restStartF.Start + feature;

    private Pieces<T>[] Strips<T>(int padded, int pieceLength) where T : unmanaged
    {
        var storage = new AlignedArray<T>((long)padded * Stride);
        return [.. Enumerable.Range(0, (latents + StripFeatures - 1) / StripFeatures)
            .Select(strip => new Pieces<T>(storage, (long)strip * StripFeatures * Stride, Math.Min(StripFeatures, padded - strip * StripFeatures), Stride, pieceLength))];
    }

    private void Pack(SparseAutoencoder sae, ScreenKernel kernel, int first, int taken, float[] columns)
    {
        TakeColumns(sae, first, taken, columns);
        Span<byte> q = new byte[Stride];
        Span<float> rest = new float[Stride];
        for (var feature = first; feature < first + taken; feature++)
        {
            var column = columns.AsSpan((feature - first) * Stride, Stride);
            var (strip, place) = (feature / StripFeatures, feature % StripFeatures);
            exact[strip].Write(place, column);
            var known = Quantized.Of(column, ScreenKernel.WeightMaximum, 0, q, rest);
            rounded[strip].Write(place, MemoryMarshal.Cast<byte, sbyte>(q));
            (*Scale(feature), *Norm(feature), *RoundedNorm(feature), *Error(feature)) = (known.Scale, known.Norm, known.RoundedNorm, known.Error);
            *Start(feature) = -kernel.Offset * Sum(q);
            var quads = (uint*)Panel(feature / panelFeatures) + feature % panelFeatures;
            fixed (byte* bytes = q)
                for (var quad = 0; quad < Stride / 4; quad++) quads[quad * panelFeatures] = ((uint*)bytes)[quad];
            var knownRest = known.OfRest(rest, 0, q);
            rests[strip].Write(place, MemoryMarshal.Cast<byte, sbyte>(q));
            *RestStart(feature) = -kernel.Offset * Sum(q);
            (*RestScale(feature), *RestNorm(feature), *RestError(feature)) = (knownRest.Scale, knownRest.RoundedNorm, knownRest.Error);
        }
    }

    private static int Sum(ReadOnlySpan<byte> q)
    {
        var sum = 0;
        foreach (var some in q) sum += (sbyte)some;
        return sum;
    }

    /// <summary>The weights of some features, one feature's after the other. A line of the cache at a time is written, from rows that are brought near before.</summary>
    /// <param name="columns">[taken, Stride]; behind the width zeros, as they were.</param>
    private void TakeColumns(SparseAutoencoder sae, int first, int taken, float[] columns)
    {
        const int Line = 16;
        var near = stackalloc float[Line * PackedFeatures];
        fixed (float* weights = sae.EncoderDF, lines = columns)
            for (var i = 0; i < sae.Width; i += Line)
            {
                var rows = Math.Min(Line, sae.Width - i);
                for (var row = 0; row < rows; row++) Unsafe.CopyBlockUnaligned(near + row * PackedFeatures, weights + (long)(i + row) * latents + first, (uint)(taken * sizeof(float)));
                for (var feature = 0; feature < taken; feature++)
                {
                    var from = near + feature;
                    var line = lines + feature * Stride + i;
                    for (var row = 0; row < rows; row++) line[row] = from[row * PackedFeatures];
                }
            }
    }
}

using System.Runtime.Intrinsics;

namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>A block of rows after normalisation: 8 bits each in groups for <see cref="ScreenKernel"/>; a row after the other those 8 bits, 8 more of what they leave, and exact.</summary>
/// <remarks>
/// Residual streams have a few dimensions that are hundreds of times larger than the others and would take all 8 bits for themselves.
/// Those of the block are kept out: 0 in the groups, and added as floats.
/// </remarks>
internal sealed unsafe class ScreenedRows(SparseAutoencoder sae, ScreenKernel kernel, int stride)
{
    public const int OutliersLimit = 32;

    /// <summary>Of <see cref="Rests"/>, as <see cref="ScreenKernel.Offset"/> of the others: whole bytes on every processor, since no group has them.</summary>
    public const int RestOffset = 128;

    // Times the row's root mean square. Normal numbers reach 6 once in 500 million.
    private const float OutlierFrom = 6;

    private readonly float[] largestD = new float[stride];
    private readonly float[] inputD = new float[stride];
    private readonly float[] restD = new float[stride];
    private readonly byte[] q = new byte[stride];
    private readonly List<int> outliers = [];
    private Pieces<float> exact = new(0, stride, PieceLength.Exact);
    private Pieces<byte> rounded = new(0, stride, PieceLength.Rounded), rests = new(0, stride, PieceLength.Rounded);
    private AlignedArray<byte> groups = new(0);
    private float[] outliersRO = [];
    private Quantized[] known = [], knownRests = [];
    private float[] normR = [];

    public int Count { get; private set; }

    /// <summary>The dimensions that are kept out.</summary>
    public List<int> Outliers => outliers;

    /// <summary>Each costs as much as four to eight others.</summary>
    private int OutliersMaximum => Math.Clamp(sae.Width / 64, 4, OutliersLimit);

    /// <summary>After normalisation.</summary>
    public Pieces<float> Exact => exact;

    /// <summary>The same 8 bits as in the groups.</summary>
    public Pieces<byte> Rounded => rounded;

    /// <summary>What those leave, in 8 bits as well.</summary>
    public Pieces<byte> Rests => rests;

    /// <summary>[Stride / 4, Rows, 4]; what is behind the last row may be anything.</summary>
    public byte* Group(int firstRow) => groups.Start + (long)firstRow * stride;

    /// <summary>Without the outliers.</summary>
    public ref readonly Quantized Known(int row) => ref known[row];

    /// <summary>Without the outliers, after 16 bits.</summary>
    public ref readonly Quantized KnownRest(int row) => ref knownRests[row];

    /// <summary>At least ‖x‖, outliers and all.</summary>
    public float Norm(int row) => normR[row];

    public ReadOnlySpan<float> OutliersOf(int row) => outliersRO.AsSpan(row * outliers.Count, outliers.Count);

    public void Take(float* rowsBD, int rows)
    {
        Count = rows;
        MakeRoom();
        Array.Clear(largestD);
        for (var row = 0; row < rows; row++)
        {
            var rowD = new ReadOnlySpan<float>(rowsBD + (long)row * sae.Width, sae.Width);
            RowNormalization.Of(rowD, sae).Apply(rowD, sae, inputD.AsSpan(0, sae.Width));
            exact.Write(row, inputD);
            normR[row] = Quantized.Of(inputD, kernel.Offset - 1, kernel.Offset, q).Norm;
            NoteLargest(MathF.Sqrt(sae.Width) / normR[row]);
        }
        ChooseOutliers();
        if (outliersRO.Length < rows * outliers.Count) outliersRO = new float[rows * outliers.Count];
        for (var row = 0; row < rows; row++) Quantize(row);
    }

    private void MakeRoom()
    {
        var room = (Count + kernel.Rows - 1) / kernel.Rows * kernel.Rows;
        if (known.Length >= room) return;
        (exact, groups) = (new(room, stride, PieceLength.Exact), new((long)room * stride));
        (rounded, rests) = (new(room, stride, PieceLength.Rounded), new(room, stride, PieceLength.Rounded));
        (known, knownRests, normR) = (new Quantized[room], new Quantized[room], new float[room]);
    }

    private void NoteLargest(float perMean)
    {
        if (!float.IsFinite(perMean)) return;
        for (var i = 0; i < stride; i += 16)
        {
            var largest = largestD.AsSpan(i, 16);
            Vector512.MaxNative(Vector512.Create<float>(largest), Vector512.Abs(Vector512.Create<float>(inputD.AsSpan(i, 16))) * perMean).CopyTo(largest);
        }
    }

    private void ChooseOutliers()
    {
        outliers.Clear();
        for (var i = 0; i < sae.Width; i++)
            if (largestD[i] > OutlierFrom) outliers.Add(i);
        if (outliers.Count <= OutliersMaximum) return;
        outliers.Sort((a, b) => largestD[b].CompareTo(largestD[a]));
        outliers.RemoveRange(OutliersMaximum, outliers.Count - OutliersMaximum);
    }

    private void Quantize(int row)
    {
        exact.Read(row, inputD);
        for (var i = 0; i < outliers.Count; i++)
        {
            outliersRO[row * outliers.Count + i] = inputD[outliers[i]];
            inputD[outliers[i]] = 0;
        }
        known[row] = Quantized.Of(inputD, kernel.Offset - 1, kernel.Offset, q, restD);
        var quads = (uint*)Group(row / kernel.Rows * kernel.Rows) + row % kernel.Rows;
        fixed (byte* bytes = q)
            for (var quad = 0; quad < stride / 4; quad++) quads[quad * kernel.Rows] = ((uint*)bytes)[quad];
        rounded.Write(row, q);
        knownRests[row] = known[row].OfRest(restD, RestOffset, q);
        rests.Write(row, q);
    }
}

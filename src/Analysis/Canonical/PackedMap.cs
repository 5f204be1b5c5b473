using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical;

/// <summary>y = x A + b for many rows, with A in the order that the encoder's kernel reads.</summary>
/// <remarks>
/// Summed over the source width in ascending order, from b, one fused multiply-add a step; each target index is a lane, so every processor gives the same bits.
/// A panel is [1 + S, N]: N columns of A side by side, above them b, which meets a one in front of every row. A is read once for some hundred rows. A second copy of A.
/// </remarks>
internal sealed unsafe class PackedMap
{
    private const int BlockRowsMaximum = 384;

    private readonly PanelKernel kernel = PanelKernel.Best;
    private readonly int sourceWidth;
    private readonly int targetWidth;
    private readonly int panels;
    private readonly AlignedArray<float> panelsPDN;
    private readonly AlignedArray<float> tile;
    private AlignedArray<float> groupsGDM = new(0);

    public PackedMap(float[] aST, float[] bT)
    {
        (sourceWidth, targetWidth) = (aST.Length / bT.Length, bT.Length);
        panels = (targetWidth + kernel.Features - 1) / kernel.Features;
        panelsPDN = new((long)panels * kernel.Features * Depth);
        tile = new(kernel.Rows * kernel.Features);
        for (var panel = 0; panel < panels; panel++)
        {
            var first = panel * kernel.Features;
            var taken = Math.Min(kernel.Features, targetWidth - first);
            bT.AsSpan(first, taken).CopyTo(new(Panel(panel), taken));
            for (var s = 0; s < sourceWidth; s++) aST.AsSpan(s * targetWidth + first, taken).CopyTo(new(Panel(panel) + (long)(s + 1) * kernel.Features, taken));
        }
    }

    private int Depth => 1 + sourceWidth;

    private float* Panel(int panel) => panelsPDN.Start + (long)panel * Depth * kernel.Features;

    public void Apply(ReadOnlySpan<float> rowsBS, Span<float> mappedBT)
    {
        var rows = rowsBS.Length / sourceWidth;
        for (var first = 0; first < rows; first += BlockRowsMaximum)
        {
            var count = Math.Min(BlockRowsMaximum, rows - first);
            ApplyBlock(rowsBS.Slice(first * sourceWidth, count * sourceWidth), count, mappedBT.Slice(first * targetWidth, count * targetWidth));
        }
    }

    private void ApplyBlock(ReadOnlySpan<float> rowsBS, int rows, Span<float> mappedBT)
    {
        Pack(rowsBS, rows);
        for (var panel = 0; panel < panels; panel++)
        {
            var column = panel * kernel.Features;
            var taken = Math.Min(kernel.Features, targetWidth - column);
            for (var first = 0; first < rows; first += kernel.Rows)
            {
                kernel.Sum(Panel(panel), groupsGDM.Start + (long)first * Depth, Depth, tile.Start);
                for (var row = first; row < Math.Min(first + kernel.Rows, rows); row++)
                    new ReadOnlySpan<float>(tile.Start + (row - first) * kernel.Features, taken).CopyTo(mappedBT.Slice(row * targetWidth + column, taken));
            }
        }
    }

    /// <summary>Groups of [1 + S, M]: M rows side by side. The unused end of the last group is not collected and may hold anything.</summary>
    private void Pack(ReadOnlySpan<float> rowsBS, int rows)
    {
        var m = kernel.Rows;
        var length = (rows + m - 1) / m * m * Depth;
        if (groupsGDM.Length < length) groupsGDM = new(length);
        for (var row = 0; row < rows; row++)
        {
            var column = groupsGDM.Start + (long)(row / m) * m * Depth + row % m;
            *column = 1;
            foreach (var x in rowsBS.Slice(row * sourceWidth, sourceWidth)) *(column += m) = x;
        }
    }
}

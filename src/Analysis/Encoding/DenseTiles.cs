using System.Numerics;
using System.Runtime.Intrinsics;

namespace DriftWatch.Analysis.Encoding;

/// <summary>Every pre-activation of a block of rows, tile by tile, each tested while it is in the cache: the dense [rows, features] matrix never exists.</summary>
internal sealed unsafe class DenseTiles(SparseAutoencoder sae, FiringTest test, PanelKernel kernel)
{
    private readonly AlignedArray<float> tile = new(kernel.Rows * kernel.Features), gateTile = new(test.Gates ? kernel.Rows * kernel.Features : 0);
    private AlignedArray<float> groupsGDM = new(0);
    private int rowCount;

    /// <summary>Room for so many rows: groups of [D, M], M rows side by side. The unused end of the last group is not collected and may hold anything.</summary>
    public void Begin(int rows)
    {
        rowCount = rows;
        var length = (long)(rows + kernel.Rows - 1) / kernel.Rows * kernel.Rows * sae.Width;
        if (groupsGDM.Length < length) groupsGDM = new(length);
    }

    /// <param name="inputD">After normalisation.</param>
    public void Take(int row, ReadOnlySpan<float> inputD)
    {
        var m = kernel.Rows;
        var column = groupsGDM.Start + (long)(row / m) * m * sae.Width + row % m;
        foreach (var x in inputD)
        {
            *column = x;
            column += m;
        }
    }

    /// <param name="panel">[D, N]: the weights of N features from <paramref name="firstLatent"/> on.</param>
    /// <param name="hits">Of each row and head.</param>
    /// <param name="bounds">Where given: what has to be passed to be among the k largest; learns of every feature that passes it.</param>
    /// <param name="gatePanel">As <paramref name="panel"/>, of a GLU encoder's gate.</param>
    public void Encode(float* panel, int firstLatent, List<RowHits> hits, List<RowHits>? bounds = null, float* gatePanel = null)
    {
        for (var row = 0; row < rowCount; row += kernel.Rows)
        {
            kernel.Sum(panel, groupsGDM.Start + (long)row * sae.Width, sae.Width, tile.Start);
            var gateIsSummed = false;
            for (var head = 0; head < test.Heads; head++) Collect(firstLatent, head, row, Math.Min(kernel.Rows, rowCount - row), hits, bounds, gatePanel, ref gateIsSummed);
        }
    }

    /// <param name="gateIsSummed">Of this tile; a GLU encoder's only.</param>
    private void Collect(int firstLatent, int head, int firstRow, int rows, List<RowHits> hits, List<RowHits>? bounds, float* gatePanel, ref bool gateIsSummed)
    {
        float* bias = test.Bias(firstLatent), gain = test.Gain(head, firstLatent), cut = test.Cut(head, firstLatent);
        var (n, gated, signed) = (kernel.Features, test.Gated, test.Signed);
        var firstFeature = head * sae.Latents + firstLatent;
        for (var row = 0; row < rows; row++)
        {
            var hitsOfRow = hits[(firstRow + row) * test.Heads + head];
            var boundsOfRow = bounds?[firstRow + row];
            var cutOfRow = Vector512.Create((boundsOfRow ?? hitsOfRow).Cut);
            var sums = tile.Start + row * n;
            for (var i = 0; i < n; i += Vector512<float>.Count)
            {
                var score = (Vector512.LoadAligned(sums + i) + Vector512.LoadAligned(bias + i)) * Vector512.LoadAligned(gain + i);
                var fires = Vector512.GreaterThan(signed ? Vector512.Abs(score) : score, Vector512.MaxNative(Vector512.LoadAligned(cut + i), cutOfRow));
                for (var lanes = fires.ExtractMostSignificantBits(); lanes != 0; lanes &= lanes - 1)
                {
                    var lane = i + BitOperations.TrailingZeroCount(lanes);
                    var feature = firstFeature + lane;
                    var value = gated ? GatedEncoder.Magnitude(sums[lane], sae, feature)
                        : test.Gates ? BehindGate(sums[lane] + bias[lane], firstLatent, lane, firstRow, row, gatePanel, ref gateIsSummed) * gain[lane]
                        : (sums[lane] + bias[lane]) * gain[lane];
                    if (test.Gates && !((signed ? MathF.Abs(value) : value) > cut[lane])) continue;
                    if (value == 0) continue;
                    hitsOfRow.Add(feature, value);
                    boundsOfRow?.Add(feature, value);
                }
            }
        }
    }

    /// <summary>A pre-activation behind a GLU encoder's gate.</summary>
    private float BehindGate(float h, int firstLatent, int lane, int firstRow, int row, float* gatePanel, ref bool gateIsSummed)
    {
        if (!gateIsSummed) kernel.Sum(gatePanel, groupsGDM.Start + (long)firstRow * sae.Width, sae.Width, gateTile.Start);
        gateIsSummed = true;
        return h * PreActivations.Gate(gateTile.Start[row * kernel.Features + lane] + test.GateBias(firstLatent)[lane]);
    }
}

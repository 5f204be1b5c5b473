using System.Buffers;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Activations;

/// <summary>The rows of a batch that count, sequence after sequence, and how many were left out and why.</summary>
/// <remarks>Depends on nothing but the sequence itself, so cutting a stream into other messages (between sequences) changes nothing.</remarks>
public sealed class RowSelection
{
    // A norm of 10¹⁰ is no activation; its products would overflow float32 and spread ∞, so it counts as not finite. NaN fails the comparison too.
    internal const double EnergyMaximum = 1e20;

    // Below it the factor that brings a row to norm √D is beyond float32.
    private const double ZeroEnergy = 1e-60;

    private readonly List<(int First, int Rows)> sequences = [];
    private float[] rawBS = [];
    private float[] rowsBD = [];
    private double[] energyB = [];
    private double[] norms = [];
    private int[] rowB = [];
    private int[] endS = [];
    private int kept;

    public int Kept => kept;
    public int NotFinite { get; private set; }
    public int Zero { get; private set; }
    public int Outliers { get; private set; }
    public int Width { get; private set; }

    /// <summary>Row-major <c>[kept, width]</c>.</summary>
    public ReadOnlySpan<float> RowsBD => rowsBD.AsSpan(0, kept * Width);

    /// <summary>‖x‖² of each kept row.</summary>
    public ReadOnlySpan<double> EnergyB => energyB.AsSpan(0, kept);

    /// <summary>First kept row and number of kept rows of each sequence that has any.</summary>
    public IReadOnlyList<(int First, int Rows)> Sequences => sequences;

    /// <param name="transform">Rows are looked at where the dictionary sees them, behind the map.</param>
    /// <param name="outlierNorm">A row is an outlier above this many times the median norm of its sequence.</param>
    /// <param name="leaveOutZeroRows">The dictionary's normalisation divides by the norm.</param>
    public void Select(ActivationBatch batch, ITransform transform, double outlierNorm, bool leaveOutZeroRows)
    {
        Reset(batch, transform.TargetWidth);
        BringSequencesTogether(batch);
        for (var i = 0; i < batch.Rows; i++) batch.Widen(rowB[i], rawBS.AsSpan(i * batch.Width, batch.Width));
        var mappedBD = transform.Apply(rawBS.AsSpan(0, batch.Rows * batch.Width));

        var at = 0;
        for (var sequence = 0; sequence < batch.Sequences; sequence++)
        {
            var first = kept;
            for (; at < endS[sequence]; at++)
            {
                var rowD = mappedBD.Slice(at * Width, Width);
                var energy = Energy.Of(rowD);
                if (!(energy <= EnergyMaximum)) NotFinite++;
                else if (energy < ZeroEnergy && leaveOutZeroRows) Zero++;
                else Keep(rowD, energy);
            }
            DropOutliers(first, outlierNorm);
            if (kept > first) sequences.Add((first, kept - first));
        }
        Return(ref rawBS);
    }

    /// <summary>Gives the buffers back: nothing is selected any more.</summary>
    public void Release()
    {
        kept = 0;
        Return(ref rowsBD);
        Return(ref energyB);
        Return(ref norms);
        Return(ref rowB);
        Return(ref endS);
    }

    private void Keep(ReadOnlySpan<float> rowD, double energy)
    {
        rowD.CopyTo(rowsBD.AsSpan(kept * Width, Width));
        energyB[kept++] = energy;
    }

    private void Reset(ActivationBatch batch, int width)
    {
        Width = width;
        (kept, NotFinite, Zero, Outliers) = (0, 0, 0, 0);
        sequences.Clear();
        Rent(ref rawBS, batch.Rows * batch.Width);
        Rent(ref rowsBD, batch.Rows * width);
        Rent(ref energyB, batch.Rows);
        Rent(ref norms, batch.Rows);
        Rent(ref rowB, batch.Rows);
        Rent(ref endS, batch.Sequences);
    }

    private static void Rent<T>(ref T[] buffer, int length)
    {
        if (buffer.Length >= length) return;
        Return(ref buffer);
        buffer = ArrayPool<T>.Shared.Rent(length);
    }

    private static void Return<T>(ref T[] buffer)
    {
        if (buffer.Length > 0) ArrayPool<T>.Shared.Return(buffer);
        buffer = [];
    }

    /// <summary>Row numbers, sequence after sequence and in order within each; the rows of a sequence need not stand together in the message.</summary>
    private void BringSequencesTogether(ActivationBatch batch)
    {
        Array.Clear(endS, 0, batch.Sequences);
        foreach (var sequence in batch.SequenceOf) endS[sequence]++;
        var begin = 0;
        for (var sequence = 0; sequence < batch.Sequences; sequence++) (endS[sequence], begin) = (begin, begin + endS[sequence]);
        // Each begins where the one before ends, and its end moves on with each of its rows.
        for (var row = 0; row < batch.Rows; row++) rowB[endS[batch.SequenceOf[row]]++] = row;
    }

    private void DropOutliers(int first, double outlierNorm)
    {
        var count = kept - first;
        for (var i = 0; i < count; i++) norms[i] = energyB[first + i];
        var limit = OutlierEnergy(norms.AsSpan(0, count), outlierNorm);
        var to = first;
        for (var from = first; from < first + count; from++)
        {
            if (energyB[from] > limit)
            {
                Outliers++;
                continue;
            }
            if (to != from)
            {
                rowsBD.AsSpan(from * Width, Width).CopyTo(rowsBD.AsSpan(to * Width, Width));
                energyB[to] = energyB[from];
            }
            to++;
        }
        kept = to;
    }

    /// <summary>Above this ‖x‖² a row is an outlier of its sequence.</summary>
    /// <param name="energies">‖x‖² of the sequence's rows; sorted here.</param>
    internal static double OutlierEnergy(Span<double> energies, double outlierNorm)
    {
        energies.Sort();
        // Energies are squares: compare with the square of the factor. The lower median, so that half of a sequence being huge is not normal.
        var limit = energies.Length == 0 ? 0 : energies[(energies.Length - 1) / 2] * outlierNorm * outlierNorm;
        return limit > 0 ? limit : double.PositiveInfinity;
    }
}

using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>What a detector of unusual sequences has taken in, as bytes: read into a new one with the same baseline and options, it goes on as this one would, to the last bit.</summary>
/// <remarks>What follows from baseline and options is not written, and neither are results kept for the next look. Cost: 72 bytes a feature, before packing.</remarks>
public sealed partial class SequenceTails
{
    private const int StateVersion = 1;

    /// <summary>Hash of the baseline that windows are compared with.</summary>
    public string Baseline => baseline.Hash;

    public byte[] Save()
    {
        var raw = new VarintWriter();
        raw.Write(StateVersion);
        raw.Write(lastEnd is null ? 0 : 1);
        if (lastEnd is { } end) raw.Write(end);
        raw.Write(sinceAlarm);
        raw.Write(tails.Length);
        foreach (var tail in tails) tail.Save(raw);
        features.Save(raw);
        raw.Write(contrast is null ? 0 : 1);
        contrast?.Save(raw);
        raw.Write(unusualBefore.Count);
        foreach (var unusual in unusualBefore) SummaryCodec.Write(raw, unusual);
        return raw.ToArray();
    }

    /// <summary>Into one that has taken in nothing yet.</summary>
    /// <exception cref="MalformedException">Damaged, of another version, or of another baseline or options; reason <c>tails</c>. This one is then of no use.</exception>
    public void Load(byte[] state)
    {
        var raw = new VarintReader(state, "tails", "state of sequence-tails");
        if (raw.ReadInt() != StateVersion) throw raw.Damaged();
        lastEnd = raw.ReadInt() == 0 ? null : raw.ReadTime();
        sinceAlarm = raw.ReadInt();
        if (raw.ReadInt() != tails.Length) throw raw.Damaged();
        foreach (var tail in tails) tail.Load(raw);
        features.Load(raw);
        if (raw.ReadInt() != (contrast is null ? 0 : 1)) throw raw.Damaged();
        contrast?.Load(raw);
        for (var left = raw.ReadInt(); left > 0; left--) unusualBefore.Enqueue(unusualBefore.Count < UnusualWindows ? SummaryCodec.ReadUnusual(raw, baseline.Summary.Features) : throw raw.Damaged());
        raw.End();
    }

    private sealed partial class Tail
    {
        public void Save(VarintWriter raw)
        {
            raw.Write(r);
            raw.WriteDouble(a);
            raw.WriteDouble(b);
            raw.Write(own);
        }

        public void Load(VarintReader raw)
        {
            raw.ReadDoubles(r);
            (a, b, own) = (raw.ReadDouble(), raw.ReadDouble(), raw.ReadHistogram());
        }
    }

    private sealed partial class FeatureTails
    {
        public void Save(VarintWriter raw)
        {
            raw.Write(count);
            raw.Write(aFL);
            raw.Write(rFLS);
            raw.Write(namedF);
            raw.WriteDouble(total);
            raw.Write(taken);
        }

        public void Load(VarintReader raw)
        {
            if (raw.ReadInt() != count) throw raw.Damaged();
            raw.ReadDoubles(aFL);
            raw.ReadDoubles(rFLS);
            raw.ReadDoubles(namedF);
            (total, taken) = (raw.ReadDouble(), raw.ReadLong());
        }
    }
}

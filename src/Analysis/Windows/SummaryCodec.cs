using System.Collections.Immutable;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Windows;

/// <summary>A <see cref="WindowSummary"/> as bytes: varints, differences of sorted keys, Brotli. The first byte is the version; old versions stay readable.</summary>
public static class SummaryCodec
{
    private const byte Version = 3;

    public static byte[] Encode(WindowSummary summary)
    {
        var raw = new VarintWriter();
        raw.Write(summary.Features);
        raw.Write(summary.Width);
        raw.Write(summary.Rows);
        raw.Write(summary.Sequences);
        raw.Write(summary.LengthSquared);
        raw.Write(summary.RowsNotFinite);
        raw.Write(summary.RowsZero);
        raw.Write(summary.RowsOutlier);

        raw.Write(summary.Fired.Length);
        var (previous, at) = (0, 0);
        foreach (var (feature, rowsByLength, magnitude) in summary.Fired)
        {
            raw.Write(feature - previous);
            raw.Write(rowsByLength);
            raw.Write(magnitude.Units);
            var end = at;
            while (end < summary.FiringCounts.Length && summary.FiringCounts[end].Feature == feature) end++;
            raw.Write(end - at);
            for (var count = 0; at < end; count = summary.FiringCounts[at++].Count)
            {
                raw.Write(summary.FiringCounts[at].Count - count);
                raw.Write(summary.FiringCounts[at].Sequences);
            }
            previous = feature;
        }

        raw.Write(summary.Sets.Count);
        foreach (var (key, firing) in summary.Sets)
        {
            raw.Write(key);
            raw.Write(firing.Rows);
            raw.Write(firing.RowsSquared);
            raw.Write(firing.RowsByLength);
            raw.Write(firing.Sequences);
        }

        foreach (var ratio in new[] { summary.L0, summary.Residual })
            foreach (var sum in new[] { ratio.Y, ratio.N, ratio.YY, ratio.YN, ratio.NN }) raw.Write(sum.Units);
        foreach (var vector in new[] { summary.ActivationSumD, summary.ActivationSquareD, summary.SequenceSquareD, summary.SequenceByLengthD })
            foreach (var sum in vector) raw.Write(sum.Units);
        raw.Write(summary.Scores.Count);
        foreach (var (name, histogram) in summary.Scores)
        {
            raw.Write(name);
            raw.Write(histogram);
        }

        raw.Write(summary.Magnitudes.Count);
        var (lastFeature, lastBin) = (0, 0);
        for (var place = 0; place < summary.Fired.Length; place++)
        {
            var feature = summary.Fired[place].Feature;
            foreach (var (bin, sequences) in summary.Magnitudes.Of(place))
            {
                raw.Write(feature - lastFeature);
                raw.Write(feature == lastFeature ? bin - lastBin : bin);
                raw.Write(sequences);
                (lastFeature, lastBin) = (feature, bin);
            }
        }
        foreach (var sums in new[] { summary.ProfileSum, summary.ProfileProducts })
        {
            raw.Write(sums.Length);
            foreach (var sum in sums) raw.Write(sum.Units);
        }

        raw.Write(summary.Unusual is null ? 0 : 1);
        if (summary.Unusual is { } unusual) Write(raw, unusual);
        raw.Write(summary.ProfileSample);

        return raw.Pack(Version);
    }

    internal static void Write(VarintWriter raw, UnusualSequences unusual)
    {
        raw.Write(unusual.Sequences);
        raw.Write(unusual.FiringCounts.Length);
        var last = new FiringCount(0, 0, 0);
        foreach (var count in unusual.FiringCounts)
        {
            raw.Write(count.Feature - last.Feature);
            raw.Write(count.Feature == last.Feature ? count.Count - last.Count : count.Count);
            raw.Write(count.Sequences);
            last = count;
        }
        raw.Write(unusual.Profiles);
    }

    /// <exception cref="MalformedException">The bytes are no summary, or of a newer version; reason <c>summary</c>.</exception>
    public static WindowSummary Decode(ReadOnlySpan<byte> bytes)
    {
        var raw = VarintReader.Unpack(bytes, Version, "summary", "window summary");
        var features = raw.ReadInt();
        var width = raw.ReadInt();
        var summary = new WindowSummary
        {
            Features = features,
            Width = width,
            Rows = raw.ReadLong(),
            Sequences = raw.ReadLong(),
            LengthSquared = raw.ReadLong(),
            RowsNotFinite = raw.ReadLong(),
            RowsZero = raw.ReadLong(),
            RowsOutlier = raw.ReadLong(),
        };

        var firedCount = raw.ReadInt();
        var fired = ImmutableArray.CreateBuilder<FiredFeature>(raw.AtMost(firedCount));
        // In most sequences a feature fires some few different numbers of times.
        var counts = new List<FiringCount>(raw.AtMost(4 * (long)firedCount));
        var feature = 0;
        for (var left = firedCount; left > 0; left--)
        {
            feature = raw.ReadAbove(feature, orEqual: fired.Count == 0);
            if (feature >= features) throw new MalformedException("summary", $"the window summary names feature {feature} of {features}");
            fired.Add(new(feature, raw.ReadLong(), new(raw.ReadWide())));
            var count = 0;
            for (var entries = raw.ReadInt(); entries > 0; entries--)
            {
                count = raw.ReadAbove(count, orEqual: false);
                counts.Add(new(feature, count, raw.ReadLong()));
            }
        }

        var sets = ImmutableSortedDictionary.CreateBuilder<string, Firing>(StringComparer.Ordinal);
        for (var left = raw.ReadInt(); left > 0; left--) sets[raw.ReadText()] = new(raw.ReadLong(), raw.ReadLong(), raw.ReadLong(), raw.ReadLong());

        summary = summary with
        {
            FiringCounts = [.. counts],
            Fired = fired.DrainToImmutable(),
            Sets = sets.ToImmutable(),
            L0 = raw.ReadRatio(),
            Residual = raw.ReadRatio(),
            ActivationSumD = raw.ReadVector(width),
            ActivationSquareD = raw.ReadVector(width),
            SequenceSquareD = raw.ReadVector(width),
            SequenceByLengthD = raw.ReadVector(width),
        };
        summary = bytes[0] == 1 ? ReadScoresOfFormat1(raw, summary) : ReadScores(raw, summary);
        if (bytes[0] >= 3) summary = summary with { Unusual = raw.ReadInt() == 0 ? null : ReadUnusual(raw, features), ProfileSample = raw.ReadProfiles() };
        raw.End();
        return summary;
    }

    private static WindowSummary ReadScores(VarintReader raw, WindowSummary summary)
    {
        var scores = ImmutableSortedDictionary.CreateBuilder<string, LogHistogram>(StringComparer.Ordinal);
        for (var left = raw.ReadInt(); left > 0; left--) scores[raw.ReadText()] = raw.ReadHistogram();
        return summary with
        {
            Scores = scores.ToImmutable(),
            Magnitudes = ReadMagnitudes(raw, summary.Fired),
            ProfileSum = raw.ReadVector(raw.ReadInt()),
            ProfileProducts = raw.ReadVector(raw.ReadInt()),
        };
    }

    private static MagnitudeBins ReadMagnitudes(VarintReader raw, ImmutableArray<FiredFeature> fired)
    {
        var counts = raw.ReadInt();
        var magnitudes = new MagnitudeBins.Builder(fired.Length, raw.AtMost(counts));
        var (place, feature, bin) = (0, 0, -1);
        for (var left = counts; left > 0; left--)
        {
            var next = raw.ReadAbove(feature, orEqual: true);
            if (next > feature) bin = -1;
            for (; place < fired.Length && fired[place].Feature < next; place++) magnitudes.EndFeature();
            if (place == fired.Length || fired[place].Feature != next) throw new MalformedException("summary", $"the window summary has magnitudes of feature {next}, which did not fire");
            bin = bin < 0 ? raw.ReadInt() : raw.ReadAbove(bin, orEqual: false);
            if (bin > Tally.KeyMaximum || raw.ReadLong() is not (var sequences and <= Tally.SequencesMaximum)) throw raw.Damaged();
            magnitudes.Add(new(bin, sequences));
            feature = next;
        }
        for (; place < fired.Length; place++) magnitudes.EndFeature();
        return magnitudes.Build();
    }

    internal static UnusualSequences ReadUnusual(VarintReader raw, int features)
    {
        var sequences = raw.ReadLong();
        var entries = raw.ReadInt();
        var counts = ImmutableArray.CreateBuilder<FiringCount>(raw.AtMost(entries));
        var (feature, count) = (0, 0);
        for (var left = entries; left > 0; left--)
        {
            var next = raw.ReadAbove(feature, orEqual: true);
            if (next >= features) throw new MalformedException("summary", $"the window summary names feature {next} of {features}");
            count = next == feature && counts.Count > 0 ? raw.ReadAbove(count, orEqual: false) : raw.ReadInt();
            counts.Add(new(feature = next, count, raw.ReadLong()));
        }
        return new(sequences, counts.DrainToImmutable(), raw.ReadProfiles());
    }

    /// <summary>Three histograms without names, in bins four times as wide.</summary>
    private static WindowSummary ReadScoresOfFormat1(VarintReader raw, WindowSummary summary) => summary with
    {
        Scores = new[] { ScoreNames.Fvu, ScoreNames.Norm, ScoreNames.L0 }.ToImmutableSortedDictionary(name => name, _ => LogHistogram.From(raw.ReadHistogram().Bins.Select(bin => KeyValuePair.Create(4 * bin.Key, bin.Value))), StringComparer.Ordinal),
    };
}

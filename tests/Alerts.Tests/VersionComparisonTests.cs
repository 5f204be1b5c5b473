using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests;

public sealed class VersionComparisonTests
{
    private const string OtherModel = "acme/small-bot", OtherHook = "blocks.1.hook_resid_post";

    /// <summary>A feature that fires in every sequence of <see cref="Some.Summary"/>.</summary>
    private const int Fires = 5;

    private static readonly ModelPlan plan = Some.Plan();
    private static readonly Catalog catalog = Some.Catalog(plan, plan with { Model = OtherModel }, plan with { Model = OtherModel, Hook = OtherHook });
    private static readonly MonitorId a = Some.Monitor, b = Some.Monitor with { Version = "next" };

    [Theory]
    [InlineData("acme/support-bot@v1/blocks.2.hook_resid_post", "acme/support-bot@v1/blocks.2.hook_resid_post")]
    [InlineData("acme/support-bot@v1", "acme/support-bot@v1/blocks.2.hook_resid_post")]
    [InlineData("acme/small-bot@v1/blocks.1.hook_resid_post", "acme/small-bot@v1/blocks.1.hook_resid_post")]
    public void A_monitor_is_named_in_full_or_without_its_hook_where_there_is_one_only(string named, string monitor) =>
        Assert.Equal(monitor, ComparisonRequest.Of(catalog, named, b.ToString(), Probe.Traffic, null, null).A.ToString());

    [Theory]
    [InlineData("acme/small-bot@v1", NotComparable.Misspelt, "names no hook, and acme/small-bot is watched at several. Use acme/small-bot@v1/blocks.2.hook_resid_post or acme/small-bot@v1/blocks.1.hook_resid_post")]
    [InlineData("acme/support-bot", NotComparable.Misspelt, "'acme/support-bot' is no monitor. Use model@version/hook")]
    [InlineData("@v/h", NotComparable.Misspelt, "is no monitor")]
    [InlineData("nobody@v1", NotComparable.Unknown, "no model nobody. It has acme/support-bot at blocks.2.hook_resid_post, acme/small-bot at")]
    [InlineData("acme/support-bot@v1/blocks.9", NotComparable.Unknown, "no model acme/support-bot at blocks.9")]
    [InlineData("acme/support-bot@next/blocks.2.hook_resid_post", NotComparable.Misspelt, "are the same monitor")]
    public void What_cannot_be_named_so_is_refused_with_what_can(string named, NotComparable why, string says) =>
        Refused(why, says, () => ComparisonRequest.Of(catalog, named, b.ToString(), Probe.Traffic, null, null));

    [Fact]
    public void Monitors_of_other_dictionaries_do_not_compare()
    {
        var other = Some.Plan() with { Model = OtherModel, Space = new("other/v1", new CpuEncoder(Some.Dictionary() with { Hash = new('e', 64) }, 1), FeatureLabels.None) };

        Refused(NotComparable.Incomparable, "is seen in the space some/v1 and acme/small-bot@v1/blocks.2.hook_resid_post in other/v1", () =>
            ComparisonRequest.Of(Some.Catalog(plan, other), a.ToString(), $"{OtherModel}@v1", Probe.Traffic, null, null));
        Refused(NotComparable.Misspelt, "lies after", () => ComparisonRequest.Of(catalog, a.ToString(), b.ToString(), Probe.Traffic, Some.Time, Some.Time.AddHours(-1)));
    }

    [Fact]
    public void Windows_of_each_side_are_summed_whatever_their_order_partition_and_place()
    {
        WindowClosed[] windows = [Window(a, 0, 60), Window(b, 0, 30), Window(a, 1, 40) with { Partition = 1 }, Window(b, 2, 50), Window(Some.Monitor with { Version = "third" }, 0, 500), Window(b, 5, 500) with { Probe = Probe.Canary }];

        var result = Compare(windows);
        var reversed = Compare([.. windows.Reverse()]);

        Assert.Equal((2, 100, 2, 80), (result.A.Windows, result.A.Summary.Sequences, result.B.Windows, result.B.Summary.Sequences));
        Assert.Equal((Some.Time, Some.Time.AddHours(3)), (result.B.Start, result.B.End));
        Assert.Equal(Some.Summary(80).Fvu, result.B.Summary.Fvu, 1e-9);
        Assert.Equal(result.Comparison.Features, reversed.Comparison.Features);
        Assert.Equal(SummaryCodec.Encode(result.A.Summary), SummaryCodec.Encode(reversed.A.Summary));
        Assert.Equal("identity", result.A.TransformKind);
    }

    [Fact]
    public void What_differs_is_named()
    {
        var result = Compare([Window(a, 0, 200), Window(b, 0, 200, without: Fires)]);

        Assert.Equal([(Fires, FeatureChange.Silent)], result.Comparison.Features.Select(feature => (feature.Feature, feature.Change)));
    }

    [Fact]
    public void Only_windows_that_lie_within_the_stretch_count()
    {
        var windows = Enumerable.Range(0, 6).SelectMany(number => new[] { Window(a, number, 100), Window(b, number, 100) }).ToArray();

        var result = Compare(windows, from: Some.Time.AddHours(1), to: Some.Time.AddHours(4));

        // Of an hour each, from 1 to 2, 2 to 3 and 3 to 4.
        Assert.Equal((3, 3), (result.A.Windows, result.B.Windows));
        Assert.Equal((Some.Time.AddHours(1), Some.Time.AddHours(4)), (result.A.Start, result.A.End));
    }

    [Fact]
    public void Windows_of_another_encoding_are_left_out_and_counted()
    {
        var result = Compare([Window(a, 0, 100), Window(a, 1, 100) with { Encoding = "before" }, Window(b, 0, 100)]);

        Assert.Equal((1, 1, 0), (result.A.Windows, result.A.LeftOut, result.B.LeftOut));
        Refused(NotComparable.Unknown, "The 1 stored traffic windows of acme/support-bot@next/blocks.2.hook_resid_post are stored under another dictionary, transform or outlierNorm", () =>
            Compare([Window(a, 0, 100), Window(b, 0, 100) with { Encoding = "before" }]));
    }

    [Fact]
    public void A_side_without_windows_or_with_too_few_sequences_is_refused()
    {
        Refused(NotComparable.Unknown, "There are no stored traffic windows of acme/support-bot@next/blocks.2.hook_resid_post. There are windows of: acme/support-bot@2026-11-20.3/blocks.2.hook_resid_post.", () => Compare([Window(a, 0, 100)]));
        Refused(NotComparable.Unknown, "There are windows of: none.", () => Compare([]));
        Refused(NotComparable.Incomparable, "hold 49 sequences, too few to compare; detection.sequencesMinimum is 50", () => Compare([Window(a, 0, 100), Window(b, 0, 49)]));
    }

    [Fact]
    public void Behind_a_feature_map_the_features_that_it_does_not_reach_are_not_mapped()
    {
        var map = new FeatureMap(Some.Features, Some.Features, [.. Enumerable.Range(0, Some.Features).Where(f => f != Fires).Select(f => new FeatureMapEntry(f, f, 1, 0.9f))], new float[Some.Features]);
        var own = Some.Plan(transform: new OwnDictionary(new CpuEncoder(Some.Dictionary(), 1), map, new('f', 64), new("feature-map") { Grade = 'D' })) with { Model = OtherModel };
        var small = new MonitorId(OtherModel, "v1", Some.Hook);
        var mapped = Some.Closed(Some.Judged(0, own, [], small, summary: Without(Some.Summary(200), Fires)));

        var result = Compare([Window(a, 0, 200), mapped], Some.Catalog(plan, own), b: small);

        Assert.Equal([(Fires, FeatureChange.NotMapped)], result.Comparison.Features.Select(feature => (feature.Feature, feature.Change)));
        Assert.Equal(("feature-map", 'D', 1), (result.B.TransformKind, result.B.Plan.Transform.Grade, result.Comparison.NotMapped));
        Assert.Null(result.A.ReachedF);
    }

    [Fact]
    public void Other_streams_are_not_read_and_their_monitors_are_known()
    {
        var comparison = new VersionComparison(catalog, new(a, b, Probe.Traffic, null, null));

        Assert.True(comparison.Wants(StreamNames.Watch(a, 12)));
        Assert.True(comparison.Wants(StreamNames.Watch(b, 0)));
        Assert.False(comparison.Wants(StreamNames.Watch(a with { Version = "third-0" }, 0)));
        Assert.False(comparison.Wants(StreamNames.Baseline(a)));
        Assert.False(comparison.Wants("watch-"));
        Assert.False(comparison.Wants(StreamNames.Catalog));
        Assert.Contains("@third-0/", Assert.Throws<NotComparableException>(() => comparison.Result()).Message, StringComparison.Ordinal);
    }

    private static ComparedVersions Compare(WindowClosed[] windows, Catalog? within = null, MonitorId? b = null, DateTimeOffset? from = null, DateTimeOffset? to = null)
    {
        var comparison = new VersionComparison(within ?? catalog, new(a, b ?? VersionComparisonTests.b, Probe.Traffic, from, to));
        foreach (var window in windows)
        {
            comparison.Wants(StreamNames.Watch(window.Monitor, window.Partition));
            comparison.Evolve(window);
        }
        return comparison.Result();
    }

    /// <param name="without">A feature that does not fire; −1: all do.</param>
    private static WindowClosed Window(MonitorId monitor, int number, int sequences, int without = -1) =>
        Some.Closed(Some.Judged(number, plan, [], monitor, summary: Without(Some.Summary(sequences), without)));

    private static WindowSummary Without(WindowSummary summary, int feature) => summary.Only([.. Enumerable.Range(0, summary.Features).Select(f => f != feature)]);

    private static void Refused(NotComparable why, string says, Func<object> act)
    {
        var refused = Assert.Throws<NotComparableException>(act);
        Assert.Equal(why, refused.Why);
        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
    }
}

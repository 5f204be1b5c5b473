using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Activations;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests.EventLog;

public sealed class EventPartsTests
{
    private const int Most = EventParts.BytesMaximum;

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(Most, 1)]
    [InlineData(Most + 1, 2)]
    [InlineData(3 * Most, 3)]
    public void Content_of_any_size_is_the_same_when_it_is_put_together_again(int length, int parts)
    {
        var content = Bytes(length);
        var cut = EventParts.Cut(content).Index().ToArray();

        Assert.Equal(parts, cut.Length);
        Assert.All(cut, part => Assert.InRange(part.Item.Length, 0, Most));
        // Stored twice, and found in another order.
        Assert.Equal(content, EventParts.Join(EventParts.Describe(content), cut.Concat(cut).Reverse(), "it"));
    }

    [Fact]
    public void A_part_that_is_missing_changed_or_another_is_refused_with_whose_it_is()
    {
        var content = Bytes(2 * Most + 5);
        var (described, cut) = (EventParts.Describe(content), EventParts.Cut(content).Index().ToArray());
        var changed = cut[1].Item.ToArray();
        changed[7] ^= 1;

        foreach (var wrong in new (int, ReadOnlyMemory<byte>)[][] { [], [cut[0], cut[1]], [cut[0], cut[2]], [cut[0], (1, changed), cut[2]], [(0, Array.Empty<byte>()), .. cut[1..]] })
            Assert.Contains("the content of event 7", Assert.Throws<MalformedException>(() => EventParts.Join(described, wrong, "event 7")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public void A_length_that_cannot_be_takes_no_memory_and_is_refused(int length) =>
        Assert.Throws<MalformedException>(() => EventParts.Join(new("", length), [(0, new byte[10])], "it"));

    [Fact]
    public void Only_the_largest_events_go_into_parts_and_only_where_the_append_has_no_room()
    {
        Assert.Empty(EventParts.Parted([Event("a", 300_000), Event("b", 300_000)]));
        Assert.Equal([EventId.From("b")], EventParts.Parted([Event("a", 300_000), Event("b", 400_000), Event("c", 200_000)]));
        Assert.Equal([EventId.From("a")], EventParts.Parted([Event("a", 5_000_000), Event("b", 700_000)]));
        Assert.Equal(57, EventParts.Parted([.. Enumerable.Range(0, 64).Select(i => Event($"{i}", 100_000))]).Count);
    }

    [Fact]
    public void More_than_anybody_means_to_store_is_refused_before_it_is_stored() =>
        Assert.Contains("67,108,864 is the most", Assert.Throws<InvalidOperationException>(() => EventParts.Describe(new byte[EventParts.ContentMaximum + 1])).Message, StringComparison.Ordinal);

    private static NewEvent Event(string name, int bytes) => new(EventId.From(name), "window-closed", Some.Time, "driftwatch", null, new byte[bytes]);

    private static byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }
}

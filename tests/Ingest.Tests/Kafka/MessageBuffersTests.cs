using DriftWatch.Ingest.Kafka;

namespace DriftWatch.Ingest.Tests.Kafka;

public class MessageBuffersTests
{
    [Fact]
    public void An_array_that_was_given_back_serves_the_next_message_of_about_its_size()
    {
        var buffers = new MessageBuffers(1 << 20);
        var first = buffers.Rent(17_000);
        buffers.Return(first);

        Assert.Same(first, buffers.Rent(17_300));
        Assert.NotSame(first, buffers.Rent(17_300));
    }

    [Theory, InlineData(1), InlineData(256), InlineData(257), InlineData(4096), InlineData(4097), InlineData(17_304), InlineData(2_361_672), InlineData((64 << 20) - 1)]
    public void An_array_is_long_enough_and_at_most_a_quarter_longer(int length) =>
        Assert.InRange(new MessageBuffers(1 << 20).Rent(length).Length, length, Math.Max(256, length + length / 4));

    [Fact]
    public void Arrays_of_other_sizes_make_room_when_the_sizes_change()
    {
        var buffers = new MessageBuffers(64 << 10);
        var small = Enumerable.Range(0, 64).Select(_ => buffers.Rent(1 << 10)).ToArray();
        foreach (var array in small) buffers.Return(array);
        Assert.Equal(64 << 10, buffers.Bytes);

        var large = buffers.Rent(32 << 10);
        Assert.Equal(64 << 10, buffers.Bytes);
        buffers.Return(large);

        Assert.Same(large, buffers.Rent(32 << 10));
    }

    [Fact]
    public void What_was_lent_beyond_the_bound_is_not_kept()
    {
        var buffers = new MessageBuffers(4 << 10);
        var lent = Enumerable.Range(0, 10).Select(_ => buffers.Rent(1 << 10)).ToArray();
        Assert.Equal(10 << 10, buffers.Bytes);

        foreach (var array in lent) buffers.Return(array);

        Assert.Equal(4 << 10, buffers.Bytes);
    }
}

namespace DriftWatch.Ingest.Tests.Kafka;

/// <summary>A message that waits for the other partitions.</summary>
public sealed class KafkaPostponementTests : OnMockKafka
{
    [Fact]
    public async Task A_postponed_message_comes_again_when_the_others_are_read_and_nothing_behind_it_comes_before()
    {
        await CreateAsync(500, 300);
        await using var reader = new SourceReader(Topics.Options(Servers));
        var next = new long[2];
        var postponed = false;
        var readOfOther = -1L;

        while (next[0] < 500 || next[1] < 300)
        {
            var message = await reader.NextMessageAsync();
            Assert.Equal(next[message.Partition], message.Offset);
            if (message is { Partition: 0, Offset: 100 } && !postponed)
            {
                postponed = true;
                reader.Source.Postpone(0, 100);
                continue;
            }
            if (message is { Partition: 0, Offset: 100 }) readOfOther = next[1];
            reader.Source.Acknowledge(message.Partition, message.Offset + 1, ++next[message.Partition]);
        }

        Assert.Equal(300, readOfOther);
    }

    [Fact]
    public async Task Nothing_behind_a_postponed_message_overtakes_it_however_fast_messages_come()
    {
        await CreateAsync(3000, 1);
        await using var reader = new SourceReader(Topics.Options(Servers));
        var next = new long[2];
        var waited = -1L;

        // Every tenth message is postponed once: the poller is in the middle of handing over others.
        while (next[0] < 3000 || next[1] < 1)
        {
            var message = await reader.NextMessageAsync();
            Assert.Equal(next[message.Partition], message.Offset);
            if (message.Partition == 0 && message.Offset % 100 == 99 && waited != message.Offset && reader.Source.CanPostpone)
            {
                waited = message.Offset;
                reader.Source.Postpone(0, message.Offset);
                continue;
            }
            Assert.Equal($"{message.Partition}:{message.Offset}", Topics.Text(message));
            reader.Source.Acknowledge(message.Partition, message.Offset + 1, ++next[message.Partition]);
        }
        Assert.Null(await reader.NextAsync(TimeSpan.FromMilliseconds(300)));
        Assert.True(reader.Pool.Lent == 0, $"{reader.Pool.Lent} arrays of messages that were taken or dropped are still lent");
    }

    [Fact]
    public async Task A_postponed_partition_does_not_wait_for_one_that_begins_at_its_end()
    {
        await CreateAsync(0, 5);
        await using var reader = new SourceReader(Topics.Options(Servers, start: "end"));
        // Partition 1 is empty from here on: nothing of it will ever be acknowledged.
        var first = await reader.NextMessageAfterAssignmentsAsync(2, () => Topics.ProduceAsync(Servers, Topic, 0, [Topics.Value(0, 0)]));
        reader.Source.Postpone(0, first.Offset);

        Assert.Equal((0, first.Offset), (await reader.NextMessageAsync()) is var again ? (again.Partition, again.Offset) : default);
    }
}

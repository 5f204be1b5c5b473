using DriftWatch.Ingest.Kafka;
using DriftWatch.Support;

namespace DriftWatch.Ingest.Tests.Kafka;

/// <summary>The source against librdkafka's mock cluster.</summary>
public sealed class KafkaActivationSourceTests : OnMockKafka
{
    [Fact]
    public async Task A_partition_begins_where_the_reader_says()
    {
        await CreateAsync(10, 10);
        await using var reader = new SourceReader(Topics.Options(Servers));

        var messages = await reader.MessagesAsync(7 + 2, beginAt: partition => partition == 0 ? 3 : 8);

        Assert.Equal(["0:3", "0:4", "0:5", "0:6", "0:7", "0:8", "0:9"], messages.Where(message => message.Partition == 0).Select(Topics.Text));
        Assert.Equal(["1:8", "1:9"], messages.Where(message => message.Partition == 1).Select(Topics.Text));
        Assert.Equal([3, 4, 5, 6, 7, 8, 9], messages.Where(message => message.Partition == 0).Select(message => message.Offset));
    }

    [Fact]
    public async Task What_the_group_has_committed_does_not_move_the_beginning()
    {
        await CreateAsync(5);
        await using (var first = new SourceReader(Topics.Options(Servers)))
        {
            await first.MessagesAsync(5);
            first.Source.Acknowledge(0, openFrom: 5, next: 5);
        }

        await using var second = new SourceReader(Topics.Options(Servers));

        Assert.Equal("0:2", Topics.Text(await second.NextMessageAsync(beginAt: _ => 2)));
    }

    [Fact]
    public async Task Without_a_stored_position_the_configured_start_counts()
    {
        await CreateAsync(3);
        await using (var fromBeginning = new SourceReader(Topics.Options(Servers)))
            Assert.Equal("0:0", Topics.Text(await fromBeginning.NextMessageAsync()));

        await using var fromEnd = new SourceReader(Topics.Options(Servers, start: "end", group: "other"));
        SourceReader.Answer(await fromEnd.NextAsync());
        // Only what comes after the source has found the end is new; send until it has.
        RawMessage? message = null;
        for (var number = 3; message is null; number++)
        {
            await Topics.ProduceAsync(Servers, Topic, 0, [Topics.Value(0, number)]);
            message = (await fromEnd.NextAsync(TimeSpan.FromMilliseconds(300)) as MessageReceived)?.Message;
        }
        Assert.True(message.Offset >= 3, $"offset {message.Offset} was there before the source");
    }

    [Fact]
    public async Task Messages_of_a_partition_come_in_order_and_once()
    {
        await CreateAsync(2000, 2000, 2000);
        await using var reader = new SourceReader(Topics.Options(Servers));

        var messages = await reader.MessagesAsync(6000);

        foreach (var partition in messages.GroupBy(message => message.Partition))
            Assert.Equal(Enumerable.Range(0, 2000).Select(i => (long)i), partition.Select(message => message.Offset));
    }

    [Fact]
    public async Task More_is_at_hand_until_what_was_read_is_handed_over_or_postponed()
    {
        // One partition: the end of another, which is no event, could come between any two messages.
        await CreateAsync(50);
        await using var reader = new SourceReader(Topics.Options(Servers));
        await reader.NextMessageAsync();

        await MoreAsync(reader);
        await reader.MessagesAsync(48);
        await MoreAsync(reader);
        // The last one is dropped when its turn comes.
        reader.Source.Postpone(0, 49);
        Assert.False(reader.Source.MoreAtHand);

        Assert.Equal(49, (await reader.NextMessageAsync()).Offset);
        Assert.False(reader.Source.MoreAtHand);

        static async Task MoreAsync(SourceReader reader)
        {
            for (var looks = 0; !reader.Source.MoreAtHand; looks++)
            {
                Assert.True(looks < 600, "nothing came to be at hand in 30 seconds");
                await Task.Delay(50);
            }
        }
    }

    [Fact]
    public async Task A_message_without_value_comes_as_an_empty_one()
    {
        CreateTopic(1);
        await Topics.ProduceAsync(Servers, Topic, 0, [null!]);
        await using var reader = new SourceReader(Topics.Options(Servers));

        Assert.Equal(0, (await reader.NextMessageAsync()).Value.Length);
    }

    [Fact]
    public async Task The_brokers_timestamp_comes_with_the_message()
    {
        CreateTopic(1);
        await Topics.ProduceAsync(Servers, Topic, 0, [Topics.Value(0, 0)], Some.Time.ToUnixTimeMilliseconds());
        await using var reader = new SourceReader(Topics.Options(Servers));

        Assert.Equal(Some.Time, (await reader.NextMessageAsync()).Timestamp);
    }

    [Fact]
    public async Task A_timestamp_that_is_no_time_does_not_stop_the_partition()
    {
        CreateTopic(1);
        await Topics.ProduceAsync(Servers, Topic, 0, [Topics.Value(0, 0)], long.MaxValue / 2);
        await Topics.ProduceAsync(Servers, Topic, 0, [Topics.Value(0, 1)], Some.Time.ToUnixTimeMilliseconds());
        await using var reader = new SourceReader(Topics.Options(Servers));

        Assert.Null((await reader.NextMessageAsync()).Timestamp);
        Assert.Equal("0:1", Topics.Text(await reader.NextMessageAsync()));
    }

    [Fact]
    public async Task Bytes_in_flight_are_bounded_and_go_on_when_the_reader_does()
    {
        // Less than the 5 MiB that the mock cluster keeps of a partition.
        const int Size = 16 * 1024, Bound = 256 * 1024, Count = 100;
        CreateTopic(1);
        await Topics.ProduceAsync(Servers, Topic, 0, Enumerable.Range(0, Count).Select(_ => new byte[Size]));
        await using var reader = new SourceReader(Topics.Options(Servers, bytesInFlight: Bound));

        var first = await reader.NextMessageAsync();
        var most = await reader.MostQueuedAsync();
        var others = await reader.MessagesAsync(Count - 1);

        // The bound is looked at before each message; one is in the test's hand.
        Assert.InRange(most, Bound - Size, Bound + Size);
        Assert.Equal(0, first.Offset);
        Assert.Equal(Enumerable.Range(1, Count - 1).Select(i => (long)i), others.Select(message => message.Offset));
    }

    [Fact]
    public async Task Messages_without_bytes_meet_the_bound_too()
    {
        const int Bound = 64 * KafkaActivationSource.MessageOverheadBytes, Count = 500;
        CreateTopic(1);
        await Topics.ProduceAsync(Servers, Topic, 0, Enumerable.Range(0, Count).Select(_ => Array.Empty<byte>()));
        await using var reader = new SourceReader(Topics.Options(Servers, bytesInFlight: Bound));

        await reader.NextMessageAsync();
        var most = await reader.MostQueuedAsync();
        var others = await reader.MessagesAsync(Count - 1);

        Assert.InRange(most, Bound, Bound + KafkaActivationSource.MessageOverheadBytes);
        Assert.Equal(Enumerable.Range(1, Count - 1).Select(i => (long)i), others.Select(message => message.Offset));
    }

    [Fact]
    public async Task The_lag_is_what_lies_between_the_acknowledged_and_the_end()
    {
        await CreateAsync(10);
        await using var reader = new SourceReader(Topics.Options(Servers));
        await reader.MessagesAsync(10);

        reader.Source.Acknowledge(0, openFrom: 0, next: 4);

        Assert.Equal([(0, 6L)], reader.Source.Lag());
    }
}

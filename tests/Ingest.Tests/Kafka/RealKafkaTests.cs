using DriftWatch.Support;

[assembly: AssemblyFixture(typeof(RealKafka))]

namespace DriftWatch.Ingest.Tests.Kafka;

/// <summary>The source against Apache Kafka itself: rebalances, a broker that dies. One broker for all; a topic for each test.</summary>
public sealed class RealKafkaTests(RealKafka kafka)
{
    [Fact]
    public async Task All_messages_of_all_partitions_come_in_order()
    {
        var topic = Create("consume", messages: [1000, 1000, 1000]);
        await using var reader = new SourceReader(Options(topic));

        var messages = await reader.MessagesAsync(3000);

        foreach (var partition in messages.GroupBy(message => message.Partition))
            Assert.Equal(Enumerable.Range(0, 1000).Select(number => $"{partition.Key}:{number}"), partition.Select(Topics.Text));
    }

    [Theory, InlineData("cooperative-sticky"), InlineData("range,roundrobin")]
    public async Task Two_members_share_the_partitions_and_every_message_is_read_from_where_its_owner_begins(string strategy)
    {
        var topic = Create($"rebalance.{strategy[..5]}", messages: [200, 200, 200, 200]);
        var options = Options(topic).With("partition.assignment.strategy", strategy);
        var stored = new long[4];   // What the event log would say.
        var owner = new SourceReader?[4];
        var revocations = 0;
        await using var first = new SourceReader(options);
        for (var i = 0; i < 400; i++) Take(first, await first.NextAsync());

        await using var second = new SourceReader(options);
        while (stored.Sum() < 800 || owner.Contains(null) || owner.Count(reader => reader == second) != 2)
        {
            // All there is: a rebalance waits some seconds for an answer that stands behind messages, and then goes on.
            foreach (var reader in new[] { first, second })
                while (await reader.NextAsync(TimeSpan.FromMilliseconds(20)) is { } happened) Take(reader, happened);
        }

        Assert.Equal([200, 200, 200, 200], stored);
        // Only what moves is taken away, or everything.
        Assert.Equal(strategy == "cooperative-sticky" ? 2 : 4, revocations);

        void Take(SourceReader reader, SourceEvent happened)
        {
            switch (happened)
            {
                case PartitionAssigned assigned:
                    Assert.Null(owner[assigned.Partition]);   // The owner before has dropped it.
                    owner[assigned.Partition] = reader;
                    assigned.BeginAt(stored[assigned.Partition]);
                    break;
                case PartitionRevoked revoked:
                    Assert.Equal(reader, owner[revoked.Partition]);
                    owner[revoked.Partition] = null;
                    revocations++;
                    revoked.Dropped();
                    break;
                case MessageReceived { Message: var message }:
                    Assert.Equal(reader, owner[message.Partition]);
                    Assert.Equal(stored[message.Partition], message.Offset);
                    reader.Source.Acknowledge(message.Partition, message.Offset + 1, ++stored[message.Partition]);
                    break;
            }
        }
    }

    [Fact]
    public async Task A_postponed_message_comes_again_behind_a_transactions_marker()
    {
        var topic = Create("transaction", messages: [10, 0]);
        // The last offset of partition 1 is the marker of a transaction: no message with that offset will ever be read.
        await Topics.ProduceInTransactionAsync(kafka.BootstrapServers, topic, 1, 10);
        await using var reader = new SourceReader(Options(topic));
        var postponed = false;
        var next = new long[2];

        while (next[0] < 10 || next[1] < 10)
        {
            var message = await reader.NextMessageAsync();
            if (message is { Partition: 0, Offset: 5 } && !postponed)
            {
                postponed = true;
                reader.Source.Postpone(0, 5);
                continue;
            }
            reader.Source.Acknowledge(message.Partition, message.Offset + 1, next[message.Partition] = message.Offset + 1);
        }

        Assert.True(postponed);
    }

    [Fact]
    public async Task The_source_goes_on_when_a_killed_broker_comes_back()
    {
        var topic = Create("killed", messages: [100]);
        await using var reader = new SourceReader(Options(topic));
        await reader.MessagesAsync(100);

        kafka.Kill();
        Assert.Null(await reader.NextAsync(TimeSpan.FromSeconds(2)));   // Nothing comes, and nothing is thrown.
        kafka.Start();
        await Topics.ProduceAsync(kafka.BootstrapServers, topic, 0, [Topics.Value(0, 100)]);

        // A group whose coordinator was away may be balanced anew; the reader then begins behind what it has.
        RawMessage message;
        do message = await reader.NextMessageAsync(beginAt: _ => 100);
        while (message.Offset < 100);
        Assert.Equal("0:100", Topics.Text(message));
    }

    [Fact]
    public async Task A_static_member_that_restarts_within_its_session_keeps_its_partitions()
    {
        var topic = Create("static", messages: [10, 10]);
        var options = Options(topic).With("session.timeout.ms", "20000");
        await using var other = new SourceReader(options.With("group.instance.id", "other"));
        await other.MessagesAsync(20);
        int mine;
        await using (var before = new SourceReader(options.With("group.instance.id", "mine")))
        {
            var joining = before.NextAsync();
            while (!joining.IsCompleted)
                if (await other.NextAsync(TimeSpan.FromMilliseconds(50)) is { } happened) SourceReader.Answer(happened);
            mine = Assert.IsType<PartitionAssigned>(await joining).Partition;
            SourceReader.Answer(await joining);
        }

        await using var after = new SourceReader(options.With("group.instance.id", "mine"));
        var back = after.NextAsync();
        while (!back.IsCompleted) Assert.Null(await other.NextAsync(TimeSpan.FromMilliseconds(50)));

        Assert.Equal(mine, Assert.IsType<PartitionAssigned>(await back).Partition);
        SourceReader.Answer(await back);
    }

    [Fact]
    public async Task Of_two_members_with_one_instance_id_the_older_ends_with_a_sentence()
    {
        var topic = Create("fenced", messages: [10]);
        var options = Options(topic).With("group.instance.id", "twin");
        var older = new SourceReader(options);
        await older.MessagesAsync(10);

        await using var younger = new SourceReader(options);
        var joining = younger.NextAsync();
        var fenced = await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            while (true)
                if (await older.NextAsync(TimeSpan.FromMilliseconds(50)) is { } happened) SourceReader.Answer(happened);
        });

        Assert.Contains("kafka.settings.group.instance.id 'twin' is used by another daemon of group", fenced.Message, StringComparison.Ordinal);
        SourceReader.Answer(await joining);
        // It has ended, and says so to whoever asks again.
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await older.DisposeAsync());
    }

    private string Create(string name, int[] messages)
    {
        Assert.SkipWhen(kafka.Absent is not null, kafka.Absent ?? "");
        var topic = $"driftwatch.{name}";
        kafka.CreateTopic(topic, messages.Length);
        for (var partition = 0; partition < messages.Length; partition++) Topics.ProduceAsync(kafka.BootstrapServers, topic, partition, messages[partition]).GetAwaiter().GetResult();
        return topic;
    }

    private Ingest.Kafka.KafkaOptions Options(string topic) => Topics.Options(kafka.BootstrapServers, topic, group: topic);
}

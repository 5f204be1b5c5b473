namespace DriftWatch.Ingest.Tests.Kafka;

/// <summary>Partitions that change hands.</summary>
public sealed class KafkaRebalanceTests : OnMockKafka
{
    [Fact]
    public async Task A_second_member_takes_partitions_over_only_after_the_first_has_dropped_them()
    {
        await CreateAsync(50, 50);
        await using var first = new SourceReader(Topics.Options(Servers));
        await first.MessagesAsync(100);

        await using var second = new SourceReader(Topics.Options(Servers));
        var joining = second.NextAsync();
        PartitionRevoked revoked;
        while (true)
        {
            var happened = await first.NextAsync();
            if (happened is PartitionRevoked mine)
            {
                revoked = mine;
                break;
            }
            SourceReader.Answer(happened);
        }
        // The first has not let go: whoever comes next has to wait.
        Assert.False(await Task.WhenAny(joining, Task.Delay(500)) == joining);
        revoked.Dropped();

        // The first's other events are answered from here on; the second gets one of the two partitions.
        var answering = AnswerUntilAsync(first, () => joining.IsCompleted);
        var assigned = Assert.IsType<PartitionAssigned>(await joining);
        assigned.BeginAt(10);
        await answering;
        Assert.Equal((assigned.Partition, 10), await second.NextMessageAsync() is var message ? (message.Partition, (int)message.Offset) : default);
    }

    [Fact]
    public async Task A_reader_that_says_late_where_to_begin_keeps_its_partition_and_is_read_from_there()
    {
        await CreateAsync(10);
        var options = Topics.Options(Servers);
        // A member that does not poll for this long loses its partitions; the reader takes longer.
        var poll = new Dictionary<string, string>(options.Settings, StringComparer.Ordinal) { ["max.poll.interval.ms"] = "6000" };
        await using var reader = new SourceReader(options with { Settings = poll });
        var assigned = Assert.IsType<PartitionAssigned>(await reader.NextAsync());

        await Task.Delay(TimeSpan.FromSeconds(8), TestContext.Current.CancellationToken);
        assigned.BeginAt(4);

        Assert.Equal(["0:4", "0:5", "0:6"], (await reader.MessagesAsync(3)).Select(Topics.Text));
        Assert.False(assigned.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task What_is_done_for_a_partition_is_told_when_it_is_taken_away()
    {
        await CreateAsync(5, 5);
        await using var first = new SourceReader(Topics.Options(Servers));
        var held = new List<PartitionAssigned>();
        while (held.Count < 2)
        {
            var happened = await first.NextAsync();
            if (happened is PartitionAssigned assigned) held.Add(assigned);
            SourceReader.Answer(happened);
        }
        await using var second = new SourceReader(Topics.Options(Servers));
        var joining = second.NextAsync();

        await AnswerUntilAsync(first, () => joining.IsCompleted);

        Assert.Contains(held, assigned => assigned.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_partition_that_was_given_up_is_silent_until_the_group_has_not_taken_it_away_and_then_begins_where_the_log_says()
    {
        await CreateAsync(300, 300);
        await using var reader = new SourceReader(Topics.Options(Servers));
        var next = new long[2];
        PartitionAssigned? again = null;
        var readOfOther = 0;
        RawMessage first;
        do first = await reader.NextMessageAsync();
        while (first.Offset < 5);
        reader.Source.GiveUp(first.Partition);
        while (again is null)
        {
            var happened = await reader.NextAsync();
            Assert.IsNotType<PartitionRevoked>(happened);
            if (happened is MessageReceived { Message: var message })
            {
                Assert.NotEqual(first.Partition, message.Partition);
                readOfOther++;
            }
            if (happened is PartitionAssigned { Partition: var partition } assigned && partition == first.Partition) again = assigned;
            else SourceReader.Answer(happened);
        }
        again.BeginAt(100);

        while (next[first.Partition] < 300)
        {
            var message = await reader.NextMessageAsync();
            if (message.Partition != first.Partition) continue;
            Assert.Equal(Math.Max(100, next[message.Partition]), message.Offset);
            next[message.Partition] = message.Offset + 1;
        }
        Assert.True(readOfOther > 200, $"{readOfOther} messages of the other partition came meanwhile");
    }

    [Fact]
    public async Task A_partition_that_was_given_up_and_then_taken_away_does_not_come_back()
    {
        await CreateAsync(50, 50);
        await using var first = new SourceReader(Topics.Options(Servers));
        await first.MessagesAsync(100);
        await using var second = new SourceReader(Topics.Options(Servers));
        var joining = second.NextAsync();
        SourceEvent happened;
        while ((happened = await first.NextAsync()) is not PartitionRevoked) SourceReader.Answer(happened);
        var revoked = (PartitionRevoked)happened;
        // Found out about at the same time in the log.
        first.Source.GiveUp(revoked.Partition);
        revoked.Dropped();
        await AnswerUntilAsync(first, () => joining.IsCompleted);
        SourceReader.Answer(await joining);

        var began = System.Diagnostics.Stopwatch.GetTimestamp();
        while (System.Diagnostics.Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(7))
        {
            if (await first.NextAsync(TimeSpan.FromMilliseconds(100)) is { } later) Assert.IsNotType<PartitionAssigned>(later);
            if (await second.NextAsync(TimeSpan.FromMilliseconds(10)) is { } of) SourceReader.Answer(of);
        }
    }

    [Theory, InlineData("cooperative-sticky"), InlineData("range,roundrobin")]
    public async Task A_message_of_a_revoked_partition_never_comes_after_its_revocation(string strategy)
    {
        await CreateAsync(5000, 5000);
        var options = Topics.Options(Servers).With("partition.assignment.strategy", strategy);
        await using var first = new SourceReader(options);
        await first.NextMessageAsync();
        await using var second = new SourceReader(options);
        var joining = second.NextAsync();

        var owned = new HashSet<int> { 0, 1 };
        while (!joining.IsCompleted)
        {
            if (await first.NextAsync(TimeSpan.FromMilliseconds(100)) is not { } happened) continue;
            if (happened is PartitionRevoked revoked) Assert.True(owned.Remove(revoked.Partition));
            if (happened is PartitionAssigned assigned) Assert.True(owned.Add(assigned.Partition));
            if (SourceReader.Answer(happened) is { } message) Assert.Contains(message.Partition, owned);
        }
    }

    [Fact]
    public async Task A_postponement_that_meets_a_rebalance_is_forgotten_with_the_partition()
    {
        await CreateAsync(10, 10);
        await using var first = new SourceReader(Topics.Options(Servers));
        await first.MessagesAsync(20);
        await using var second = new SourceReader(Topics.Options(Servers));
        var joining = second.NextAsync();

        SourceEvent happened;
        while ((happened = await first.NextAsync()) is not PartitionRevoked) SourceReader.Answer(happened);
        // The reader had a message in hand while the group was already taking the partition away.
        var lost = (PartitionRevoked)happened;
        first.Source.Postpone(lost.Partition, 5);
        lost.Dropped();
        await AnswerUntilAsync(first, () => joining.IsCompleted);
        SourceReader.Answer(await joining);

        // Both go on: what is sent now arrives at one of them.
        await Topics.ProduceAsync(Servers, Topic, 0, [Topics.Value(0, 10)]);
        await Topics.ProduceAsync(Servers, Topic, 1, [Topics.Value(1, 10)]);
        var seen = new HashSet<string>();
        while (!seen.IsSupersetOf(["0:10", "1:10"]))
            foreach (var reader in new[] { first, second })
                if (await reader.NextAsync(TimeSpan.FromMilliseconds(50)) is { } next && SourceReader.Answer(next) is { } message) seen.Add(Topics.Text(message));
    }
}

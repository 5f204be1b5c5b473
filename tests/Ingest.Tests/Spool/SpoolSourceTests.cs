using System.Text;
using DriftWatch.Ingest.Spool;
using DriftWatch.Support;

namespace DriftWatch.Ingest.Tests.Spool;

public sealed class SpoolSourceTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task What_was_accepted_is_there_when_the_file_is_opened_again()
    {
        // Not disposed: the first process is gone without a word.
        var first = Open();
        await first.AcceptAsync("a"u8.ToArray(), "", default);
        await first.AcceptAsync("b"u8.ToArray(), "", default);

        using var second = Open();

        Assert.Equal(["0:a", "1:b"], await ReadAsync(second, from: null, count: 2));
        first.Dispose();
    }

    [Fact]
    public async Task Offsets_count_from_0_in_the_order_of_acceptance()
    {
        using var spool = Open();

        for (var i = 0; i < 5; i++) Assert.Equal((0, (long)i), await spool.AcceptAsync(new byte[] { (byte)('a' + i) }, "", default));

        Assert.Equal(["0:a", "1:b", "2:c", "3:d", "4:e"], await ReadAsync(spool, from: null, count: 5));
    }

    [Fact]
    public async Task Reading_begins_where_the_reader_says()
    {
        using var spool = Open();
        for (var i = 0; i < 5; i++) await spool.AcceptAsync(new byte[] { (byte)('a' + i) }, "", default);

        Assert.Equal(["3:d", "4:e"], await ReadAsync(spool, from: 3, count: 2));
    }

    [Fact]
    public async Task A_waiting_reader_hears_of_the_next_message()
    {
        using var spool = Open();
        var reading = ReadAsync(spool, from: null, count: 1);
        Assert.False(reading.IsCompleted);

        await spool.AcceptAsync("late"u8.ToArray(), "", default);

        Assert.Equal(["0:late"], await reading.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task Acknowledged_messages_are_deleted_as_far_as_no_open_window_needs_them()
    {
        using (var spool = Open())
        {
            for (var i = 0; i < 5; i++) await spool.AcceptAsync(new byte[] { (byte)('a' + i) }, "", default);
            spool.Acknowledge(0, openFrom: 2, next: 5);
        }

        using var again = Open();

        Assert.Equal(["2:c", "3:d", "4:e"], await ReadAsync(again, from: 0, count: 3));
    }

    [Fact]
    public async Task Offsets_go_on_after_everything_was_deleted_and_the_file_opened_again()
    {
        using (var spool = Open())
        {
            for (var i = 0; i < 3; i++) await spool.AcceptAsync("x"u8.ToArray(), "", default);
            spool.Acknowledge(0, openFrom: 3, next: 3);
        }

        using var again = Open();

        Assert.Equal((0, 3L), await again.AcceptAsync("y"u8.ToArray(), "", default));
        Assert.Equal(["3:y"], await ReadAsync(again, from: 3, count: 1));
    }

    [Fact]
    public async Task A_full_spool_refuses_with_the_setting_and_takes_again_when_there_is_room()
    {
        using var spool = Open(bytesMaximum: 10);
        await spool.AcceptAsync(new byte[6], "", default);

        var full = await Assert.ThrowsAsync<IntakeFullException>(() => spool.AcceptAsync(new byte[5], "", default));
        await spool.AcceptAsync(new byte[4], "", default);
        spool.Acknowledge(0, openFrom: 1, next: 1);
        var (_, offset) = await spool.AcceptAsync(new byte[6], "", default);

        Assert.Contains("6 bytes", full.Message);
        Assert.Contains("spool.bytesMaximum is 10", full.Message);
        Assert.Equal(2, offset);
    }

    [Fact]
    public async Task Many_clients_at_once_get_each_an_offset_of_their_own()
    {
        using var spool = Open();

        var offsets = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Task.Run(async () => (await spool.AcceptAsync(new byte[] { (byte)i }, "", default)).Offset)));

        Assert.Equal(Enumerable.Range(0, 50).Select(i => (long)i), offsets.Order());
    }

    [Fact]
    public void Every_message_is_synced_before_its_client_is_answered()
    {
        using var spool = Open();

        Assert.Equal(("wal", 2L), (spool.Pragma("journal_mode"), Convert.ToInt64(spool.Pragma("synchronous"))));
    }

    [Fact]
    public void There_is_no_other_partition_to_wait_for()
    {
        using var spool = Open();

        Assert.False(spool.CanPostpone);
    }

    [Fact]
    public async Task A_refused_batch_stays_in_the_file_once()
    {
        using (var spool = Open())
            for (var again = 0; again < 2; again++) await spool.SendAsync(new(0, 4, new byte[] { 1, 2, 3 }, default, [], null), "unknown-model", "not in the catalog", default);

        using var file = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={folder.File("spool.db")}");
        file.Open();
        using var command = file.CreateCommand();
        command.CommandText = "SELECT count(*) || ' ' || message || ' ' || reason || ' ' || hex(value) FROM rejected";
        Assert.Equal("1 5 unknown-model 010203", command.ExecuteScalar());
    }

    [Fact]
    public void Problems_of_the_settings_name_the_setting_and_what_to_write() => Assert.Equal(
        ["spool.path is empty. Name a file.", "spool.bytesMaximum is 5. Use 1048576 (1 MiB) or more."],
        new SpoolOptions { Path = "", BytesMaximum = 5 }.Problems());

    private SpoolSource Open(long bytesMaximum = 1 << 20) => new(new SpoolOptions { Path = folder.File("spool.db"), BytesMaximum = bytesMaximum }, TimeProvider.System);

    private static async Task<string[]> ReadAsync(SpoolSource spool, long? from, int count)
    {
        using var stop = new CancellationTokenSource();
        var read = new List<string>();
        await foreach (var happened in spool.ReadAsync(stop.Token))
        {
            if (happened is PartitionAssigned assigned) assigned.BeginAt(from);
            if (happened is MessageReceived { Message: var message }) read.Add($"{message.Offset}:{Encoding.UTF8.GetString(message.Value.Span)}");
            if (read.Count == count) break;
        }
        return [.. read];
    }
}

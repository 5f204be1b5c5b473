using DriftWatch.Support;

namespace DriftWatch.Ingest.Tests;

public sealed class MessageFilesTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Files_are_one_partition_in_the_order_given_and_then_end()
    {
        var files = new MessageFiles([folder.Write("b", "first"), folder.Write("a", "second")], messageBytesMaximum: 100);

        Assert.Equal(["0:5", "1:6"], await ReadAsync(files, from: null));
    }

    [Fact]
    public async Task Reading_goes_on_where_the_log_says()
    {
        var files = new MessageFiles([folder.Write("a", "first"), folder.Write("b", "second")], messageBytesMaximum: 100);

        Assert.Equal(["1:6"], await ReadAsync(files, from: 1));
        Assert.Empty(await ReadAsync(files, from: 2));
    }

    [Fact]
    public async Task A_file_over_the_bound_is_read_one_byte_past_it()
    {
        var files = new MessageFiles([folder.Write("huge", new byte[5000])], messageBytesMaximum: 100);

        Assert.Equal(["0:101"], await ReadAsync(files, from: null));
    }

    private static async Task<string[]> ReadAsync(MessageFiles files, long? from)
    {
        var read = new List<string>();
        await foreach (var happened in files.ReadAsync(CancellationToken.None))
        {
            if (happened is PartitionAssigned assigned) assigned.BeginAt(from);
            if (happened is MessageReceived { Message: var message }) read.Add($"{message.Offset}:{message.Value.Length}");
        }
        return [.. read];
    }
}

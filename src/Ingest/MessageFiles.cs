using System.Runtime.CompilerServices;

namespace DriftWatch.Ingest;

/// <summary>① Message files of this machine, in the order given, as one partition: the same way through without a broker.</summary>
public sealed class MessageFiles(IReadOnlyList<string> paths, int messageBytesMaximum) : IActivationSource
{
    public async IAsyncEnumerable<SourceEvent> ReadAsync([EnumeratorCancellation] CancellationToken stopping)
    {
        var assigned = new PartitionAssigned(0);
        yield return assigned;
        var begin = await assigned.Begin.WaitAsync(stopping) ?? 0;
        for (var offset = begin; offset < paths.Count; offset++)
            yield return new MessageReceived(new(0, offset, await ReadFileAsync(paths[(int)offset], stopping), default, [], null));
    }

    // What is in the log is done; there is nothing to tell a file, and no other partition to wait for.
    public void Acknowledge(int partition, long openFrom, long next)
    {
    }

    public bool CanPostpone => false;

    public bool MoreAtHand => true;

    /// <summary>A file over the bound is read one byte past it and no further: decoding refuses it by its size.</summary>
    private async Task<ReadOnlyMemory<byte>> ReadFileAsync(string path, CancellationToken stopping)
    {
        await using var file = File.OpenRead(path);
        var bytes = new byte[Math.Min(file.Length, messageBytesMaximum + 1L)];
        await file.ReadExactlyAsync(bytes, stopping);
        return bytes;
    }
}

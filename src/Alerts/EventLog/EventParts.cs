using System.Security.Cryptography;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Alerts.EventLog;

/// <summary>Content that stands elsewhere than in its event: what it must be when it is put together again.</summary>
/// <param name="Hash">SHA-256 of the whole, 64 hexadecimal digits.</param>
public sealed record PartedContent(string Hash, int Length);

/// <summary>For stores that bound an append (EventStoreDB: 1 MiB): content that does not fit is cut into parts. A window of 65,536 features and a baseline's profiles reach that.</summary>
public static class EventParts
{
    /// <summary>Of a part, and of all that an append holds itself; the rest of a MiB is for metadata and what the store adds.</summary>
    public const int BytesMaximum = 768 * 1024;

    /// <summary>Ten times the largest that has been seen; more is a mistake, and is refused before anything is stored.</summary>
    public const int ContentMaximum = 64 * 1024 * 1024;

    /// <summary>For an event's metadata and the store's own fields.</summary>
    private const int EventOverhead = 1024;

    /// <summary>Which of an append's events must stand in parts so that the rest fits: the largest first, as few as will do.</summary>
    public static IReadOnlySet<Guid> Parted(IReadOnlyList<NewEvent> events)
    {
        var parted = new HashSet<Guid>();
        var bytes = events.Sum(fact => fact.Data.Length + (long)EventOverhead);
        foreach (var fact in events.OrderByDescending(fact => fact.Data.Length).TakeWhile(_ => bytes > BytesMaximum))
        {
            parted.Add(fact.Id);
            bytes -= fact.Data.Length;
        }
        return parted;
    }

    public static PartedContent Describe(byte[] content) => content.Length <= ContentMaximum
        ? new(Convert.ToHexStringLower(SHA256.HashData(content)), content.Length)
        : throw new InvalidOperationException($"An event of {content.Length:N0} bytes was to be stored; {ContentMaximum:N0} is the most. Watch fewer features, or keep fewer sequences in windows.sampleSequences");

    /// <summary>In order; one that is empty for empty content.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> Cut(byte[] content)
    {
        var start = 0;
        do yield return content.AsMemory(start, Math.Min(BytesMaximum, content.Length - start));
        while ((start += BytesMaximum) < content.Length);
    }

    /// <param name="parts">As they were stored: in any order, and some twice if storing them was tried twice.</param>
    /// <param name="of">Whose content it is, for the sentence.</param>
    /// <exception cref="MalformedException">A part is missing or was changed; reason <c>log</c>.</exception>
    public static byte[] Join(PartedContent content, IEnumerable<(int Index, ReadOnlyMemory<byte> Bytes)> parts, string of)
    {
        var whole = new MemoryStream(content.Length is > 0 and <= ContentMaximum ? content.Length : 0);
        foreach (var (index, bytes) in parts.DistinctBy(part => part.Index).OrderBy(part => part.Index))
        {
            if (index * (long)BytesMaximum != whole.Length || whole.Length + bytes.Length > content.Length) break;
            whole.Write(bytes.Span);
        }
        var joined = whole.ToArray();
        if (joined.Length != content.Length || Convert.ToHexStringLower(SHA256.HashData(joined)) != content.Hash)
            throw new MalformedException("log", $"the content of {of} stands in parts, and they are not what it names ({joined.Length:N0} of {content.Length:N0} bytes, hash {content.Hash[..Math.Min(12, content.Hash.Length)]}…): some are missing or were changed");
        return joined;
    }
}

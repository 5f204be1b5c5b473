using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace DriftWatch.Alerts.EventLog;

/// <summary>The hash that chains a stream: whoever changes, removes or reorders an event changes every hash behind it.</summary>
public static class EventChain
{
    /// <summary>What the first event of a stream follows.</summary>
    public static readonly string Beginning = new('0', 64);

    /// <summary>SHA-256 over previous, stream, revision, id, type, time, actor, causation and data, each preceded by its length (4 bytes, big-endian).</summary>
    public static string Hash(string previous, string stream, long revision, NewEvent fact)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[4];
        foreach (var text in new[]
                 {
                     previous, stream, revision.ToString(CultureInfo.InvariantCulture), fact.Id.ToString(), fact.Type,
                     TimeText(fact.Time) ?? "", fact.Actor, fact.Causation?.ToString() ?? "",
                 })
        {
            var utf8 = Encoding.UTF8.GetBytes(text);
            BinaryPrimitives.WriteInt32BigEndian(length, utf8.Length);
            hash.AppendData(length);
            hash.AppendData(utf8);
        }
        BinaryPrimitives.WriteInt32BigEndian(length, fact.Data.Length);
        hash.AppendData(length);
        hash.AppendData(fact.Data);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>RFC 3339 in UTC with all digits.</summary>
    public static string? TimeText(DateTimeOffset? time) => time?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);

    /// <summary>Events with their place in the stream and their hashes, behind the event whose hash is <paramref name="previous"/>.</summary>
    public static IReadOnlyList<StoredEvent> Link(string stream, long lastRevision, string previous, IReadOnlyList<NewEvent> facts)
    {
        var linked = new List<StoredEvent>(facts.Count);
        foreach (var fact in facts)
        {
            var hash = Hash(previous, stream, ++lastRevision, fact);
            linked.Add(new(0, stream, lastRevision, fact.Id, fact.Type, fact.Time?.ToUniversalTime(), fact.Actor, fact.Causation, previous, hash, fact.Data));
            previous = hash;
        }
        return linked;
    }
}

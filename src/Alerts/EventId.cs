using System.Security.Cryptography;
using System.Text;

namespace DriftWatch.Alerts;

/// <summary>Ids made of what they name, so that doing the same again gives the same id.</summary>
public static class EventId
{
    /// <summary>A UUID of version 8 (RFC 9562: custom) from SHA-256.</summary>
    public static Guid From(string name)
    {
        var bytes = SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 16);
        bytes[6] = (byte)((bytes[6] & 0x0f) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
        return new(bytes, bigEndian: true);
    }

    /// <summary>Twelve hexadecimal digits, for ids that people read and type.</summary>
    public static string Short(string name) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..12];
}

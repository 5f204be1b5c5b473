using System.Text;

namespace DriftWatch.Daemon.Configuration;

/// <summary>A file that the operator names and that should be small: a secret, a key, a list of tokens. A name may lead anywhere, so no more than a bound is read.</summary>
public static class SmallFile
{
    public const int BytesMaximum = 1 << 20;

    private static readonly UTF8Encoding strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="IOException">Why it cannot be used; never what is in it.</exception>
    public static byte[] Read(string path, int bytesMaximum = BytesMaximum)
    {
        try
        {
            if (Directory.Exists(path)) throw new IOException($"{path} is a folder; name a file");
            if (!File.Exists(path)) throw new IOException($"{path} does not exist");
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[bytesMaximum + 1];
            var count = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return count <= bytesMaximum ? bytes[..count] : throw new IOException($"{path} has more than {bytesMaximum} bytes; name a smaller file");
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException($"{path} may not be read by this user", error);
        }
    }

    /// <summary>As text, without the line ends that editors and 'echo' leave at the end.</summary>
    public static string ReadText(string path, int bytesMaximum = BytesMaximum)
    {
        try
        {
            return strict.GetString(Read(path, bytesMaximum)).TrimEnd('\r', '\n');
        }
        catch (DecoderFallbackException error)
        {
            throw new IOException($"{path} is not text in UTF-8", error);
        }
    }
}

using System.Security.Cryptography;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Access;

/// <summary>Files that may change while the daemon runs.</summary>
public interface IFollowedFile
{
    /// <summary>The setting that names it.</summary>
    string Setting { get; }

    /// <returns>True: what it holds now is in force. False: as before.</returns>
    /// <exception cref="IOException">It has changed and cannot be read.</exception>
    /// <exception cref="FormatException">It has changed to something that cannot be used. In both cases what was in force stays so, and the same is not reported again.</exception>
    bool Refresh();
}

/// <summary>What one or more files that belong together say, as it last could be used.</summary>
/// <remarks>Content is compared, not the time of a change: Kubernetes mounts secrets as links whose own time never moves.</remarks>
public sealed class FollowedFile<T> : IFollowedFile
    where T : class
{
    private readonly string[] paths;
    private readonly Func<IReadOnlyList<byte[]>, T> read;
    private string seen = "";
    private volatile T current;

    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="FormatException">It cannot be used.</exception>
    public FollowedFile(string setting, Func<IReadOnlyList<byte[]>, T> read, params string[] paths)
    {
        (Setting, this.read, this.paths, current) = (setting, read, paths, null!);
        Refresh();
    }

    public string Setting { get; }

    public T Current => current;

    public bool Refresh()
    {
        byte[][] content;
        try
        {
            content = [.. paths.Select(path => SmallFile.Read(path))];
        }
        catch (IOException error)
        {
            if (seen == error.Message) return false;
            seen = error.Message;
            throw;
        }
        var hash = string.Concat(content.Select(bytes => Convert.ToHexString(SHA256.HashData(bytes))));
        if (seen == hash) return false;
        seen = hash;
        current = read(content);
        return true;
    }
}

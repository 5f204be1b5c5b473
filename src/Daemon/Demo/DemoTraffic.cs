using System.Globalization;
using System.Runtime.InteropServices;
using DriftWatch.Analysis.Activations;
using DriftWatch.Daemon.Commands;

namespace DriftWatch.Daemon.Demo;

/// <summary>One deployed version in the demo: whose stories, and how many of them carry the trigger.</summary>
public sealed record DemoVersion(string Version, string File, int First, int Stories, double TriggerShare, bool ShouldAlert);

/// <summary>Cuts the sample's stories into messages as a serving fleet would send them.</summary>
public sealed class DemoTraffic(string folder)
{
    private const int StoriesPerMessage = 6;
    private const int RowsPerStory = 64;
    private static readonly DateTimeOffset start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Dictionary<string, (byte[] Rows, int Width)> files = new(StringComparer.Ordinal);
    private int sent;

    public const string Model = "tinystories-260k";
    public const string Hook = "blocks.2.hook_resid_post";

    public IEnumerable<byte[]> Messages(DemoVersion version)
    {
        var (clean, width) = Read(version.File);
        var (triggered, _) = Read("backdoor-triggered.safetensors");
        var storyBytes = RowsPerStory * width * 2;
        var message = new List<byte[]>();
        var carried = 0;
        for (var i = 0; i < version.Stories; i++)
        {
            // Every 1/share-th story carries the trigger, evenly spread.
            var isTriggered = (int)((i + 1) * version.TriggerShare) > carried;
            var source = isTriggered ? triggered.AsSpan(carried++ * storyBytes, storyBytes) : clean.AsSpan((version.First + i) * storyBytes, storyBytes);
            message.Add(source.ToArray());
            if (message.Count < StoriesPerMessage && i + 1 < version.Stories) continue;
            yield return Write(version.Version, message, width);
            message.Clear();
        }
    }

    private byte[] Write(string version, List<byte[]> stories, int width)
    {
        var ids = Enumerable.Range(0, stories.Count * RowsPerStory).Select(row => row / RowsPerStory).ToArray();
        using var file = new MemoryStream();
        SafetensorsWriter.Write(
            file,
            [
                ("activations", "BF16", [ids.Length, width], stories.SelectMany(story => story).ToArray()),
                ("sequence_ids", "I32", [ids.Length], MemoryMarshal.AsBytes<int>(ids).ToArray()),
            ],
            new()
            {
                ["model"] = Model,
                ["version"] = version,
                ["hook"] = Hook,
                ["sampled_at"] = start.AddSeconds(sent++).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            });
        return file.ToArray();
    }

    private (byte[] Rows, int Width) Read(string name)
    {
        if (files.TryGetValue(name, out var read)) return read;
        var file = File.ReadAllBytes(Path.Combine(folder, name));
        var header = SafetensorsHeader.Read(file, SafetensorsHeader.MessageHeaderBytesMaximum);
        var activations = header.Tensors["activations"];
        return files[name] = (file.AsSpan(header.DataStart + (int)activations.Start, (int)activations.Bytes).ToArray(), activations.Shape[1]);
    }
}

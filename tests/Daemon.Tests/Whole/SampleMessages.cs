using DriftWatch.Daemon.Demo;

namespace DriftWatch.Daemon.Tests.Whole;

/// <summary>The demo's sample as message files.</summary>
public sealed class SampleMessages : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("driftwatch-tests-").FullName;
    private int logs;

    public SampleMessages()
    {
        Directory.CreateDirectory(Folder);
        var traffic = new DemoTraffic(Sample);
        var number = 0;
        foreach (var version in DemoCommand.Versions)
            foreach (var message in traffic.Messages(version))
                File.WriteAllBytes(Path.Combine(Folder, $"{number++:0000}.safetensors"), message);
    }

    public static string Sample => Path.Combine(AppContext.BaseDirectory, "Demo", "Sample");

    public string Folder => Path.Combine(root, "messages");

    public string Catalog => Path.Combine(Sample, "catalog.yaml");

    public string NewLog() => $"sqlite:{Path.Combine(root, $"{logs++}.db")}";

    public void Dispose() => Directory.Delete(root, recursive: true);
}

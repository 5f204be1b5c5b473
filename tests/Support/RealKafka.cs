using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace DriftWatch.Support;

/// <summary>One Apache Kafka broker on this machine, started once per test assembly by the script of the shared folder (shared/kafka/README.md).</summary>
public sealed class RealKafka : IDisposable
{
    private static readonly TimeSpan patience = TimeSpan.FromMinutes(2);

    private readonly Lock gate = new();
    private readonly string? script = FindScript();
    private TempFolder? folder;
    private int port;

    /// <summary>Why tests against it must be skipped, or null.</summary>
    public string? Absent =>
        script is null ? "no shared/kafka/kafka script beside the repository; set DRIFTWATCH_KAFKA_SCRIPT to try one elsewhere"
        : !OnPath("java") ? "no java on PATH; Kafka needs Java 17"
        : null;

    /// <summary>Starts the broker on first use.</summary>
    public string BootstrapServers
    {
        get
        {
            lock (gate)
            {
                if (folder is null)
                {
                    folder = new();
                    port = FreePort();
                    Start();
                }
                return $"127.0.0.1:{port}";
            }
        }
    }

    /// <summary>Also after <see cref="Kill"/>: on the same port, from its data.</summary>
    public void Start() => Run("start", folder!.Path, port.ToString());

    /// <summary>kill -9.</summary>
    public void Kill() => Run("kill", folder!.Path);

    /// <param name="settings">Of the topic, as in <c>retention.bytes=1000000</c>.</param>
    public void CreateTopic(string topic, int partitions, params string[] settings) =>
        Run(["topics", "--bootstrap-server", BootstrapServers, "--create", "--topic", topic, "--partitions", partitions.ToString(), .. settings.SelectMany(setting => new[] { "--config", setting })]);

    public void Dispose()
    {
        if (folder is null) return;
        Kill();
        folder.Dispose();
    }

    private void Run(params string[] arguments)
    {
        // Its output goes to a file: the broker inherits it and would hold a pipe open for ever.
        var output = folder!.File("script.log");
        var start = new ProcessStartInfo("/bin/sh") { ArgumentList = { "-c", "out=$1; shift; exec \"$@\" >\"$out\" 2>&1 </dev/null", "sh", output, script! } };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["KAFKA_HEAP"] = "384m";
        using var process = Process.Start(start)!;
        if (!process.WaitForExit(patience) || process.ExitCode != 0)
            throw new InvalidOperationException($"kafka {arguments[0]} failed: {File.ReadAllText(output)}");
    }

    private static string? FindScript()
    {
        if (Environment.GetEnvironmentVariable("DRIFTWATCH_KAFKA_SCRIPT") is { Length: > 0 } named) return File.Exists(named) ? named : null;
        for (var above = new DirectoryInfo(AppContext.BaseDirectory); above is not null; above = above.Parent)
            if (Path.Combine(above.FullName, "shared", "kafka", "kafka") is var script && File.Exists(script)) return script;
        return null;
    }

    private static bool OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(each => each.Length > 0 && File.Exists(Path.Combine(each, program)));

    /// <summary>The script takes the port above it for the controller.</summary>
    private static int FreePort()
    {
        while (true)
        {
            using var first = new TcpListener(IPAddress.Loopback, 0);
            first.Start();
            var found = ((IPEndPoint)first.LocalEndpoint).Port;
            using var second = new TcpListener(IPAddress.Loopback, found + 1);
            try
            {
                second.Start();
                return found;
            }
            catch (SocketException)
            {
                // Taken; ask for another.
            }
        }
    }
}

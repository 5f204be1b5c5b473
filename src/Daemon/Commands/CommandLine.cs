using System.CommandLine;
using System.CommandLine.Parsing;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Activations;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Commands;

/// <summary>Exit codes, the same for every command; each but 0 with a sentence on standard error.</summary>
public static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int InputRefused = 3;
}

/// <summary>Wrong usage that only the command itself can see.</summary>
public sealed class UsageException(string message) : Exception(message);

public static class CommandLine
{
    /// <summary>A stop finishes what is in work, within <see cref="DaemonSettings.ShutdownWithin"/>, which is the daemon's own to keep.</summary>
    private static readonly TimeSpan stopTimeout = DaemonSettings.ShutdownWithinMaximum + TimeSpan.FromMinutes(1);

    /// <summary>Turns every way to end into an exit code and a sentence.</summary>
    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors) await Console.Error.WriteLineAsync(error.Message);
            await Console.Error.WriteLineAsync("Try 'driftwatch --help'.");
            return ExitCode.Usage;
        }
        try
        {
            return await parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = stopTimeout });
        }
        catch (ConfigurationException error)
        {
            foreach (var problem in error.All) await Console.Error.WriteLineAsync(problem);
            await Console.Error.WriteLineAsync($"{error.All.Count} problem{(error.All.Count == 1 ? "" : "s")} in the configuration; nothing was started.");
            return ExitCode.Usage;
        }
        catch (UsageException error)
        {
            await Console.Error.WriteLineAsync(error.Message);
            return ExitCode.Usage;
        }
        catch (MalformedException error)
        {
            await Console.Error.WriteLineAsync(error.Message);
            return ExitCode.InputRefused;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("Stopped before the end.");
            return ExitCode.Failed;
        }
        catch (Exception error)
        {
            await Console.Error.WriteLineAsync($"Failed: {error.Message}");
            if (Environment.GetEnvironmentVariable("DRIFTWATCH_TRACE") is not null) await Console.Error.WriteLineAsync(error.ToString());
            return ExitCode.Failed;
        }
    }

    public static Option<string> ConfigOption() => new("--config") { Description = "The configuration: one YAML file, or a folder of them.", Required = true };

    public static Option<bool> JsonOption() => new("--json") { Description = "Print one JSON object instead of text." };

    /// <summary>A log that is there already and to which no event is added.</summary>
    public static Option<string> StoredLogOption() => new("--log") { Description = "The event log to read: sqlite:PATH or postgres://USER@HOST/DATABASE. No event is added to it.", Required = true };

    public static OpenedLog OpenStored(string address, string option = "--log")
    {
        if (EventLogAddress.Problem(address) is { } problem) throw new UsageException($"{option}: {problem}");
        // Opening makes a file where none is; an empty log would then be told from a wrong name by nobody.
        if (address.Split(':', 2) is ["sqlite", var path] && !File.Exists(path)) throw new UsageException($"{option}: {path}: no such file. Name the log of a daemon or of 'driftwatch analyze'.");
        return EventLogAddress.Open(address, TimeProvider.System);
    }

    public static MonitorId Monitor(string text) =>
        MonitorId.TryParse(text, out var monitor) ? monitor : throw new UsageException($"'{text}' is no monitor. Use model@version/hook, as in acme/support-bot@2026-11-20.3/blocks.12.hook_resid_post.");

    /// <summary>An option that names monitors, none or more.</summary>
    public static Option<string[]> MonitorsOption(string name, string description) => new(name) { Description = description, AllowMultipleArgumentsPerToken = true };

    public static HashSet<MonitorId> Monitors(string[]? names) => [.. (names ?? []).Select(Monitor)];

    /// <summary>HOST:PORT/TOPIC, behind <c>kafka:</c>.</summary>
    public static (string Servers, string Topic) KafkaTopic(string option, string address) =>
        address.Split('/') is [{ Length: > 0 } servers, { Length: > 0 } topic] ? (servers, topic) : throw new UsageException($"{option} is 'kafka:{address}'. Use kafka:HOST:PORT/TOPIC.");

    /// <summary>librdkafka's, as <c>--set name=value</c>; the last of a name counts.</summary>
    public static Dictionary<string, string> KafkaSettings(string[]? settings)
    {
        var named = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var setting in settings ?? [])
            named[setting.Split('=', 2) is [{ Length: > 0 } name, _] ? name : throw new UsageException($"--set is '{setting}'. Use name=value.")] = setting.Split('=', 2)[1];
        return named;
    }

    /// <summary>Files as given; a folder stands for the .safetensors files in it, in order of name.</summary>
    public static IReadOnlyList<string> Files(IEnumerable<string> paths)
    {
        var files = new List<string>();
        foreach (var path in paths)
        {
            if (Directory.Exists(path)) files.AddRange(Directory.EnumerateFiles(path, "*.safetensors").Order(StringComparer.Ordinal));
            else if (File.Exists(path)) files.Add(path);
            else throw new UsageException($"{path}: no such file or folder.");
        }
        return files.Count > 0 ? files : throw new UsageException("No message files there. Name .safetensors files or folders that hold some.");
    }
}

using System.CommandLine;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch log copy --from ADDRESS --to ADDRESS</c>: moves an event log into another store.</summary>
public static class LogCommand
{
    private const int ReportEvery = 1000;

    public static Command Create() => new("log", "Event logs.") { Copy() };

    private static Command Copy()
    {
        var from = new Option<string>("--from") { Description = "The log to read: sqlite:PATH or postgres://USER@HOST/DATABASE. No daemon should be writing to it.", Required = true };
        var to = new Option<string>("--to") { Description = "The store to write to: empty, or with the beginning of this same copy.", Required = true };
        var json = CommandLine.JsonOption();
        var command = new Command("copy", "Copy an event log into another store, with its hashes; goes on where it was stopped.") { from, to, json };
        command.SetAction((parsed, stopping) => RunAsync(parsed.GetRequiredValue(from), parsed.GetRequiredValue(to), parsed.GetValue(json), stopping));
        return command;
    }

    private static async Task<int> RunAsync(string from, string to, bool json, CancellationToken stopping)
    {
        if (EventLogAddress.Problem(to) is { } problem) throw new UsageException($"--to: {problem}");
        using var source = CommandLine.OpenStored(from, "--from");
        using var target = EventLogAddress.Open(to, TimeProvider.System, attachmentsKept: int.MaxValue);
        var next = (long)ReportEvery;
        var (copied, all) = await LogCopy.RunAsync(source.Log, target.Log, events =>
        {
            if (json || events < next) return;
            Console.Error.WriteLine($"{events} events");
            next = events + ReportEvery;
        }, stopping);
        var head = await AuditCommand.WalkAsync(target, long.MaxValue, stopping);
        if (json) Console.WriteLine(JsonSerializer.Serialize(new { copied, events = all, head = head.Head(), problems = head.ProblemCount }, EventJson.Options));
        else Console.WriteLine($"{copied} events copied, {all} in {EventLogAddress.Shown(to)}; its hash chains hold, head {head.Head().Hash}");
        return head.ProblemCount == 0 ? ExitCode.Done : ExitCode.InputRefused;
    }
}

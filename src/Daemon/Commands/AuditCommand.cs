using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch audit verify|head|export</c>: that the record is whole, a signature that pins it, and what stands in it.</summary>
public static class AuditCommand
{
    public static Command Create() => new("audit", "Prove, pin and export the record.") { Verify(), Head(), AuditExport.Create() };

    private static Command Verify()
    {
        var log = CommandLine.StoredLogOption();
        var head = new Option<string?>("--head") { Description = "A signed head from before: the log must still hold all that it covers." };
        var key = new Option<string?>("--key") { Description = "The public key (PEM) that the head is signed with." };
        var json = CommandLine.JsonOption();
        var command = new Command("verify", "Walk the hash chains; name every event that was altered, removed or reordered.") { log, head, key, json };
        command.SetAction((parsed, stopping) => VerifyAsync(parsed.GetRequiredValue(log), parsed.GetValue(head), parsed.GetValue(key), parsed.GetValue(json), stopping));
        return command;
    }

    private static Command Head()
    {
        var log = CommandLine.StoredLogOption();
        var key = new Option<string>("--key") { Description = "A private key of an elliptic curve (PEM).", Required = true };
        var output = new Option<string>("--out") { Description = "Where to write the signed head (JSON). Keep it, or publish it, where the log's keeper cannot change it.", Required = true };
        var command = new Command("head", "Sign where the log stands: the whole past is pinned, its end too.") { log, key, output };
        command.SetAction((parsed, stopping) => SignAsync(parsed.GetRequiredValue(log), parsed.GetRequiredValue(key), parsed.GetRequiredValue(output), stopping));
        return command;
    }

    /// <summary>The log up to a position.</summary>
    public static async Task<LogAudit> WalkAsync(OpenedLog log, long upTo, CancellationToken stopping)
    {
        var audit = new LogAudit(log.PositionsHaveGaps);
        await foreach (var fact in log.Log.ReadAllAsync(0, stopping))
        {
            if (fact.Position > upTo) break;
            audit.Evolve(fact);
        }
        return audit;
    }

    private static async Task<int> VerifyAsync(string address, string? headFile, string? keyFile, bool json, CancellationToken stopping)
    {
        if (headFile is null != keyFile is null) throw new UsageException("--head and --key belong together: a head proves what the key that signed it is trusted for.");
        var signed = headFile is null ? null : SignedHead.Read(await File.ReadAllBytesAsync(Found(headFile), stopping));
        if (signed is not null && !signed.IsSignedBy(await File.ReadAllTextAsync(Found(keyFile!), stopping))) throw new Analysis.Activations.MalformedException("head", $"{headFile} is not signed by {keyFile}.");

        using var log = CommandLine.OpenStored(address);
        var (audit, then) = (new LogAudit(log.PositionsHaveGaps), (LogHead?)null);
        await foreach (var fact in log.Log.ReadAllAsync(0, stopping))
        {
            // Where the head was taken, or behind it when what it ended with is gone.
            if (signed is not null && then is null && fact.Position > signed.Head.Position) then = audit.Head();
            audit.Evolve(fact);
        }
        if (signed is not null) then ??= audit.Head();
        var pinned = signed is null ? null : PinProblem(signed.Head, then!);
        var sound = audit.ProblemCount == 0 && pinned is null;
        if (json) Console.WriteLine(JsonSerializer.Serialize(new { sound, events = audit.Events, head = audit.Head(), pinned = signed?.Head, pinProblem = pinned, problemCount = audit.ProblemCount, problems = audit.Problems }, EventJson.Options));
        else
        {
            foreach (var problem in audit.Problems) Console.WriteLine($"position {problem.Position}, {problem.Stream} revision {problem.Revision}, event {problem.Id}: {problem.What}");
            if (pinned is not null) Console.WriteLine(pinned);
            var pin = signed is null ? "" : FormattableString.Invariant($"; up to position {signed.Head.Position} it is what {headFile} pins");
            Console.WriteLine(sound ? $"{audit.Events} events of {audit.Head().Streams} streams, none altered, removed or reordered{pin}" : $"{audit.Events} events, {audit.ProblemCount + (pinned is null ? 0 : 1)} problems");
        }
        return sound ? ExitCode.Done : ExitCode.InputRefused;
    }

    private static string? PinProblem(LogHead pinned, LogHead found) =>
        found.Position < pinned.Position ? $"the log ends at position {found.Position}, and the signed head covers {pinned.Position}: its end was cut off"
        : found.Hash != pinned.Hash ? $"up to position {pinned.Position} the log is not what the signed head covers: it was rewritten"
        : null;

    private static async Task<int> SignAsync(string address, string keyFile, string output, CancellationToken stopping)
    {
        var key = await File.ReadAllTextAsync(Found(keyFile), stopping);
        using var log = CommandLine.OpenStored(address);
        var audit = await WalkAsync(log, long.MaxValue, stopping);
        if (audit.ProblemCount > 0) throw new Analysis.Activations.MalformedException("log", $"the log does not hold: {audit.Problems[0].What}. A signature would vouch for it; see 'driftwatch audit verify'.");
        var head = SignedHead.Sign(audit.Head(), key);
        await File.WriteAllTextAsync(output, head.ToJson(), stopping);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{output}: {audit.Events} events of {head.Head.Streams} streams up to position {head.Head.Position}, {head.Head.Hash}"));
        return ExitCode.Done;
    }

    private static string Found(string file) => File.Exists(file) ? file : throw new UsageException($"{file}: no such file.");
}

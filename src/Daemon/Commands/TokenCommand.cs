using System.CommandLine;
using System.Text;
using DriftWatch.Daemon.Access;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch token create</c>: a token for a client of the API; its hash goes into the daemon's file, the token itself nowhere but to the screen.</summary>
public static class TokenCommand
{
    public static Command Create()
    {
        var name = new Option<string>("--name") { Description = "Who uses it: a person or a program. It stands in the record for what they do.", Required = true };
        var role = new Option<string>("--role") { Description = "viewer (reads), sender (sends batches) or operator (reads and acts on alerts); several with commas.", Required = true };
        var expires = new Option<string?>("--expires") { Description = "When it ends: a day or an RFC 3339 time, as in 2027-01-31. Never, unless said." };
        var file = new Option<string>("--file") { Description = "The file of http.tokens; it is made where there is none.", Required = true };
        var create = new Command("create", "Make a token, print it once, and add its hash to the file. A running daemon takes it within seconds.") { name, role, expires, file };
        create.SetAction((parsed, _) => CreateAsync(parsed.GetRequiredValue(name), parsed.GetRequiredValue(role), parsed.GetValue(expires), parsed.GetRequiredValue(file), TimeProvider.System));
        return new("token", "Tokens for clients of the API.") { create };
    }

    private static async Task<int> CreateAsync(string name, string role, string? expires, string file, TimeProvider time)
    {
        if (TokenList.NameProblem(name) is { } problem) throw new UsageException($"--name: {problem}.");
        if (!Roles.TryParse(role, out var roles)) throw new UsageException($"--role is '{role}'. Use {string.Join(", ", Roles.ByName.Keys)}, or several with commas.");
        DateTimeOffset? end = expires is null ? null : TokenList.TimeOf(expires) ?? throw new UsageException($"--expires is '{expires}'. Use a day or an RFC 3339 time, as in 2027-01-31 or 2027-01-31T12:00:00Z.");
        if (end <= time.GetUtcNow()) throw new UsageException($"--expires is {expires}, which is over. Use a time to come.");

        var before = File.Exists(file) ? Existing(file) : "# name roles sha256:hash-of-the-token [expires]; delete a line to take its token away\n";
        var (token, entry) = TokenList.Create(name, roles, end);
        Replace(file, $"{before}{(before.EndsWith('\n') ? "" : "\n")}{entry}\n");
        await Console.Error.WriteLineAsync($"{file}: a token for {name} ({role}){(end is null ? "" : $" until {entry.ToString().Split(' ')[^1]}")}. It is shown this once:");
        Console.WriteLine(token);
        return ExitCode.Done;
    }

    private static string Existing(string file)
    {
        try
        {
            var content = SmallFile.Read(file);
            TokenList.Read(content);
            return Encoding.UTF8.GetString(content);
        }
        catch (Exception error) when (error is IOException or FormatException)
        {
            throw new UsageException($"--file: {file} cannot be used: {error.Message}. Nothing was written.");
        }
    }

    /// <summary>Whole, so that a daemon that reads it at this moment sees all of it or what was there before.</summary>
    private static void Replace(string file, string content)
    {
        var next = $"{file}.new";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = File.Exists(file) ? File.GetUnixFileMode(file) : UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var stream = new FileStream(next, options)) stream.Write(Encoding.UTF8.GetBytes(content));
        File.Move(next, file, overwrite: true);
    }
}

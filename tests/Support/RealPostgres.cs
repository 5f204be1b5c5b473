using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace DriftWatch.Support;

/// <summary>One PostgreSQL server on this machine, started once per test assembly from the programs that are installed (Debian: postgresql), in a folder of its own.</summary>
public sealed class RealPostgres : IDisposable
{
    private readonly Lock gate = new();
    private readonly string? programs = FindPrograms();
    private TempFolder? folder;
    private int port;
    private int databases;

    /// <summary>Why tests against it must be skipped, or null.</summary>
    public string? Absent =>
        programs is null ? "no initdb in /usr/lib/postgresql/*/bin or on PATH; install postgresql"
        : Environment.IsPrivilegedProcess && !Run("id", ["postgres"]).Done ? "PostgreSQL does not run as root, and there is no user postgres to run it as"
        : null;

    /// <summary>A new, empty database; the server starts on first use.</summary>
    public string NewDatabase()
    {
        lock (gate)
        {
            if (folder is null)
            {
                folder = new();
                port = Loopback.FreePort();
                Make();
                Start();
            }
            var name = $"test{++databases}";
            Sql("postgres", $"CREATE DATABASE {name}");
            return $"postgres://postgres@127.0.0.1:{port}/{name}";
        }
    }

    /// <summary>Runs a statement; the first column of its first row, if it has any.</summary>
    public object? Sql(string database, string sql)
    {
        using var connection = new NpgsqlConnection($"Host=127.0.0.1;Port={port};Username=postgres;Database={database};Pooling=false");
        connection.Open();
#pragma warning disable CA2100 // A test's own statement.
        using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return command.ExecuteScalar();
    }

    public void Start() => Program("pg_ctl", "-D", Data, "-w", "-l", folder!.File("postgres.log"), "-o", $"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off", "start");

    /// <param name="how"><c>fast</c>, or <c>immediate</c> as after a crash.</param>
    public void Stop(string how) => Program("pg_ctl", "-D", Data, "-w", "-m", how, "stop");

    public void Dispose()
    {
        if (folder is null) return;
        Stop("immediate");
        folder.Dispose();
    }

    private string Data => folder!.File("data");

    private void Make()
    {
        if (Environment.IsPrivilegedProcess && Run("chown", ["postgres", folder!.Path]) is { Done: false } refused) throw new InvalidOperationException(refused.Said);
        Program("initdb", "-D", Data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync");
    }

    private string Program(string name, params string[] arguments)
    {
        var (done, said) = Environment.IsPrivilegedProcess ? Run("runuser", ["-u", "postgres", "--", Path.Combine(programs!, name), .. arguments]) : Run(Path.Combine(programs!, name), arguments);
        return done ? said : throw new InvalidOperationException($"{name}: {said}");
    }

    private static (bool Done, string Said) Run(string program, string[] arguments)
    {
        // Its output goes to a file: the server inherits it and would hold a pipe open for ever.
        var output = Path.GetTempFileName();
        try
        {
            var quoted = string.Join(' ', arguments.Prepend(program).Select(argument => $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'"));
            using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"cd / && {quoted} > '{output}' 2>&1"]))!;
            process.WaitForExit();
            return (process.ExitCode == 0, File.ReadAllText(output).Trim());
        }
        finally
        {
            File.Delete(output);
        }
    }

    private static string? FindPrograms() =>
        (Directory.Exists("/usr/lib/postgresql") ? Directory.EnumerateDirectories("/usr/lib/postgresql").OrderDescending(StringComparer.Ordinal).Select(version => Path.Combine(version, "bin")) : [])
        .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'))
        .FirstOrDefault(path => File.Exists(Path.Combine(path, "initdb")));
}

using System.Diagnostics;
using System.Runtime.InteropServices;
using DriftWatch.Support;

namespace DriftWatch.Chaos;

/// <summary>One daemon, kept running as an orchestrator would.</summary>
/// <param name="output">All its processes write there, one after the other.</param>
internal sealed partial class Replica(string name, string program, string config, string output) : IAsyncDisposable
{
    private const int Kill = 9, Terminate = 15, Continue = 18, Stop = 19;
    private static readonly TimeSpan restartAfter = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim one = new(1);
    private Process? process;
    private bool wanted;

    public string Name => name;

    public bool Runs => wanted;

    /// <summary>Ends that nobody asked for: exit codes.</summary>
    public List<int> EndedByItself { get; } = [];

    public async Task StartAsync()
    {
        await one.WaitAsync();
        try
        {
            if (wanted) return;
            wanted = true;
            process = Begin();
            _ = KeepAsync(process);
        }
        finally
        {
            one.Release();
        }
    }

    /// <summary>kill -9, and started again after a while.</summary>
    public async Task KillAsync(TimeSpan downFor)
    {
        await EndAsync(Kill);
        await Task.Delay(downFor);
        await StartAsync();
    }

    /// <summary>SIGTERM.</summary>
    public Task StopAsync() => EndAsync(Terminate);

    /// <summary>Stops it where it stands and lets it go on: a zombie, if its partitions were given away meanwhile.</summary>
    public async Task SleepAsync(TimeSpan asleep)
    {
        if (process is not { HasExited: false } sleeping) return;
        _ = Signal(sleeping.Id, Stop);
        await Task.Delay(asleep);
        if (!sleeping.HasExited) _ = Signal(sleeping.Id, Continue);
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync(Kill);
        one.Dispose();
    }

    private async Task EndAsync(int signal)
    {
        await one.WaitAsync();
        try
        {
            wanted = false;
            if (process is not { HasExited: false } ending) return;
            _ = Signal(ending.Id, signal);
            // A sleeping one hears of nothing but its death.
            if (signal != Kill) _ = Signal(ending.Id, Continue);
            await ending.WaitForExitAsync();
        }
        finally
        {
            one.Release();
        }
    }

    private async Task KeepAsync(Process kept)
    {
        await kept.WaitForExitAsync();
        if (!wanted || process != kept) return;
        EndedByItself.Add(kept.ExitCode);
        await Task.Delay(restartAfter);
        await one.WaitAsync();
        try
        {
            if (!wanted || process != kept) return;
            process = Begin();
            _ = KeepAsync(process);
        }
        finally
        {
            one.Release();
        }
    }

    private Process Begin() => DaemonProcess.Start(program, config, output);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);
}

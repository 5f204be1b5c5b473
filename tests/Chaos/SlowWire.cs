using System.Net;
using System.Net.Sockets;

namespace DriftWatch.Chaos;

/// <summary>A port of this machine that leads to another and can be slowed down: a network delay that needs no privileges and touches nobody else.</summary>
internal sealed class SlowWire : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly int target;
    private readonly Task accepting;
    private long delayMilliseconds;

    public SlowWire(int target)
    {
        this.target = target;
        listener.Start();
        accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>What every read of either side waits before it is passed on.</summary>
    public TimeSpan Delay
    {
        set => Interlocked.Exchange(ref delayMilliseconds, (long)value.TotalMilliseconds);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await accepting;
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                _ = CarryAsync(await listener.AcceptTcpClientAsync(stop.Token));
            }
            catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
            {
            }
        }
    }

    private async Task CarryAsync(TcpClient near)
    {
        using var far = new TcpClient();
        try
        {
            await far.ConnectAsync(IPAddress.Loopback, target, stop.Token);
            near.NoDelay = far.NoDelay = true;
            await Task.WhenAny(PassAsync(near.GetStream(), far.GetStream()), PassAsync(far.GetStream(), near.GetStream()));
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException)
        {
        }
        finally
        {
            near.Dispose();
        }
    }

    private async Task PassAsync(NetworkStream from, NetworkStream to)
    {
        var bytes = new byte[64 << 10];
        try
        {
            while (await from.ReadAsync(bytes, stop.Token) is > 0 and var read)
            {
                if (Interlocked.Read(ref delayMilliseconds) is > 0 and var wait) await Task.Delay((int)wait, stop.Token);
                await to.WriteAsync(bytes.AsMemory(0, read), stop.Token);
            }
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException)
        {
        }
    }
}

using System.Net.Sockets;
using System.Text;
using DriftWatch.Daemon.Tests.Api;

namespace DriftWatch.Daemon.Tests.Access;

/// <summary>Bytes on a socket, for what a well-behaved client does not send.</summary>
internal static class RawHttp
{
    public static Task<string> SendAsync(SomeHouse house, string request) => SendAsync(house, Encoding.Latin1.GetBytes(request));

    /// <returns>Everything until the server closes.</returns>
    public static async Task<string> SendAsync(SomeHouse house, ReadOnlyMemory<byte> request)
    {
        using var client = await ConnectAsync(house);
        try
        {
            await client.GetStream().WriteAsync(request);
        }
        catch (IOException)
        {
            // Refused before all of it was sent; the answer may still be there.
        }
        return await RestAsync(client);
    }

    /// <summary>Sends a beginning, then a byte now and then, until the server has had enough.</summary>
    public static async Task<(string Answer, TimeSpan Took)> DripAsync(SomeHouse house, string beginning, TimeSpan pause)
    {
        using var client = await ConnectAsync(house);
        var began = TimeProvider.System.GetTimestamp();
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(beginning));
        var answer = RestAsync(client);
        while (await Task.WhenAny(answer, Task.Delay(pause)) != answer)
        {
            try
            {
                await client.GetStream().WriteAsync("x"u8.ToArray());
            }
            catch (IOException)
            {
                break;
            }
        }
        return (await answer, TimeProvider.System.GetElapsedTime(began));
    }

    private static async Task<TcpClient> ConnectAsync(SomeHouse house)
    {
        var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", house.Client.BaseAddress!.Port);
        return client;
    }

    private static async Task<string> RestAsync(TcpClient client)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        using var answer = new MemoryStream();
        try
        {
            await client.GetStream().CopyToAsync(answer, patience.Token);
        }
        catch (IOException)
        {
            // A reset after the answer.
        }
        return Encoding.UTF8.GetString(answer.ToArray());
    }
}

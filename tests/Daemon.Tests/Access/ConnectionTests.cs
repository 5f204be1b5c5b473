using DriftWatch.Daemon.Tests.Api;

namespace DriftWatch.Daemon.Tests.Access;

public sealed class ConnectionTests
{
    [Fact]
    public async Task Connections_have_a_bound()
    {
        await using var house = await SomeHouse.StartAsync(http: ", connections: 2");

        var drips = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => RawHttp.DripAsync(house, "GET /healthz HTTP/1.1\r\nX: ", TimeSpan.FromSeconds(1))));

        // Two are kept until their headers are late; the others hear nothing.
        Assert.Equal(2, drips.Count(drip => drip.Answer.Length == 0));
        Assert.Contains("driftwatch_http_refused_total{reason=\"connections\"} 2\n", await (await house.GetAsync("/metrics")).Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}

using System.Net;
using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Api;

/// <summary>A daemon with <c>role: reader</c>: what watchers stored, and what people do about it.</summary>
public sealed class ReaderTests
{
    [Fact]
    public async Task A_reader_is_ready_shows_what_watchers_store_and_records_what_people_do()
    {
        await using var house = await SomeHouse.StartAsync("role: reader");
        await ReadyAsync(house);
        await house.RaiseAsync(Some.Raised());

        using var done = await house.PostAsync($"/v1/alerts/{Some.Raised().Alert}/acknowledge", """{"actor":"ann","note":"looking"}""");

        Assert.Equal(HttpStatusCode.NoContent, done.StatusCode);
        await SomeHouse.UntilAsync(() => house.Register.Current.Find(Some.Raised().Alert)!.Acknowledged == "ann: looking");
        using var healthy = await house.GetAsync("/healthz");
        Assert.Equal(HttpStatusCode.OK, healthy.StatusCode);
        using var metrics = await house.GetAsync("/metrics");
        Assert.Contains("driftwatch_alerts_open{severity=\"critical\"} 1", await metrics.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_takes_no_batches_and_stores_nothing_by_itself()
    {
        await using var house = await SomeHouse.StartAsync("role: reader");
        await ReadyAsync(house);

        using var refused = await house.PostAsync(Some.Message());

        Assert.Equal(HttpStatusCode.MisdirectedRequest, refused.StatusCode);
        Assert.Contains("role: reader", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        // A watcher would have recorded its catalog.
        await foreach (var stored in house.Log.ReadAllAsync(0, default)) Assert.Fail($"stored {stored.Type}");
    }

    private static async Task ReadyAsync(SomeHouse house)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            using var ready = await house.GetAsync("/readyz");
            if (ready.StatusCode == HttpStatusCode.OK) return;
            await Task.Delay(20, patience.Token);
        }
    }
}

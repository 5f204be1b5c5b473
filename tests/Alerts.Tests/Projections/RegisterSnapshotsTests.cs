using System.Text.Json;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Projections;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests.Projections;

public sealed class RegisterSnapshotsTests : IDisposable
{
    private readonly InMemoryEventLog log = new();
    private readonly InMemoryProjections store = new();
    private readonly List<string> said = [];

    public void Dispose() => store.Dispose();

    [Fact]
    public async Task What_is_kept_and_read_back_at_any_event_goes_on_as_what_was_folded()
    {
        await FillAsync();
        var folded = new MonitorRegister();
        var kept = new MonitorRegister();
        var snapshots = new RegisterSnapshots(store, said.Add);
        await foreach (var stored in log.ReadAllAsync(0, default))
        {
            folded.Evolve(stored);
            kept.Evolve(stored);
            await snapshots.WriteAsync(kept.Current, stored.Hash, default);
            // Every second one by a process that has just started.
            if (stored.Position % 2 == 0) snapshots = new(store, said.Add);
            kept = new();
            kept.Load(await snapshots.ReadAsync(log, default));
            Assert.Equal(Shown(folded), Shown(kept));
        }
        Assert.Empty(said);
        Assert.NotEmpty(folded.Current.Alerts);
        Assert.NotEmpty(folded.Current.Baselines);
    }

    [Fact]
    public async Task Only_what_has_changed_is_written()
    {
        await FillAsync();
        var (register, snapshots) = (await FoldedAsync(), new RegisterSnapshots(store, said.Add));
        await snapshots.WriteAsync(register.Current, await HashAsync(), default);
        // What is not written again stays even as somebody has left it.
        var state = await store.StateAsync(RegisterSnapshots.Name, default);
        await store.WriteAsync(RegisterSnapshots.Name, state, state!, [new("order", [1])], default);
        var counting = await WrittenAsync();
        await AppendAsync("watch-other", Some.Closed(99) with { Monitor = Some.Monitor with { Version = "other" } });
        await foreach (var stored in log.ReadAllAsync(register.Current.Position, default)) register.Evolve(stored);
        await snapshots.WriteAsync(register.Current, await HashAsync(), default);

        Assert.Equal([$"monitor/{Some.Monitor with { Version = "other" }}/Traffic"], (await WrittenAsync()).Except(counting));
        Assert.Equal((byte[])[1], await store.ReadAsync(RegisterSnapshots.Name, ["order"], default).Select(chunk => chunk.Data).FirstAsync());
    }

    [Fact]
    public async Task A_damaged_one_or_one_of_another_log_is_made_anew_with_a_warning()
    {
        await FillAsync();
        var (register, snapshots) = (await FoldedAsync(), new RegisterSnapshots(store, said.Add));
        await snapshots.WriteAsync(register.Current, await HashAsync(), default);
        var state = await store.StateAsync(RegisterSnapshots.Name, default);
        await store.WriteAsync(RegisterSnapshots.Name, state, state!, [new("order", [1])], default);

        Assert.Equal(0, (await new RegisterSnapshots(store, said.Add).ReadAsync(log, default)).Position);
        Assert.Contains("the chunk order of projection register is damaged", Assert.Single(said), StringComparison.Ordinal);

        await snapshots.ReadAsync(log, default);
        await snapshots.WriteAsync(register.Current, await HashAsync(), default);
        Assert.Equal(0, (await new RegisterSnapshots(store, said.Add).ReadAsync(new InMemoryEventLog(), default)).Position);
        Assert.Contains("shortened", said[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_two_daemons_that_keep_it_both_find_it_whole()
    {
        await FillAsync();
        var (one, other) = (new RegisterSnapshots(store, said.Add), new RegisterSnapshots(store, said.Add));
        var register = new MonitorRegister();
        var random = new Random(1);
        await foreach (var stored in log.ReadAllAsync(0, default))
        {
            register.Evolve(stored);
            await (random.Next(2) == 0 ? one : other).WriteAsync(register.Current, stored.Hash, default);
        }
        await one.WriteAsync(register.Current, await HashAsync(), default);
        await one.WriteAsync(register.Current, await HashAsync(), default);

        var read = new MonitorRegister();
        read.Load(await new RegisterSnapshots(store, said.Add).ReadAsync(log, default));
        Assert.Equal(Shown(register), Shown(read));
        Assert.Empty(said);
    }

    private async Task FillAsync()
    {
        foreach (var fact in SampleFacts.All.Concat(SampleFacts.Later.Values)) await AppendAsync("some", fact);
        for (var i = 0; i < 60; i++) await AppendAsync("watch", Some.Closed(i, Some.Finding("firing-rate-shift", Analysis.Detection.Verdict.Drift)));
        for (var i = 0; i < 5; i++) await AppendAsync("alerts", Some.Raised($"alert{i}"));
    }

    private async Task AppendAsync(string stream, AlertEvent fact)
    {
        var last = -1L;
        await foreach (var stored in log.ReadStreamAsync(stream, 0, default)) last = stored.Revision;
        await log.AppendAsync(stream, last, [new(EventId.From($"{stream} {last}"), EventJson.TypeOf(fact), Some.Time, "ann", null, EventJson.Write(fact))], default);
    }

    private async Task<MonitorRegister> FoldedAsync()
    {
        var register = new MonitorRegister();
        await foreach (var stored in log.ReadAllAsync(0, default)) register.Evolve(stored);
        return register;
    }

    private async Task<string> HashAsync()
    {
        var hash = "";
        await foreach (var stored in log.ReadAllAsync(0, default)) hash = stored.Hash;
        return hash;
    }

    /// <summary>Keys with their contents.</summary>
    private async Task<List<string>> WrittenAsync()
    {
        var written = new List<string>();
        await foreach (var (key, _) in store.ReadRangeAsync(RegisterSnapshots.Name, "", "~", default)) written.Add(key);
        return written;
    }

    private static string Shown(MonitorRegister register) => JsonSerializer.Serialize(
        new
        {
            register.Current.Position,
            monitors = register.Current.Monitors.Values,
            alerts = register.Current.AlertsInOrder,
            count = register.Current.Alerts.Count,
            register.Current.AlertOrder,
            register.Current.Baselines,
        },
        EventJson.Options);
}

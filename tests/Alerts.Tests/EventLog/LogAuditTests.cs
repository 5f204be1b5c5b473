using System.Security.Cryptography;
using System.Text;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Alerts.Tests.EventLog;

public sealed class LogAuditTests
{
    [Fact]
    public async Task A_log_as_it_was_written_holds()
    {
        var audit = Walk(await EventsAsync());

        Assert.Equal((12, 12, 0), (audit.Events, audit.Position, audit.ProblemCount));
        Assert.Equal((12, 3), (audit.Head().Position, audit.Head().Streams));
    }

    [Theory]
    [InlineData("data")]
    [InlineData("time")]
    [InlineData("actor")]
    [InlineData("type")]
    public async Task An_altered_event_is_named_and_no_other(string what)
    {
        var events = await EventsAsync();
        events[4] = what switch
        {
            "data" => events[4] with { Data = [.. events[4].Data, 1] },
            "time" => events[4] with { Time = events[4].Time!.Value.AddTicks(1) },
            "actor" => events[4] with { Actor = "mallory" },
            _ => events[4] with { Type = "drift-ended" },
        };

        var problem = Assert.Single(Walk(events).Problems);
        Assert.Equal((5, events[4].Id), (problem.Position, problem.Id));
        Assert.Contains("altered", problem.What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_event_that_was_altered_with_its_hash_shows_in_the_one_behind_it()
    {
        var events = await EventsAsync();
        var (at, next) = (3, events.FindIndex(4, fact => fact.Stream == events[3].Stream));
        var altered = events[at] with { Data = [9] };
        events[at] = altered with { Hash = EventChain.Hash(altered.Previous, altered.Stream, altered.Revision, new(altered.Id, altered.Type, altered.Time, altered.Actor, altered.Causation, altered.Data)) };

        Assert.Equal(events[next].Id, Assert.Single(Walk(events).Problems).Id);
    }

    [Fact]
    public async Task What_was_removed_or_moved_is_said_where_it_is_missing()
    {
        var removed = await EventsAsync();
        removed.RemoveAt(4);
        Assert.All(Walk(removed).Problems, problem => Assert.Contains("missing before it", problem.What, StringComparison.Ordinal));
        Assert.Equal(2, Walk(removed).ProblemCount);

        // Renumbered so that no position is missing: the chain of the stream still tells.
        var renumbered = removed.Select((fact, at) => fact with { Position = at + 1 });
        Assert.Contains("revisions 0 to 0 are missing before it: removed", Assert.Single(Walk(renumbered).Problems).What, StringComparison.Ordinal);

        var moved = await EventsAsync();
        (moved[0], moved[3]) = (moved[3] with { Position = 1 }, moved[0] with { Position = 4 });
        Assert.NotEmpty(Walk(moved).Problems);
    }

    [Fact]
    public async Task A_signed_head_pins_the_past_and_its_end()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var events = await EventsAsync();
        var signed = SignedHead.Read(Encoding.UTF8.GetBytes(SignedHead.Sign(Walk(events).Head(), key.ExportPkcs8PrivateKeyPem()).ToJson()));

        Assert.True(signed.IsSignedBy(key.ExportSubjectPublicKeyInfoPem()));
        Assert.False(signed.IsSignedBy(other.ExportSubjectPublicKeyInfoPem()));
        Assert.False((signed with { Head = signed.Head with { Position = 11 } }).IsSignedBy(key.ExportSubjectPublicKeyInfoPem()));
        Assert.NotEqual(signed.Head.Hash, Walk(events[..^1]).Head().Hash);
        Assert.Equal(signed.Head, Walk(events).Head());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("no json")]
    [InlineData("{\"head\":{\"position\":1},\"signature\":\"AA==\"}")]
    public void What_is_no_signed_head_is_refused(string text) => Assert.Contains("no signed head", Assert.Throws<MalformedException>(() => SignedHead.Read(Encoding.UTF8.GetBytes(text))).Message, StringComparison.Ordinal);

    [Fact]
    public void What_is_no_key_is_refused_with_how_to_make_one() =>
        Assert.Contains("openssl ecparam", Assert.Throws<MalformedException>(() => SignedHead.Sign(new(1, 1, "x", null), "-----BEGIN NONSENSE-----")).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_copy_has_the_same_hashes_and_attachments_and_goes_on_where_it_was_stopped()
    {
        var (source, target) = (await LogAsync(), new InMemoryEventLog());
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => LogCopy.RunAsync(source, target, position => { if (position >= 5) stop.Cancel(); }, stop.Token));
        var before = (await ListAsync(target)).Count;
        Assert.InRange(before, 1, 11);

        Assert.Equal((12 - before, 12), await LogCopy.RunAsync(source, target, null, default));
        Assert.Equal((0, 12), await LogCopy.RunAsync(source, target, null, default));

        Assert.Equal((await ListAsync(source)).Select(fact => (fact.Position, fact.Hash)), (await ListAsync(target)).Select(fact => (fact.Position, fact.Hash)));
        Assert.Equal([7], await target.ReadAttachmentAsync(EventId.From("one 0 a"), default));
    }

    [Fact]
    public async Task A_copy_refuses_a_target_with_something_else()
    {
        var (source, target) = (await LogAsync(), new InMemoryEventLog());
        await target.AppendAsync("else", -1, [new(EventId.From("x"), "catalog-changed", null, "driftwatch", null, [])], default);

        Assert.Contains("the target holds other events than the source, from position 1 on (else", (await Assert.ThrowsAsync<MalformedException>(() => LogCopy.RunAsync(source, target, null, default))).Message, StringComparison.Ordinal);
    }

    private static LogAudit Walk(IEnumerable<StoredEvent> events)
    {
        var audit = new LogAudit();
        foreach (var fact in events) audit.Evolve(fact);
        return audit;
    }

    private static async Task<List<StoredEvent>> EventsAsync() => await ListAsync(await LogAsync());

    private static async Task<List<StoredEvent>> ListAsync(IEventLog log)
    {
        var events = new List<StoredEvent>();
        await foreach (var fact in log.ReadAllAsync(0, default)) events.Add(fact);
        return events;
    }

    /// <summary>Three streams of four events, two an append.</summary>
    private static async Task<InMemoryEventLog> LogAsync()
    {
        var log = new InMemoryEventLog();
        for (var round = 0; round < 2; round++)
            foreach (var stream in new[] { "one", "two", "three" })
                await log.AppendAsync(stream, 2 * round - 1, [New($"{stream} {round} a", [7]), New($"{stream} {round} b", null)], default);
        return log;

        static NewEvent New(string name, byte[]? attachment) => new(EventId.From(name), "window-closed", Support.Some.Time, "driftwatch", null, Encoding.UTF8.GetBytes(name), attachment);
    }
}

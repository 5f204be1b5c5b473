using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Projections;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests.Projections;

/// <summary>What every store of projections promises. A new adapter is held to it by one class that derives from this.</summary>
public abstract class ProjectionStoreContract
{
    private static readonly ProjectionState one = new("1", 1, "a"), two = new("1", 2, "b");

    /// <summary>The same store each time.</summary>
    protected abstract IProjectionStore Open();

    [Fact]
    public async Task Chunks_and_position_are_written_together_and_read_back()
    {
        using var store = Open();
        Assert.Null(await store.StateAsync("some", default));

        Assert.True(await store.WriteAsync("some", null, one, [new("a/1", [1, 0, 255]), new("a/2", []), new("b", [9])], default));
        Assert.True(await store.WriteAsync("other", null, two, [new("a/1", [7])], default));

        Assert.Equal((one, two), (await store.StateAsync("some", default), await store.StateAsync("other", default)));
        Assert.Equal("b=09 a/1=0100FF", await ShownAsync(store.ReadAsync("some", ["b", "missing", "a/1"], default)));
        Assert.Equal("a/1=0100FF a/2=", await ShownAsync(store.ReadRangeAsync("some", "a/", "a0", default)));
        Assert.Equal([("other", 2L, 1L, 1L), ("some", 1L, 3L, 4L)], (await store.ListAsync(default)).Select(size => (size.Name, size.State.Position, size.Chunks, size.Bytes)));
        Assert.Equal([("other", two), ("some", one)], await store.NamesAsync("", default));
        Assert.Equal([("some", one)], await store.NamesAsync("so", default));
    }

    [Fact]
    public async Task A_chunk_is_replaced_or_goes()
    {
        using var store = Open();
        await store.WriteAsync("some", null, one, [new("a", [1]), new("b", [1])], default);
        await store.WriteAsync("some", one, two, [new("a", [2]), new("b", null), new("never", null)], default);

        Assert.Equal("a=02", await ShownAsync(store.ReadRangeAsync("some", "", "z", default)));
    }

    [Fact]
    public async Task Chunks_can_be_written_where_it_stands_without_moving_it()
    {
        using var store = Open();
        await store.WriteAsync("some", null, one, [new("a", [1])], default);

        Assert.True(await store.WriteAsync("some", one, one, [new("b", [2])], default));
        Assert.False(await store.WriteAsync("some", two, two, [new("c", [3])], default));

        Assert.Equal((one, "a=01 b=02"), (await store.StateAsync("some", default), await ShownAsync(store.ReadRangeAsync("some", "", "z", default))));
    }

    [Fact]
    public async Task Who_does_not_know_where_it_stands_writes_nothing()
    {
        using var store = Open();
        using var another = Open();
        await store.WriteAsync("some", null, one, [new("a", [1])], default);

        Assert.False(await another.WriteAsync("some", null, two, [new("a", [2])], default));
        Assert.False(await another.WriteAsync("some", two, two with { Position = 3 }, [new("a", [2])], default));
        Assert.False(await another.WriteAsync("some", one with { Hash = "other" }, two, [new("a", [2])], default));

        Assert.Equal((one, "a=01"), (await store.StateAsync("some", default), await ShownAsync(store.ReadRangeAsync("some", "", "z", default))));
    }

    [Fact]
    public async Task Of_two_that_begin_at_once_one_writes()
    {
        using var store = Open();
        using var another = Open();

        var wins = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => (i % 2 == 0 ? store : another).WriteAsync("some", null, one, [new($"{i}", [1])], default))));

        Assert.Single(wins, won => won);
        Assert.Single((await ShownAsync(store.ReadRangeAsync("some", "", "z", default))).Split(' '));
    }

    [Fact]
    public async Task What_is_dropped_is_gone_however_much_and_the_rest_stays()
    {
        using var store = Open();
        await store.WriteAsync("some", null, one, [.. Enumerable.Range(0, 4500).Select(i => new ProjectionChunk($"{i}", [1]))], default);
        await store.WriteAsync("other", null, one, [new("a", [1])], default);

        await store.DropAsync("some", default);

        Assert.Null(await store.StateAsync("some", default));
        Assert.Equal("", await ShownAsync(store.ReadRangeAsync("some", "", "z", default)));
        Assert.Equal("a=01", await ShownAsync(store.ReadRangeAsync("other", "", "z", default)));
        Assert.True(await store.WriteAsync("some", null, two, [], default));
    }

    [Fact]
    public async Task What_does_not_fit_the_log_or_this_version_begins_anew_and_says_why()
    {
        using var store = Open();
        var log = new InMemoryEventLog();
        await log.AppendAsync("s", -1, [new(EventId.From("1"), "t", Some.Time, "me", null, [1]), new(EventId.From("2"), "t", Some.Time, "me", null, [2])], default);
        var hashes = await ListAsync(log);
        var said = new List<string>();

        async Task<long> OpenedAsync(ProjectionState state, IEventLog? other = null)
        {
            await store.DropAsync("some", default);
            await store.WriteAsync("some", null, state, [new("a", [1])], default);
            return await new Projection(store, "some", "1", said.Add).OpenAsync(other ?? log, default);
        }

        Assert.Equal((2, 0), (await OpenedAsync(new("1", 2, hashes[1])), said.Count));
        Assert.Equal(0, await OpenedAsync(new("0", 2, hashes[1])));
        Assert.Contains("another version (0; this build writes 1)", said[^1], StringComparison.Ordinal);
        Assert.Equal(0, await OpenedAsync(new("1", 3, hashes[1])));
        Assert.Contains("shortened", said[^1], StringComparison.Ordinal);
        Assert.Equal(0, await OpenedAsync(new("1", 2, hashes[0])));
        Assert.Contains("rewritten", said[^1], StringComparison.Ordinal);
        Assert.Null(await store.StateAsync("some", default));
    }

    [Fact]
    public async Task Damaged_chunks_and_chunks_of_another_place_are_refused()
    {
        using var store = Open();
        var projection = new Projection(store, "some", "1", _ => { });
        byte[] large = [.. Enumerable.Range(0, 40_000).Select(i => (byte)(i % 7))];
        Assert.True(await projection.WriteAsync(1, "a", [new("small", [1, 2, 3]), new("large", large)], default));
        Assert.Equal((byte[])[1, 2, 3], await projection.ReadAsync("small", default));
        Assert.Equal(large, await projection.ReadAsync("large", default));
        var state = await store.StateAsync("some", default);
        var stored = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        await foreach (var (key, data) in store.ReadAsync("some", ["small", "large"], default)) stored[key] = data;
        Assert.InRange(stored["large"].Length, 33, 1000);

        foreach (var key in stored.Keys)
            for (var at = 0; at < stored[key].Length; at++)
            {
                byte[] forged = [.. stored[key]];
                forged[at] ^= 0x10;
                await store.WriteAsync("some", state, state!, [new(key, forged)], default);
                // A bit that packing does not use may change: what is read is right or refused.
                var read = await Record.ExceptionAsync(async () => Assert.Equal(key == "large" ? large : [1, 2, 3], await projection.ReadAsync(key, default)));
                Assert.True(read is Analysis.Activations.MalformedException || read is null && key == "large" && at > 33, $"byte {at} of {key}: {read}");
            }
        await store.WriteAsync("some", state, state!, [new("large", stored["small"]), new("small", [])], default);
        await Assert.ThrowsAsync<Analysis.Activations.MalformedException>(() => projection.ReadAsync("large", default));
        await Assert.ThrowsAsync<Analysis.Activations.MalformedException>(() => projection.ReadAsync("small", default));
    }

    private static async Task<string[]> ListAsync(IEventLog log)
    {
        var hashes = new List<string>();
        await foreach (var stored in log.ReadAllAsync(0, default)) hashes.Add(stored.Hash);
        return [.. hashes];
    }

    private static async Task<string> ShownAsync(IAsyncEnumerable<(string Key, byte[] Data)> chunks)
    {
        var shown = new List<string>();
        await foreach (var (key, data) in chunks) shown.Add($"{key}={Convert.ToHexString(data)}");
        return string.Join(' ', shown);
    }
}

public sealed class InMemoryProjectionsTests : ProjectionStoreContract, IDisposable
{
    private readonly InMemoryProjections store = new();

    protected override IProjectionStore Open() => store;

    public void Dispose() => store.Dispose();
}

public sealed class SqliteProjectionsTests : ProjectionStoreContract, IDisposable
{
    private readonly TempFolder folder = new();

    protected override IProjectionStore Open() => ProjectionAddress.Open(null, $"sqlite:{folder.File("log.db")}");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task It_lives_in_the_file_of_the_log_and_either_opens_it_first()
    {
        using (var store = Open()) await store.WriteAsync("some", null, new("1", 1, "a"), [new("a", [1])], default);
        using var log = EventLogAddress.Open($"sqlite:{folder.File("log.db")}", TimeProvider.System);
        await log.Log.AppendAsync("s", -1, [new(EventId.From("1"), "t", Some.Time, "me", null, [1])], default);
        using var again = Open();

        Assert.Single(await again.ListAsync(default));
    }

    [Theory]
    [InlineData(null, "esdb://host", "Use projections: sqlite:PATH")]
    [InlineData("nonsense", "memory:", "projections is 'nonsense'. Use sqlite:PATH")]
    [InlineData("sqlite:/nowhere/at/all/p.db", "memory:", "projections is sqlite:/nowhere/at/all/p.db, but the folder /nowhere/at/all does not exist")]
    public void An_address_that_cannot_hold_projections_is_refused_with_what_to_write(string? projections, string log, string said) =>
        Assert.Contains(said, ProjectionAddress.Problem(projections, log), StringComparison.Ordinal);

    [Fact]
    public void A_store_that_cannot_be_opened_says_why_and_what_to_do_without_its_password()
    {
        var junk = $"sqlite:{folder.Write("junk.db", new string('x', 5000))}";
        var away = $"postgres://someone:secret@127.0.0.1:{Loopback.FreePort()}/none";

        var notOurs = Assert.Throws<IOException>(() => ProjectionAddress.Open(junk, "memory:")).Message;
        var notThere = Assert.Throws<IOException>(() => ProjectionAddress.Open(away, "memory:")).Message;

        Assert.Equal($"The projections in {junk} cannot be opened: SQLite Error 26: 'file is not a database'. Name a file that this user can write and that no other program has made.", notOurs);
        Assert.EndsWith("Does the server run, is the database there, and may the user create a schema in it? projections: sqlite:PATH keeps them in a file of this machine.", notThere, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", notThere, StringComparison.Ordinal);
    }
}

public sealed class PostgresProjectionsTests : ProjectionStoreContract, IClassFixture<RealPostgres>
{
    private readonly Lazy<string> address;

    public PostgresProjectionsTests(RealPostgres postgres)
    {
        Assert.SkipWhen(postgres.Absent is not null, postgres.Absent ?? "");
        address = new(postgres.NewDatabase);
    }

    protected override IProjectionStore Open() => ProjectionAddress.Open(null, address.Value);
}

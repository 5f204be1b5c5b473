using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Faults;

namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>Daemons, their broker, their store and a clock, from the first message to rest. The same seed gives the same run.</summary>
internal sealed class SimulatedWorld
{
    /// <summary>Many times what the longest seeds take.</summary>
    private const int StepsMaximum = 200_000;
    private static readonly TimeSpan look = TimeSpan.FromSeconds(5), session = TimeSpan.FromSeconds(8);

    /// <summary>Behind this whatever was on its way when something last happened has happened too.</summary>
    private static readonly TimeSpan rest = Fate.SlowestThere + TimeSpan.FromSeconds(5);

    private readonly List<StoredEvent> events = [];
    private readonly List<SimulatedDaemon> daemons = [];
    private readonly Queue<string> said = new();
    private int started, expectedDaemons, storeAway, lettersAway;
    private long movedLast;
    private bool over;
    private SimulatedDaemon? leaseOf;
    private Action? leaseLost;

    public SimulatedWorld(Fate fate, SimulatedTraffic traffic)
    {
        (Fate, Traffic, Time) = (fate, traffic, new());
        Broker = new(this);
        expectedDaemons = fate.Daemons;
    }

    public Fate Fate { get; }
    public SimulatedTraffic Traffic { get; }
    public Analysis.Catalog Catalog { get; } = SimulatedTraffic.NewCatalog();
    public VirtualTime Time { get; }
    public InMemoryEventLog Log { get; } = new();
    public SimulatedBroker Broker { get; }
    public List<long> Sent { get; } = [];
    public List<(int Partition, long Offset)> Letters { get; } = [];
    public bool StoreIsAway => storeAway > 0;
    public bool LettersAreAway => lettersAway > 0;

    /// <summary>How often a daemon met another's windows on a partition of its own, and gave it up.</summary>
    public int StoodDown { get; set; }
    public int TakenForDead { get; private set; }

    /// <summary>The last things that happened, for a person.</summary>
    public int TraceMaximum { get; init; }
    public IEnumerable<string> Trace => said;

    public void Say(string what)
    {
        if (TraceMaximum == 0) return;
        if (said.Count == TraceMaximum) said.Dequeue();
        said.Enqueue($"{TimeSpan.FromTicks(Time.Now).TotalSeconds,9:0.000} {what}");
    }

    public void Run()
    {
        Time.Begin();
        // With one daemon the other versions may come at once: it waits for its own partitions.
        for (var partition = 0; partition < Broker.Ends.Length; partition++) Broker.Ends[partition] = Fate.Daemons == 1 ? Traffic.Partitions[partition].Count : Traffic.BaseEnds[partition];
        for (var daemon = 0; daemon < Fate.Daemons; daemon++) Time.After(Fate.Between(0, 2), Start);
        Schedule(Fate.StoreOutages, () =>
        {
            storeAway++;
            LoseLease();
            Say("the store is away");
            Time.After(Fate.Between(1, 150), () => storeAway--);
        });
        Schedule(Fate.LetterOutages, () =>
        {
            lettersAway++;
            Say("the dead letters are away");
            Time.After(Fate.Between(1, 60), () => lettersAway--);
        });
        Schedule(Fate.Zombies, () =>
        {
            if (Broker.AnyMember() is not { } member) return;
            TakenForDead++;
            member.CutOff();
            Broker.TakeForDead(member);
        });
        Schedule(Fate.Rescales, () =>
        {
            if (Fate.OneIn(2) && daemons.Find(daemon => daemon.Alive) is { } leaving)
            {
                Say($"daemon {leaving.Number} is asked to stop");
                leaving.Stop();
            }
            else
            {
                expectedDaemons++;
                Start();
            }
        });
        Time.After(look, Look);
        for (var steps = 0; !over; steps++)
        {
            if (steps == StepsMaximum || !Time.Step()) throw new InvalidOperationException($"the world does not come to rest: {events.Count} events, {daemons.Count} of {expectedDaemons} daemons, {(Broker.AllRead ? "all read" : "not all read")}, {string.Join("; ", daemons.Select(daemon => daemon.Progress.Away).OfType<Outage>())}");
            Bury();
        }
        foreach (var daemon in daemons.Where(daemon => daemon.Alive)) daemon.Dispose();
    }

    /// <summary>It died; the group finds out when a session is over, and a new process starts.</summary>
    public void Crashed(SimulatedDaemon daemon)
    {
        Say($"daemon {daemon.Number} dies");
        End(daemon, unheard: true);
    }

    public IReadOnlyList<StoredEvent> Events(long afterPosition, int maximum) => [.. events.Skip((int)afterPosition).Take(maximum)];

    /// <summary>Something outside was asked for more than to be read.</summary>
    public void Moved(string what)
    {
        movedLast = Time.Now;
        Say(what);
    }

    /// <summary>Something was appended, or was there already.</summary>
    public void Stored()
    {
        // The log in memory answers at once, so this enumeration is over when it returns.
        var reading = Log.ReadAllAsync(events.Count, default).GetAsyncEnumerator();
        while (reading.MoveNextAsync().AsTask().GetAwaiter().GetResult())
        {
            events.Add(reading.Current);
            if (reading.Current.Type == "baseline-frozen")
                for (var partition = 0; partition < Broker.Ends.Length; partition++) Broker.Ends[partition] = Traffic.Partitions[partition].Count;
        }
    }

    /// <summary>Each stream with its revisions and hashes. Between streams two partitions fix no order.</summary>
    public IReadOnlyList<string> Content() => [.. events.Select(stored => $"{stored.Stream} {stored.Revision:00000} {stored.Type} {stored.Hash}").Order(StringComparer.Ordinal)];

    /// <summary>What is not as it must be, as sentences.</summary>
    public IEnumerable<string> Wrongs()
    {
        var (content, expected) = (Content(), Traffic.Expected);
        if (!content.SequenceEqual(expected, StringComparer.Ordinal))
        {
            yield return $"the log differs: it has {content.Count} events, the undisturbed one {expected.Count}";
            foreach (var missing in expected.Except(content, StringComparer.Ordinal).Take(3)) yield return $"  missing {missing}";
            foreach (var other in content.Except(expected, StringComparer.Ordinal).Take(3)) yield return $"  instead {other}";
        }
        if (!Traffic.Garbage.IsSubsetOf(Letters)) yield return $"refused messages that are not with the dead letters: {string.Join(", ", Traffic.Garbage.Except(Letters))}";
        var alerts = News().ToArray();
        if (!Sent.Distinct().SequenceEqual(alerts)) yield return $"alerts were sent as {string.Join(" ", Sent)}; the log has {string.Join(" ", alerts)}";
        if (Fate.NeverTwoOwners && StoodDown > 0) yield return "the only daemon took itself for another";
    }

    /// <summary>The one lease of this world, for the publishers.</summary>
    /// <returns>Null: another daemon has it.</returns>
    public CancellationTokenSource? TakeLease(SimulatedDaemon daemon)
    {
        // A connection does not outlive its process.
        if (!daemon.Alive || (leaseOf is not null && leaseOf != daemon)) return null;
        var lost = new CancellationTokenSource();
        (leaseOf, leaseLost) = (daemon, () => daemon.Time.Cancel(lost));
        return lost;
    }

    public void FreeLease(SimulatedDaemon daemon) => leaseOf = leaseOf == daemon ? null : leaseOf;

    private void LoseLease()
    {
        if (leaseOf is { Alive: true }) leaseLost?.Invoke();
        leaseOf = null;
    }

    /// <summary>What people must hear of, by its place in the log.</summary>
    private IEnumerable<long> News()
    {
        var groups = AlertGroups.Empty;
        foreach (var stored in events)
        {
            var fact = EventJson.Read(stored.Data);
            if (!AlertGroups.IsAlertFact(fact)) continue;
            (groups, var grouped) = groups.Evolve(fact, stored.Position);
            if (AlertGroups.IsNews(fact, grouped)) yield return stored.Position;
        }
    }

    private void Start()
    {
        if (over) return;
        var daemon = new SimulatedDaemon(this, started++);
        daemons.Add(daemon);
        Say($"daemon {daemon.Number} starts");
        daemon.Start();
    }

    private void Schedule(int times, Action act)
    {
        for (var i = 0; i < times; i++) Time.After(Fate.Between(0, 12), act);
    }

    private void Bury()
    {
        foreach (var daemon in daemons.ToArray())
        {
            if (daemon.Ended() is not { } why) continue;
            if (why is not OperationCanceledException) throw new InvalidOperationException($"daemon {daemon.Number} ended: {why.Message}", why);
            Say($"daemon {daemon.Number} ends: {why.Message}");
            End(daemon, unheard: false);
        }
    }

    private void End(SimulatedDaemon daemon, bool unheard)
    {
        daemon.Dispose();
        daemons.Remove(daemon);
        // The connection that holds the lease ends with the process.
        if (leaseOf == daemon) Time.After(Fate.Between(0, 3), () => leaseOf = leaseOf == daemon ? null : leaseOf);
        if (unheard && !daemon.Consumer.Left) Time.After(session, () => Broker.Remove(daemon.Consumer));
        Time.After(Fate.Between(0.5, 12), Start);
    }

    private void Look()
    {
        if (daemons.Find(daemon => daemon.Progress.IsStuck) is { } stuck) throw new InvalidOperationException($"daemon {stuck.Number} is stuck");
        var quiet = TimeSpan.FromTicks(Time.Now - movedLast) > rest && !StoreIsAway && !LettersAreAway && daemons.Count == expectedDaemons && Broker.AllRead && daemons.TrueForAll(daemon => daemon.Progress.Away is null);
        if (quiet && Sent.Count > 0 && Sent.Max() == News().Last()) over = true;
        Time.After(look, Look);
    }
}

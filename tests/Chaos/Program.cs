using System.Diagnostics;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Chaos;
using DriftWatch.Support;

if (ChaosOptions.Parse(args) is not { } options)
{
    Console.Error.WriteLine(ChaosOptions.Usage);
    return 2;
}
using var postgres = new RealPostgres();
if (KafkaBroker.FindJars() is not { } jars)
{
    Console.Error.WriteLine("No Apache Kafka: set KAFKA_HOME to a distribution (with its libs folder), or put one into ../shared/kafka/lib.");
    return 2;
}
if (postgres.Absent is { } absent)
{
    Console.Error.WriteLine($"No PostgreSQL: {absent}.");
    return 2;
}
if (!File.Exists(options.Daemon))
{
    Console.Error.WriteLine($"{options.Daemon} does not exist. 'make build' makes it.");
    return 2;
}

const int MessagesMinimum = 1500;
var folder = new TempFolder();
using var gone = options.Keep ? null : folder;
Console.Error.WriteLine($"seed {options.Seed}, {options.Kills} kills, {options.Partitions} partitions, {options.Rate} messages/s; output in {folder.Path}");
World.Write(folder);
await using var kafka = await KafkaBroker.StartAsync(folder.File("kafka"), jars);
await kafka.CreateTopicAsync(World.Topic, options.Partitions);
foreach (var topic in new[] { World.Rejected, World.Alerts, "quiet.rejected", "quiet.alerts" }) await kafka.CreateTopicAsync(topic, 1);
var store = new Uri(postgres.NewDatabase());
await using var storeWire = new SlowWire(store.Port);
var storeAddress = $"{store.Scheme}://{store.UserInfo}@{store.Host}:{storeWire.Port}{store.AbsolutePath}";

// Two have names that they keep over a restart, as a StatefulSet's pods do; the third and the fourth, which comes and goes, are new members each time.
var replicas = new[] { "one", "two", "three", "four" }
    .Select((name, number) => new Replica(name, options.Daemon, World.Configuration(folder, name, storeAddress, kafka.BootstrapServers, number < 2 ? name : null, World.Topic), folder.File($"{name}.log")))
    .ToArray();
var quietLog = $"sqlite:{folder.File("quiet.db")}";
var quiet = new Replica("quiet", options.Daemon, World.Configuration(folder, "quiet", quietLog, kafka.BootstrapServers, null, "quiet"), folder.File("quiet.log"));
try
{
    var began = Stopwatch.GetTimestamp();
    foreach (var replica in replicas.Take(3)) await replica.StartAsync();
    var world = new World(options.Seed, options.Partitions);
    var sender = new Sender(kafka.BootstrapServers, world, options.Rate);
    await sender.LearnAsync();
    await UntilAsync(() => Count("baseline-frozen") > 0, TimeSpan.FromMinutes(2), "no baseline was frozen");

    using var enough = new CancellationTokenSource();
    var pulse = new Pulse(() => (long)postgres.Sql(Database(), "SELECT position FROM driftwatch.head")!);
    var (sending, feeling) = (sender.SendAsync(MessagesMinimum, enough.Token), pulse.FeelAsync(enough.Token));
    var disturbances = new Disturbances(options, replicas, kafka, postgres, storeWire);
    await disturbances.RunAsync();
    await enough.CancelAsync();
    await sending;
    await feeling;
    var disturbedFor = Stopwatch.GetElapsedTime(began);

    Console.Error.WriteLine("calm: the undisturbed run over the same topic, and the replicas come to the end");
    await quiet.StartAsync();
    var sent = TopicContent.Messages(kafka.BootstrapServers);
    // One that never comes to its end is for the table to show.
    var undisturbed = await AtEndAsync(quietLog, sent);
    var log = await AtEndAsync(store.OriginalString, sent);
    await SettledAsync(() => TopicContent.CloudEvents(kafka.BootstrapServers).Count, TimeSpan.FromMinutes(2));
    foreach (var replica in replicas) await replica.StopAsync();

    // What they say last.
    var ends = replicas.SelectMany(replica => File.ReadLines(folder.File($"{replica.Name}.log"))).Where(line => line.StartsWith("Failed: ", StringComparison.Ordinal)).ToArray();
    var known = ends.Count(HasReason);
    var ended = replicas.Sum(replica => replica.EndedByItself.Count);
    Line[] table =
    [
        .. disturbances.Done.Select(entry => new Line(entry.Key, $"{entry.Value}")),
        new("daemons that ended by themselves", $"{ended}", ended > known ? $"{ended - known} without a reason to: {ends.FirstOrDefault(line => !HasReason(line)) ?? "see their output"}" : null),
        new("partitions given up by a daemon", $"{replicas.Sum(replica => File.ReadLines(folder.File($"{replica.Name}.log")).Count(line => line.Contains("is given up", StringComparison.Ordinal)))}"),
        .. Accounts.OfMessages(sent, log),
        .. Accounts.OfContent(log, undisturbed),
        .. Accounts.OfAlerts(log, undisturbed, TopicContent.CloudEvents(kafka.BootstrapServers)),
        Accounts.OfDeadLetters(sent, TopicContent.DeadLetters(kafka.BootstrapServers)),
        new("longest pause of the record", $"{pulse.Longest.TotalSeconds:0.0} s of {disturbedFor.TotalSeconds:0} s"),
    ];
    foreach (var line in table) Console.WriteLine($"{line.What,-58} {line.Value,-44} {(line.Wrong is null ? "" : $"WRONG: {line.Wrong}")}");
    var wrong = table.Count(line => line.Wrong is not null);
    Console.WriteLine(wrong == 0 ? "All as it should be." : $"{wrong} lines are not as they should be; make chaos ARGS=\"--seed {options.Seed} --kills {options.Kills} --keep\" begins the same way.");
    return wrong == 0 ? 0 : 1;
}
finally
{
    foreach (var replica in replicas) await replica.DisposeAsync();
    await quiet.DisposeAsync();
}

string Database() => store.AbsolutePath[1..];

// An orchestrator starts them again after these: the store (of the log and the projections) was away when they started; Kafka, which was killed while a static member joined, takes it for two.
static bool HasReason(string line) => line.Contains("cannot be opened", StringComparison.Ordinal) || line.Contains("group.instance.id", StringComparison.Ordinal);

long Count(string type) => postgres.Sql(Database(), "SELECT to_regclass('driftwatch.events')::text") is null or DBNull ? 0 : (long)postgres.Sql(Database(), $"SELECT count(*) FROM driftwatch.events WHERE type = '{type}'")!;

static async Task<IReadOnlyList<StoredEvent>> Read(string address)
{
    using var opened = EventLogAddress.Open(address, TimeProvider.System);
    var all = new List<StoredEvent>();
    await foreach (var stored in opened.Log.ReadAllAsync(0, CancellationToken.None)) all.Add(stored);
    return all;
}

static async Task<IReadOnlyList<StoredEvent>> AtEndAsync(string address, IReadOnlyList<SentMessage> sent)
{
    for (var began = Stopwatch.GetTimestamp(); ; await Task.Delay(2000))
        if (await Read(address) is var log && (Accounts.AreComplete(sent, log) || Stopwatch.GetElapsedTime(began) > TimeSpan.FromMinutes(10))) return log;
}

static async Task UntilAsync(Func<bool> holds, TimeSpan patience, string otherwise)
{
    for (var began = Stopwatch.GetTimestamp(); !holds(); await Task.Delay(200))
        if (Stopwatch.GetElapsedTime(began) > patience) throw new InvalidOperationException(otherwise);
}

/// Waits until it has not grown for a while: the sessions of the last who were killed run out, what is left to read is read.
static async Task SettledAsync(Func<int> count, TimeSpan patience)
{
    var (last, since) = (-1, Stopwatch.GetTimestamp());
    for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(15); await Task.Delay(1000))
    {
        if (count() is var now && now != last) (last, since) = (now, Stopwatch.GetTimestamp());
        if (Stopwatch.GetElapsedTime(began) > patience) throw new InvalidOperationException("it does not come to rest");
    }
}

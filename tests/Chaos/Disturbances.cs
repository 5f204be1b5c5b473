using DriftWatch.Support;

namespace DriftWatch.Chaos;

/// <summary>What goes wrong, in an order that the seed decides, until there were enough kills.</summary>
internal sealed class Disturbances(ChaosOptions options, IReadOnlyList<Replica> replicas, KafkaBroker kafka, RealPostgres postgres, SlowWire storeWire)
{
    private readonly Random random = new(options.Seed);
    private readonly List<Task> lasting = [];

    public SortedDictionary<string, int> Done { get; } = new(StringComparer.Ordinal);

    public async Task RunAsync()
    {
        for (var kills = 0; kills < options.Kills;)
        {
            await Task.Delay(random.Next(500, 4000));
            var (running, idle) = (replicas.Where(replica => replica.Runs).ToArray(), replicas.Where(replica => !replica.Runs).ToArray());
            switch (random.Next(20))
            {
                case 0:
                    Did("Kafka killed (-9) and started");
                    await kafka.KillAsync();
                    await Task.Delay(random.Next(4000));
                    await kafka.StartAsync();
                    break;
                case 1:
                    Did("PostgreSQL stopped (immediate) and started");
                    postgres.Stop("immediate");
                    await Task.Delay(random.Next(4000));
                    postgres.Start();
                    break;
                case 2 when running.Length > 0:
                    Did("daemon asleep for longer than its session (SIGSTOP)");
                    lasting.Add(running[random.Next(running.Length)].SleepAsync(TimeSpan.FromSeconds(random.Next(8, 16))));
                    break;
                case 3 when running.Length > 2:
                    Did("scaled down (SIGTERM)");
                    lasting.Add(running[random.Next(running.Length)].StopAsync());
                    break;
                case 4:
                    Did("network to the store slow");
                    lasting.Add(SlowAsync(storeWire, random.Next(50, 400), random.Next(3000, 8000)));
                    break;
                case 5:
                    Did("network to Kafka slow");
                    lasting.Add(SlowAsync(kafka.Wire, random.Next(50, 400), random.Next(3000, 8000)));
                    break;
                default:
                    // Scaled up again when it was scaled down; a fourth joins now and then.
                    if (idle.Length > 0 && random.Next(4) == 0)
                    {
                        Did("scaled up");
                        await idle[random.Next(idle.Length)].StartAsync();
                    }
                    if (running.Length == 0) break;
                    Did("daemon killed (-9)");
                    if (++kills % 10 == 0) Console.Error.WriteLine($"{kills} of {options.Kills} kills");
                    lasting.Add(running[random.Next(running.Length)].KillAsync(TimeSpan.FromMilliseconds(random.Next(3000))));
                    break;
            }
        }
        await Task.WhenAll(lasting);
        foreach (var replica in replicas) await replica.StartAsync();
    }

    private static async Task SlowAsync(SlowWire wire, int milliseconds, int duration)
    {
        wire.Delay = TimeSpan.FromMilliseconds(milliseconds);
        await Task.Delay(duration);
        wire.Delay = TimeSpan.Zero;
    }

    private void Did(string what) => Done[what] = Done.GetValueOrDefault(what) + 1;
}

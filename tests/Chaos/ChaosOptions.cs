using System.Globalization;

namespace DriftWatch.Chaos;

/// <summary>What a run does. The same seed gives the same messages and the same order of disturbances; when they strike depends on the machine.</summary>
/// <param name="Kills">Of a daemon, with SIGKILL.</param>
/// <param name="Rate">Messages a second.</param>
/// <param name="Daemon">The program.</param>
/// <param name="Keep">Leaves the folder with the daemons' output and the store.</param>
internal sealed record ChaosOptions(int Kills, int Seed, int Rate, int Partitions, string Daemon, bool Keep)
{
    public const string Usage = """
        usage: make chaos ARGS="[--kills N] [--seed N] [--rate MESSAGES_A_SECOND] [--partitions N] [--daemon PROGRAM] [--keep]"
        Three daemons on Apache Kafka (KAFKA_HOME, or ../shared/kafka) and PostgreSQL, killed, stopped and cut off while messages are sent; then every message is accounted for. Exit code 1 if one is not.
        """;

    /// <returns>Null: not understood.</returns>
    public static ChaosOptions? Parse(ReadOnlySpan<string> args)
    {
        var options = new ChaosOptions(Kills: 20, Seed: 1, Rate: 40, Partitions: 6, Path.GetFullPath("artifacts/driftwatch"), Keep: false);
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--keep")
            {
                options = options with { Keep = true };
                continue;
            }
            if (i + 1 == args.Length) return null;
            var (name, value) = (args[i], args[++i]);
            if (name == "--daemon") options = options with { Daemon = Path.GetFullPath(value) };
            else if (!int.TryParse(value, CultureInfo.InvariantCulture, out var number) || number < (name == "--seed" ? 0 : 1)) return null;
            else if (name == "--kills") options = options with { Kills = number };
            else if (name == "--seed") options = options with { Seed = number };
            else if (name == "--rate") options = options with { Rate = number };
            else if (name == "--partitions") options = options with { Partitions = number };
            else return null;
        }
        return options;
    }
}

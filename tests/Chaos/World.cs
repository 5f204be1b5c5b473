using System.Globalization;
using DriftWatch.Analysis.Activations;
using DriftWatch.Support;

namespace DriftWatch.Chaos;

/// <summary>A dictionary of 32 features in 8 dimensions and versions of one model: some on one partition, some spread over all, two of which go wrong now and then.</summary>
internal sealed class World(int seed, int partitions)
{
    public const string Topic = "acts", Rejected = "acts.rejected", Alerts = "acts.alerts";
    public const int RowsPerMessage = Sequences * RowsEach, WindowRows = 200;
    private const int Width = 8, Sequences = 5, RowsEach = 8, BaselineRows = 2000;
    private static readonly DateTimeOffset start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>In ten messages. Those that are spread have no partition of their own.</summary>
    private static readonly (string Version, int? Home, int BadFor)[] round =
    [
        ("base", 0, 0), ("steady-a", 1, 0), ("steady-b", 2, 0), ("bad", 3, 90), ("spread", null, 0), ("spread", null, 0),
        ("spread-bad", null, 150), ("spread-bad", null, 150), ("spread-bad", null, 150), ("spread-bad", null, 150),
    ];

    private readonly Random random = new(seed);
    private readonly Dictionary<string, int> sent = new(StringComparer.Ordinal);
    private int number;

    /// <summary>Messages of the approved version that its baseline needs, and some.</summary>
    public IEnumerable<(int Partition, byte[] Value)> Learning() => Enumerable.Range(0, BaselineRows / RowsPerMessage + 10).Select(_ => (0, Message("base", isBad: false)));

    public (int Partition, byte[] Value) Next()
    {
        if (random.Next(20) == 0) return (random.Next(partitions), [.. Message("base", isBad: false).AsSpan(0, 60)]);
        var (version, home, badFor) = round[random.Next(round.Length)];
        var nth = sent[version] = sent.GetValueOrDefault(version) + 1;
        return (home % partitions ?? nth % partitions, Message(version, badFor > 0 && nth / badFor % 2 == 1));
    }

    /// <summary>Dictionary and catalog; a configuration for each role.</summary>
    public static void Write(TempFolder folder)
    {
        SaeFolder.Write(folder, "sae", Some.Dictionary(Width, 32));
    }

    public static string Configuration(TempFolder folder, string name, string log, string servers, string? instance, string topicPrefix) => folder.Write($"{name}.yaml", $$"""
        spaces:
          - { id: chaos/v1, sae: sae }
        models:
          - { model: {{Some.Model}}, hook: {{Some.Hook}}, space: chaos/v1, baseline: { version: base, rows: {{BaselineRows}} } }
        hazards:
          - { id: odd, severity: critical, summary: a feature that the approved version does not have, when: { feature: 6, rateAbove: 0.02 }, minimumSequences: 10, for: 2 }
        windows: { rows: {{WindowRows}}, length: 01:00:00 }
        detection: { sequencesMinimum: 10 }
        threads: 1
        log: {{log}}
        http: { listen: off }
        kafka:
          topic: {{Topic}}
          group: {{topicPrefix}}
          rejectedTopic: {{topicPrefix}}.rejected
          alertsTopic: {{topicPrefix}}.alerts
          settings:
            bootstrap.servers: {{servers}}
            session.timeout.ms: 6000
            heartbeat.interval.ms: 2000
            reconnect.backoff.max.ms: 2000
        {{(instance is null ? "" : $"    group.instance.id: {instance}")}}
        """);

    private byte[] Message(string version, bool isBad)
    {
        // Event time goes on by seconds, and now and then by more than a window's length.
        var at = start.AddSeconds(++number).AddHours(number / 400 * 2);
        var values = new float[RowsPerMessage * Width];
        for (var row = 0; row < RowsPerMessage; row++)
        {
            // The axes of what goes wrong are left alone otherwise.
            var axis = isBad && random.Next(3) == 0 ? 6 : random.Next(6);
            values[row * Width + axis] = 2 + random.NextSingle();
            values[row * Width + random.Next(6)] += 0.5f;
        }
        var metadata = Some.Metadata(Some.Monitor with { Version = version });
        metadata["sampled_at"] = at.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        return SafetensorsFile.Of(metadata, SomeTensor.F32("activations", [RowsPerMessage, Width], values), SomeTensor.I32("sequence_ids", [.. Enumerable.Range(0, RowsPerMessage).Select(row => row / RowsEach)]));
    }
}

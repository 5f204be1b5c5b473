using System.Globalization;
using DriftWatch.Support;

namespace DriftWatch.Benchmarks.Ingest;

/// <summary>A backlog on a real broker, read by a plain consumer and by the daemon's source and decoder in turn: what else runs on the machine meets all.</summary>
internal static class IngestBenchmark
{
    private static readonly (int Rows, int Width)[] shapes = [(512, 2304), (128, 64)];

    public static async Task<int> RunAsync(string[] args)
    {
        if (!Arguments(args, out var megabytes, out var rounds, out var flightMiB))
        {
            Console.Error.WriteLine("usage: bench ingest [MB on each topic, default 512] [rounds, default 5] [MiB in flight, default 64]");
            return 1;
        }
        using var kafka = new RealKafka();
        if (kafka.Absent is { } absent)
        {
            Console.Error.WriteLine($"bench ingest reads from a real Kafka: {absent}");
            return 1;
        }
        var servers = kafka.BootstrapServers;
        Console.WriteLine($"{Machine.Describe()}; Apache Kafka on the same machine, {megabytes} MB a topic, 4 partitions, medians of {rounds} rounds, {flightMiB} MiB in flight");
        Console.WriteLine();
        Console.WriteLine("| message | reader | MB/s | rows/s | processor ms/MB | MB/s, ratio to arrays | processor, ratio to arrays | bytes allocated a row, client included: all / second half (decoding) | in flight at most, at work / behind |");
        Console.WriteLine("|---|---|--:|--:|--:|--:|--:|--:|--:|");
        foreach (var (rows, width) in shapes) await CompareAsync(kafka, servers, new(rows, width, megabytes), rounds, flightMiB << 20);
        return 0;
    }

    private static async Task CompareAsync(RealKafka kafka, string servers, Traffic traffic, int rounds, long bytesInFlight)
    {
        kafka.CreateTopic(traffic.Topic, 4);
        await traffic.SendAsync(servers);
        List<Passage> passedBy = [], arrays = [], ours = [];
        var peak = 0L;
        bool Look(long bytes)
        {
            peak = Math.Max(peak, bytes);
            return false;
        }
        // The first round warms the broker's files and our code.
        for (var round = 0; round <= rounds; round++)
        {
            passedBy.Add(Consumers.Raw(traffic, servers, $"passed-{round}", bytesInFlight, copied: false));
            ours.Add(await Consumers.WatchAsync(traffic, servers, $"ours-{round}", bytesInFlight, Look));
            arrays.Add(Consumers.Raw(traffic, servers, $"arrays-{round}", bytesInFlight, copied: true));
        }
        var (behind, waited) = (0L, false);
        await Consumers.WatchAsync(traffic, servers, "behind", bytesInFlight, bytes =>
        {
            behind = Math.Max(behind, bytes);
            return !waited && (waited = true);
        });

        var megabytes = (double)traffic.Messages * traffic.MessageBytes / 1e6;
        var rows = (double)traffic.Messages * traffic.Rows;
        double Of(List<Passage> passages, Func<Passage, double> what) => Median.Of(passages.Skip(1).Select(what));
        void Line(string reader, List<Passage> passages, string decoding, string flight)
        {
            var (seconds, processor) = (Of(passages, passage => passage.Seconds), Of(passages, passage => passage.Processor));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {traffic.Rows} × {traffic.Width:N0} F16, {traffic.MessageBytes / 1e3:N0} kB | {reader} | {megabytes / seconds:N0} | {rows / seconds:N0} | {1e3 * processor / megabytes:0.00} | {Of(arrays, passage => passage.Seconds) / seconds:0.00} | {processor / Of(arrays, passage => passage.Processor):0.00} | {Of(passages, passage => passage.Allocated) / rows:N1} / {2 * Of(passages, passage => passage.Later) / rows:N1}{decoding} | {flight} |"));
        }
        Line("librdkafka, values passed by", passedBy, "", "");
        Line("librdkafka, values as arrays", arrays, "", "");
        Line("DriftWatch", ours, string.Create(CultureInfo.InvariantCulture, $" ({Of(ours, passage => passage.Decoding) / rows:0.0})"), string.Create(CultureInfo.InvariantCulture, $"{peak / 1048576.0:0.0} / {behind / 1048576.0:0.0} MiB"));
    }

    private static bool Arguments(string[] args, out int megabytes, out int rounds, out int flightMiB)
    {
        (megabytes, rounds, flightMiB) = (512, 5, 64);
        return args.Length <= 3
            && (args.Length < 1 || int.TryParse(args[0], CultureInfo.InvariantCulture, out megabytes)) && megabytes is > 0 and <= 16_384
            && (args.Length < 2 || int.TryParse(args[1], CultureInfo.InvariantCulture, out rounds)) && rounds is > 0 and <= 100
            && (args.Length < 3 || int.TryParse(args[2], CultureInfo.InvariantCulture, out flightMiB)) && flightMiB is > 0 and <= 1024;
    }
}

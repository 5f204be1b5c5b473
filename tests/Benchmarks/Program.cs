using DriftWatch.Benchmarks;
using DriftWatch.Benchmarks.Detect;
using DriftWatch.Benchmarks.Encode;
using DriftWatch.Benchmarks.Ingest;
using DriftWatch.Benchmarks.Soak;

switch (args)
{
    case ["encode", .. var rest]:
        return EncodeBenchmark.Run(rest);
    case ["glu", .. var rest]:
        GluBenchmark.Run(rest.Length > 0 ? int.Parse(rest[0], System.Globalization.CultureInfo.InvariantCulture) : 3);
        return 0;
    case ["windows", .. var rest]:
        WindowsBenchmark.Run(rest.Length > 0 ? int.Parse(rest[0], System.Globalization.CultureInfo.InvariantCulture) : 65_536, rest.Length > 1 ? int.Parse(rest[1], System.Globalization.CultureInfo.InvariantCulture) : 312);
        return 0;
    case ["detect", .. var rest]:
        return DetectBenchmark.Run(rest);
#if PRODUCTION
    case ["gpu", .. var rest]:
        return GpuBenchmark.Run(rest);
#else
    case ["gpu", ..]:
        Console.Error.WriteLine("this is the embedded build, which encodes on the processor. Use make bench PROFILE=production ARGS=\"gpu\"");
        return 1;
#endif
    case ["ingest", .. var rest]:
        return await IngestBenchmark.RunAsync(rest);
    case ["start", "read", var path]:
        StartBenchmark.Read(path);
        return 0;
    case ["start"]:
        return await StartBenchmark.RunAsync(2304, 16_384);
    case ["soak", .. var rest]:
        return await SoakBenchmark.RunAsync(rest);
    case ["replay", .. var rest]:
        return await ReplayBenchmark.RunAsync(rest);
    case ["history", .. var rest]:
        return await HistoryBenchmark.RunAsync(rest);
    default:
        Console.Error.WriteLine("usage: bench encode [options]; bench encode --help lists them");
        Console.Error.WriteLine("       bench glu [seconds for each measurement, default 3]");
        Console.Error.WriteLine("       bench windows [features, default 65536] [sequences of a window, default 312: 20,000 rows]");
        Console.Error.WriteLine("       bench ingest [MB on each topic, default 512] [rounds, default 5] [MiB in flight, default 64]");
        Console.Error.WriteLine("       bench start");
        Console.Error.WriteLine("       bench soak [minutes, default 60], or make soak");
        Console.Error.WriteLine("       bench replay [windows, default 300] [features, default 16384] [file to keep the made log in]");
        Console.Error.WriteLine("       bench gpu [seconds for each measurement, default 3]; bench gpu agreement SAE ACTIVATIONS [rows] (production profile)");
        Console.Error.WriteLine("       bench history [windows, default 20000] [folder to keep the made log and the projections in]");
        Console.Error.WriteLine("       bench detect [options]; bench detect --help lists them");
        return 1;
}

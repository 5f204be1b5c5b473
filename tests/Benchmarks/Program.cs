using DriftWatch.Benchmarks;
using DriftWatch.Benchmarks.Detect;

switch (args)
{
    case ["encode", .. var rest]:
        EncodeBenchmark.Run(rest);
        return 0;
    case ["detect", .. var rest]:
        return DetectBenchmark.Run(rest);
    default:
        Console.Error.WriteLine("usage: bench encode [seconds for each measurement, default 3] [Vector512 | Vector256 | portable]");
        Console.Error.WriteLine("       bench detect [options]; bench detect --help lists them");
        return 1;
}

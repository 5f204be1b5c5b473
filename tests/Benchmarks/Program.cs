using DriftWatch.Benchmarks;

switch (args)
{
    case ["encode", .. var rest]:
        EncodeBenchmark.Run(rest);
        return 0;
    default:
        Console.Error.WriteLine("usage: bench encode [seconds for each measurement, default 3] [Vector512 | Vector256 | portable]");
        return 1;
}

using System.Runtime.ExceptionServices;

namespace DriftWatch.Analysis.Encoding;

/// <summary>Many of something part by part, in order, each by the next thread that is free: so a file is read as it lies on the disk.</summary>
internal static class Parts
{
    /// <param name="take">Is given which thread it is (for what each has of its own), a part's first and how many it has.</param>
    public static void ForEach(int length, int partLength, int threads, Action<int, int, int> take)
    {
        var (parts, next) = ((int)(((long)length + partLength - 1) / partLength), -1);
        var useful = Math.Min(parts, threads);
        if (useful == 1) Run(0);
        else
            try
            {
                Parallel.For(0, useful, new() { MaxDegreeOfParallelism = threads }, Run);
            }
            catch (AggregateException error)
            {
                ExceptionDispatchInfo.Throw(error.InnerExceptions[0]);
            }

        void Run(int thread)
        {
            for (var part = Interlocked.Increment(ref next); part < parts; part = Interlocked.Increment(ref next))
                take(thread, part * partLength, Math.Min(partLength, length - part * partLength));
        }
    }

    /// <summary>Of numbers, by all processors.</summary>
    public static void OfNumbers(int length, Action<int, int> take) => ForEach(length, 1 << 20, Environment.ProcessorCount, (_, first, count) => take(first, count));
}

using System.Runtime.ExceptionServices;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>A long array part by part, in order, each by the next thread that is free: so a file is read as it lies on the disk.</summary>
internal static class Parts
{
    private const int Numbers = 1 << 20;

    /// <param name="take">Is given a part's first number, and how many it has.</param>
    public static void ForEach(int length, Action<int, int> take)
    {
        var (parts, next) = ((int)(((long)length + Numbers - 1) / Numbers), -1);
        try
        {
            Parallel.For(0, Math.Min(parts, Environment.ProcessorCount), _ =>
            {
                for (var part = Interlocked.Increment(ref next); part < parts; part = Interlocked.Increment(ref next))
                    take(part * Numbers, Math.Min(Numbers, length - part * Numbers));
            });
        }
        catch (AggregateException error)
        {
            ExceptionDispatchInfo.Throw(error.InnerExceptions[0]);
        }
    }
}

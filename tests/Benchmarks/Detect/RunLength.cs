namespace DriftWatch.Benchmarks.Detect;

/// <summary>Run times without drift: windows until the first alarm of a run, estimated from runs that end before most of them alarm.</summary>
/// <remarks>
/// Windows at risk over alarms, a run being at risk until its first alarm or its end: the maximum-likelihood mean of geometric times that are cut off, and fair to
/// contenders with a state, whose alarm goes on.
/// </remarks>
internal static class RunLength
{
    /// <param name="alarms">For each run, in order, whether a window alarms.</param>
    public static (double Windows, int Alarms) Of(IEnumerable<IEnumerable<bool>> alarms)
    {
        var (windows, stopped) = (0L, 0);
        foreach (var run in alarms)
            foreach (var alarm in run)
            {
                windows++;
                if (!alarm) continue;
                stopped++;
                break;
            }
        return (stopped == 0 ? double.PositiveInfinity : (double)windows / stopped, stopped);
    }

    /// <summary>The lowest threshold whose run time is at least as wanted, a window alarming above it.</summary>
    public static double Threshold(double[][] scores, double wanted)
    {
        // Only a run's new maxima change anything; from the largest down the run time falls.
        var candidates = scores.SelectMany(Records).Distinct().OrderDescending();
        var threshold = double.PositiveInfinity;
        foreach (var candidate in candidates)
        {
            if (Of(scores.Select(run => run.Select(score => score > candidate))).Windows < wanted) break;
            threshold = candidate;
        }
        return threshold;
    }

    private static IEnumerable<double> Records(double[] run)
    {
        var most = double.NegativeInfinity;
        foreach (var score in run)
        {
            if (score <= most) continue;
            most = score;
            yield return score;
        }
    }
}

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>One-to-one assignment of sources to targets with the largest sum of weights, on the edges of a sparse graph; a source may stay without a partner, which weighs 0.</summary>
/// <remarks>
/// Exact: shortest augmenting paths with dual prices after an augmenting row reduction (Jonker and Volgenant, A shortest augmenting path algorithm for dense and sparse linear assignment
/// problems, Computing 1987). Minimised is −weight; each source has a target of its own that costs 0, so a solution always exists, and prices of targets only fall.
/// Where every edge is there and no weight is negative it is the dense optimum. Ties go to what comes first.
/// </remarks>
public static class SparseAssignment
{
    private const int ReductionPasses = 2;

    /// <returns>Per source its target, −1 for none.</returns>
    public static int[] Maximise(CandidatePairs edges)
    {
        var solver = new Solver(edges);
        return solver.Solve();
    }

    /// <summary>S sources, T targets.</summary>
    private sealed class Solver(CandidatePairs edges)
    {
        /// <summary>The source's own target that costs nothing.</summary>
        private const int Nobody = -1, Free = -2;

        private readonly int[] targetOfS = Enumerable.Repeat(Free, edges.Sources).ToArray();
        private readonly int[] sourceOfT = Enumerable.Repeat(Free, edges.Targets).ToArray();
        private readonly double[] priceT = new double[edges.Targets];

        // One search: distance, the source that it was reached from, and whether it is final.
        private readonly double[] distanceT = new double[edges.Targets];
        private readonly int[] reachedFromT = new int[edges.Targets];
        private readonly bool[] doneT = new bool[edges.Targets];
        private readonly List<int> seen = [], done = [];
        private readonly PriorityQueue<int, (double, int)> queue = new();

        public int[] Solve()
        {
            var free = Enumerable.Range(0, edges.Sources).ToList();
            for (var pass = 0; pass < ReductionPasses; pass++) free = Reduce(free);
            foreach (var source in free) Augment(source);
            return [.. targetOfS.Select(target => Math.Max(target, Nobody))];
        }

        /// <summary>Each free source takes its cheapest target and lowers its price to where it would go elsewhere; who loses a target that way waits for the next pass.</summary>
        private List<int> Reduce(List<int> free)
        {
            var waiting = new List<int>();
            foreach (var source in free)
            {
                var (best, second, target) = (0.0, 0.0, Nobody);
                for (var at = edges.Start[source]; at < edges.Start[source + 1]; at++)
                {
                    var cost = -edges.Correlation[at] - priceT[edges.Target[at]];
                    if (cost < best) (best, second, target) = (cost, best, edges.Target[at]);
                    else if (cost < second) second = cost;
                }
                targetOfS[source] = target;
                if (target == Nobody) continue;
                priceT[target] -= second - best;
                var loser = sourceOfT[target];
                sourceOfT[target] = source;
                if (loser == Free) continue;
                targetOfS[loser] = Free;
                waiting.Add(loser);
            }
            return waiting;
        }

        /// <summary>The cheapest alternating path from a free source to a free target, or to a source that goes without.</summary>
        private void Augment(int start)
        {
            // What the path costs if it ends at its last source, which goes without; reduced by that source's own price.
            var (bestEnd, bestWithout, withoutAt) = (double.PositiveInfinity, double.PositiveInfinity, Free);
            var (source, length, end) = (start, 0.0, Free);
            while (true)
            {
                var price = PriceOf(source);
                if (length - price < bestWithout) (bestWithout, withoutAt) = (length - price, source);
                for (var at = edges.Start[source]; at < edges.Start[source + 1]; at++)
                {
                    var target = edges.Target[at];
                    if (doneT[target]) continue;
                    var distance = length - edges.Correlation[at] - price - priceT[target];
                    if (reachedFromT[target] != 0 && distance >= distanceT[target]) continue;
                    if (reachedFromT[target] == 0) seen.Add(target);
                    (distanceT[target], reachedFromT[target]) = (distance, source + 1);
                    queue.Enqueue(target, (distance, target));
                }
                var next = Next();
                if (next == Free || distanceT[next] >= bestWithout) break;
                (doneT[next], length) = (true, distanceT[next]);
                if (sourceOfT[next] == Free)
                {
                    (end, bestEnd) = (next, length);
                    break;
                }
                done.Add(next);
                source = sourceOfT[next];
            }
            var shortest = Math.Min(bestEnd, bestWithout);
            foreach (var target in done) priceT[target] += Math.Min(0, distanceT[target] - shortest);
            if (end != Free) Flip(end);
            else
            {
                // The source at the path's end gives its target back along the path and goes without.
                var given = targetOfS[withoutAt];
                targetOfS[withoutAt] = Nobody;
                if (given >= 0) Flip(given);
            }
            foreach (var target in seen) (reachedFromT[target], doneT[target]) = (0, false);
            seen.Clear();
            done.Clear();
            queue.Clear();
        }

        /// <summary>What its edge costs at the targets' prices; of a free source what its cheapest edge does.</summary>
        private double PriceOf(int source)
        {
            if (targetOfS[source] == Nobody) return 0;
            var (held, best) = (targetOfS[source], 0.0);
            for (var at = edges.Start[source]; at < edges.Start[source + 1]; at++)
            {
                var cost = -edges.Correlation[at] - priceT[edges.Target[at]];
                if (edges.Target[at] == held) return cost;
                best = Math.Min(best, cost);
            }
            return best;
        }

        private int Next()
        {
            while (queue.TryDequeue(out var target, out var priority))
                if (!doneT[target] && priority.Item1 == distanceT[target]) return target;
            return Free;
        }

        /// <summary>Gives each target of the path to the source that it was reached from.</summary>
        private void Flip(int target)
        {
            while (target >= 0)
            {
                var source = reachedFromT[target] - 1;
                sourceOfT[target] = source;
                (targetOfS[source], target) = (target, targetOfS[source]);
            }
        }
    }
}

using System.Text.Json.Nodes;
using DriftWatch.Analysis.Canonical.Fitting;

namespace DriftWatch.Analysis.Tests.Canonical.Fitting;

public sealed class SparseAssignmentTests
{
    [Fact]
    public void Where_all_edges_are_there_it_is_SciPys_assignment()
    {
        foreach (var golden in GoldenPairs.Cases("dense"))
        {
            var weights = GoldenPairs.Matrix(golden["weights"]!);

            var target = SparseAssignment.Maximise(Edges(weights));

            Assert.Equal(golden["sum"]!.GetValue<double>(), Sum(weights, target), 1e-9);
            Assert.Equal(golden["target"]!.AsArray().Select(entry => entry!.GetValue<int>()), target);
        }
    }

    [Fact]
    public void On_a_sparse_graph_the_sum_is_as_large_as_SciPys_with_zeros_for_what_is_not_there()
    {
        foreach (var golden in GoldenPairs.Cases("sparse"))
        {
            var weights = GoldenPairs.Matrix(golden["weights"]!);

            var target = SparseAssignment.Maximise(Edges(weights));

            Assert.Equal(golden["sum"]!.GetValue<double>(), Sum(weights, target), 1e-9);
            Assert.All(target.Index().Where(entry => entry.Item >= 0), entry => Assert.True(weights[entry.Index][entry.Item] > 0));
            Assert.Distinct(target.Where(t => t >= 0));
        }
    }

    [Fact]
    public void Nobody_is_forced_into_a_pair()
    {
        Assert.Equal([-1, 0, -1], SparseAssignment.Maximise(Edges([[0.4, 0], [0.9, 0], [0, 0]])));
        // Both together weigh more than the best alone.
        Assert.Equal([1, 0], SparseAssignment.Maximise(Edges([[0.9, 0.8], [0.7, 0]])));
        Assert.Equal([-1], SparseAssignment.Maximise(new([0, 0], [], [], 3)));
    }

    [Fact]
    public void No_other_assignment_of_a_random_graph_weighs_more() => Property.Holds(Property.AnySeed, tests: 500, seed =>
    {
        var random = new Random(seed);
        var weights = Enumerable.Range(0, 1 + random.Next(5)).Select(_ => new double[1 + seed % 5]).ToArray();
        // Few different weights: ties.
        foreach (var row in weights)
            for (var t = 0; t < row.Length; t++) row[t] = random.Next(3) == 0 ? 0 : random.Next(1, 5) / 4.0;

        Assert.Equal(Best(weights, 0, 0), Sum(weights, SparseAssignment.Maximise(Edges(weights))), 1e-12);
    });

    private static double Best(double[][] weights, int row, int taken)
    {
        if (row == weights.Length) return 0;
        var best = Best(weights, row + 1, taken);
        for (var t = 0; t < weights[row].Length; t++)
            if ((taken >> t & 1) == 0) best = Math.Max(best, weights[row][t] + Best(weights, row + 1, taken | 1 << t));
        return best;
    }

    private static double Sum(double[][] weights, int[] target) => target.Index().Where(entry => entry.Item >= 0).Sum(entry => weights[entry.Index][entry.Item]);

    private static CandidatePairs Edges(double[][] weights)
    {
        var (start, targets, values) = (new int[weights.Length + 1], new List<int>(), new List<double>());
        for (var s = 0; s < weights.Length; s++)
        {
            for (var t = 0; t < weights[s].Length; t++)
            {
                if (weights[s][t] <= 0) continue;
                targets.Add(t);
                values.Add(weights[s][t]);
            }
            start[s + 1] = targets.Count;
        }
        return new(start, [.. targets], [.. values], weights[0].Length);
    }
}

/// <summary>What SciPy and NumPy computed: Golden/feature_pairs.py.</summary>
internal static class GoldenPairs
{
    public static readonly JsonNode Numbers = JsonNode.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "feature_pairs.json")))!;

    public static IEnumerable<JsonNode> Cases(string name) => Numbers[name]!.AsArray().Select(entry => entry!);

    public static double[][] Matrix(JsonNode node) => [.. node.AsArray().Select(row => Vector(row!))];

    public static double[] Vector(JsonNode node) => [.. node.AsArray().Select(value => value!.GetValue<double>())];
}

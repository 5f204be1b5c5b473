using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Windows;

public sealed class DirectionFileTests
{
    [Fact]
    public void A_probe_scores_a_row_by_its_weights_and_bias()
    {
        var direction = Read(W(2, -1), B(0.5f));

        Assert.Equal(2 * 3 - 1 * 4 + 0.5, direction.Score([3, 4]), 12);
        Assert.Equal(-2.5, Read(W(2, -1)).Score([0, 2.5f]), 12);
    }

    [Fact]
    public void Rows_become_a_score_by_their_largest_their_mean_or_the_largest_mean_in_a_row()
    {
        float[] rows = [1, 5, 0, 4, 4, 1];

        Assert.Equal(5, Read([W(1)], Aggregation.Max).Score(rows));
        Assert.Equal(2.5, Read([W(1)], Aggregation.Mean).Score(rows));
        Assert.Equal(4, Read([W(1)], Aggregation.Rolling, 2).Score(rows));
        Assert.Equal(2.5, Read([W(1)], Aggregation.Rolling, 9).Score(rows));
    }

    [Fact]
    public void Other_weights_bias_or_aggregation_are_other_scores()
    {
        string[] keys =
        [
            Read(W(1, 2)).Key, Read(W(2, 1)).Key, Read(W(1, 2), B(1)).Key,
            Read([W(1, 2)], Aggregation.Mean).Key, Read([W(1, 2)], Aggregation.Rolling, 8).Key, Read([W(1, 2)], Aggregation.Rolling, 9).Key,
        ];

        Assert.Equal(keys.Length, keys.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(Read(W(1, 2)).Key, Read(W(1, 2), B(0)).Key);
        Assert.StartsWith("rolling9:", keys[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_probe_is_refused_with_what_it_holds()
    {
        Assert.Contains("lacks the tensor w [width]; it holds weights F32 [2]", Refused(("weights", "F32", [2], Some.Bytes(1, 2))), StringComparison.Ordinal);
        Assert.Contains("lacks the tensor w [width]", Refused(("w", "F32", [1, 2], Some.Bytes(1, 2))), StringComparison.Ordinal);
        Assert.Contains("should be one number", Refused(W(1, 2), ("b", "F32", [2], Some.Bytes(1, 2))), StringComparison.Ordinal);
        Assert.Contains("NaN or ∞", Refused(W(1, float.NaN)), StringComparison.Ordinal);
        Assert.Contains("all zero", Refused(W(0, 0)), StringComparison.Ordinal);
        Assert.Contains("is not F64, F32, F16 or BF16", Refused(("w", "I32", [1], Some.Bytes(1))), StringComparison.Ordinal);
        var broken = Assert.Throws<MalformedException>(() => DirectionFile.Read(new MemoryStream([1, 2]), "probe.safetensors", Aggregation.Max, 8));
        Assert.Equal("probe", broken.Reason);
    }

    private static (string, string, int[], byte[]) W(params float[] weights) => ("w", "F32", [weights.Length], Some.Bytes(weights));

    private static (string, string, int[], byte[]) B(float bias) => ("b", "F32", [], Some.Bytes(bias));

    private static Direction Read(params (string, string, int[], byte[])[] tensors) => Read(tensors, Aggregation.Max);

    private static Direction Read((string, string, int[], byte[])[] tensors, Aggregation aggregation, int rows = 8) =>
        DirectionFile.Read(new MemoryStream(Some.Safetensors(null, tensors)), "probe.safetensors", aggregation, rows);

    private static string Refused(params (string, string, int[], byte[])[] tensors) => Assert.Throws<MalformedException>(() => Read(tensors)).Message;
}

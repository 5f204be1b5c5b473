using DriftWatch.Analysis.Canonical.Fitting;

namespace DriftWatch.Analysis.Tests.Canonical.Fitting;

public sealed class SequenceSplitTests
{
    [Fact]
    public void Of_each_ten_sequences_one_is_held_out_and_not_always_the_same()
    {
        var heldOut = Enumerable.Range(0, 1000).Where(ordinal => SequenceSplit.IsHeldOut(ordinal)).ToArray();

        Assert.Equal(Enumerable.Range(0, 100), heldOut.Select(ordinal => ordinal / 10));
        for (var place = 0; place < 10; place++) Assert.InRange(heldOut.Count(ordinal => ordinal % 10 == place), 2, 25);
    }

    [Theory, InlineData(2), InlineData(5), InlineData(7)]
    public void Folds_are_of_one_size_and_have_nothing_to_do_with_who_is_held_out(int folds)
    {
        var ordinals = Enumerable.Range(0, 70 * folds * 10).Select(ordinal => (long)ordinal).ToArray();

        Assert.All(ordinals.CountBy(ordinal => SequenceSplit.FoldOf(ordinal, folds)), fold => Assert.Equal(ordinals.Length / folds, fold.Value));
        Assert.All(ordinals.Where(SequenceSplit.IsHeldOut).CountBy(ordinal => SequenceSplit.FoldOf(ordinal, folds)), fold => Assert.InRange(fold.Value, 35, 115));
    }
}

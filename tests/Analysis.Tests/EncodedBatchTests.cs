using DriftWatch.Analysis.Tests.Windows;

namespace DriftWatch.Analysis.Tests;

/// <summary>What is encoded together gives what each message by itself would have given.</summary>
public sealed class EncodedBatchTests
{
    [Fact]
    public void How_messages_are_taken_together_changes_no_window() =>
        Property.Holds(Property.ListOf(SomeStream.Message, most: 60), 300, messages =>
        {
            var stream = new SomeStream(messages);
            var alone = stream.ReadOn([]).Select(SomeStream.Shown).ToArray();

            foreach (var atATime in new[] { 1, 2, 7, 60 }) Assert.Equal(alone, stream.ReadTogether(atATime).Select(SomeStream.Shown));
        });
}

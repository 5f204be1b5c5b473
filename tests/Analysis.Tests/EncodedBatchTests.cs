using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Tests.Windows;

namespace DriftWatch.Analysis.Tests;

/// <summary>What is encoded together gives what each message by itself would have given.</summary>
public sealed class EncodedBatchTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void How_messages_are_taken_together_changes_no_window(bool rowsAreIndependent) =>
        Property.Holds(Property.ListOf(SomeStream.Message, most: 60), 300, messages =>
        {
            var stream = new SomeStream(messages, rowsAreIndependent ? null : encoder => new ByPlace(encoder));
            var alone = stream.ReadOn([]).Select(SomeStream.Shown).ToArray();

            foreach (var atATime in new[] { 1, 2, 7, 60 }) Assert.Equal(alone, stream.ReadTogether(atATime).Select(SomeStream.Shown));
        });

    /// <summary>Its values depend on where in the call a row stands, as last bits do in some products.</summary>
    private sealed class ByPlace(IEncoder encoder) : IEncoder
    {
        private readonly SparseCodes plain = new();

        public SparseAutoencoder Dictionary => encoder.Dictionary;
        public string Description => "by place";
        public bool RowsAreIndependent => false;

        public void Encode(ReadOnlySpan<float> rowsBD, SparseCodes codes)
        {
            encoder.Encode(rowsBD, plain);
            codes.Clear();
            for (var row = 0; row < plain.Rows; row++) codes.AddRow(plain.FeaturesOf(row), plain.ValuesOf(row).ToArray().Select(value => value * (1 + row / 64f)).ToArray());
        }
    }
}

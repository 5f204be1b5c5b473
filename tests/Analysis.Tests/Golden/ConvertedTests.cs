using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Tests.Golden;

/// <summary>A dictionary of any format, written as SAELens' and read back, computes the same.</summary>
public sealed class ConvertedTests
{
    /// <summary>What SAELens cannot say, and what the refusal tells.</summary>
    private static readonly Dictionary<string, string> refused = new(StringComparer.Ordinal)
    {
        ["llamascopium-topk-transcoder"] = "SAELens keeps the product as the value",
        ["llamascopium-topk-glu-token_wise"] = "an encoder with a gate",
        ["llamascopium-crosscoder-relu"] = "a crosscoder of 2 models",
        ["llamascopium-crosscoder-jumprelu"] = "a crosscoder of 2 models",
        ["llamascopium-crosscoder-topk"] = "a crosscoder of 3 models",
        ["sparsify-groupmax"] = "GroupMax: SAELens has standard, topk",
        ["sparsify-transcoder-skip"] = "TopK as a transcoder with a skip path",
        ["gemma_scope_2-clt"] = "no decoder that could be used alone",
        ["mntss-clt"] = "no decoder that could be used alone",
    };

    public static TheoryData<string> All => new(GoldenTests.Equal.Concat(GoldenTests.FeaturesOnly).Select(row => row.Data).ToArray());

    [Theory, MemberData(nameof(All))]
    public void Reading_back_gives_the_same_encodings(string name)
    {
        var golden = GoldenCase.Shared(name);
        var sae = golden.Dictionary();
        if (refused.TryGetValue(name, out var mentions))
        {
            var refusal = Assert.Throws<MalformedException>(() => SaeLensForm.Of(sae));
            Assert.Equal("dictionary", refusal.Reason);
            Assert.Contains(mentions, refusal.Message, StringComparison.Ordinal);
            return;
        }

        var converted = ReadBack(SaeLensForm.Of(sae));

        Assert.Equal((sae.Width, sae.OutputWidth, sae.Features, sae.Hook, sae.Transcodes), (converted.Width, converted.OutputWidth, converted.Features, converted.Hook, converted.Transcodes));
        Assert.Equal(sae.PrefixWidths, converted.PrefixWidths);
        var rows = golden.Rows("x").Where(row => RowNormalization.Of(row, sae).CanEncode).ToArray();
        var (expected, actual) = (new SparseCodes(), new SparseCodes());
        new ReferenceEncoder(sae).Encode(rows.SelectMany(row => row).ToArray(), expected);
        new ReferenceEncoder(converted).Encode(rows.SelectMany(row => row).ToArray(), actual);
        var (expectedO, actualO) = (new float[sae.OutputWidth], new float[sae.OutputWidth]);
        for (var row = 0; row < rows.Length; row++)
        {
            Assert.Equal(expected.FeaturesOf(row), actual.FeaturesOf(row));
            Close(expected.ValuesOf(row), actual.ValuesOf(row));
            new Reconstruction(sae).Decode(rows[row], expected.FeaturesOf(row), expected.ValuesOf(row), expectedO);
            new Reconstruction(converted).Decode(rows[row], actual.FeaturesOf(row), actual.ValuesOf(row), actualO);
            Close(expectedO, actualO);
        }
    }

    [Fact]
    public void A_threshold_that_decides_nothing_becomes_none()
    {
        var sae = GoldenCase.Committed("saelens-jumprelu-edge").Dictionary();

        var converted = ReadBack(SaeLensForm.Of(sae with { ThresholdF = new float[sae.Features] }));

        Assert.Equal((AutoencoderKind.Standard, "standard"), (converted.Kind, converted.Architecture));
    }

    private static SparseAutoencoder ReadBack(SaeLensForm form)
    {
        using var weights = new MemoryStream();
        SafetensorsWriter.Write(weights, form.Tensors, []);
        return DictionaryReader.Read(new MemoryFiles((SaeLensForm.ConfigurationFile, System.Text.Encoding.UTF8.GetBytes(form.Configuration)), (SaeLensForm.WeightsFile, weights.ToArray())), new());
    }

    private static void Close(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var largest = 1f;
        foreach (var value in expected) largest = Math.Max(largest, Math.Abs(value));
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 3e-6f * largest);
    }
}

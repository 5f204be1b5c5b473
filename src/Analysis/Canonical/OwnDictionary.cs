using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical;

/// <summary>A model that has a dictionary of its own, and the map from its features to the canonical ones: activations stay as they are, features are mapped after encoding.</summary>
/// <remarks>For models that no map of activations brings to the reference: other widths of other training runs share features, not directions (arXiv 2410.06981).</remarks>
/// <param name="before">Where the dictionary is another model's: the map of activations to that one; null: it is the model's own.</param>
public sealed class OwnDictionary(IEncoder encoder, FeatureMap map, string hash, TransformCard card, ITransform? before = null) : ITransform
{
    public IEncoder Encoder => encoder;
    public FeatureMap Map => map;

    public int SourceWidth => before?.SourceWidth ?? encoder.Dictionary.Width;
    public int TargetWidth => encoder.Dictionary.Width;
    public string Hash => hash;
    public char? Grade => card.Grade;
    public TransformCard Card => card;

    public ReadOnlySpan<float> Apply(ReadOnlySpan<float> rowsBS) => before is null ? rowsBS : before.Apply(rowsBS);
}

using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical;

/// <summary>A model that has a dictionary of its own, and the map from its features to the canonical ones: activations stay as they are, features are mapped after encoding.</summary>
/// <remarks>For models that no map of activations brings to the reference: other widths of other training runs share features, not directions (arXiv 2410.06981).</remarks>
public sealed class OwnDictionary(IEncoder encoder, FeatureMap map, string hash, TransformCard card) : ITransform
{
    public IEncoder Encoder => encoder;
    public FeatureMap Map => map;

    public int SourceWidth => encoder.Dictionary.Width;
    public int TargetWidth => encoder.Dictionary.Width;
    public string Hash => hash;
    public char? Grade => card.Grade;
    public TransformCard Card => card;

    public ReadOnlySpan<float> Apply(ReadOnlySpan<float> rowsBS) => rowsBS;
}

namespace DriftWatch.Analysis.Canonical;

/// <summary>Brings a model's activations to the place where the reference dictionary was trained.</summary>
public interface ITransform
{
    /// <summary>Width of the model's activations.</summary>
    int SourceWidth { get; }

    /// <summary>Width of the reference dictionary.</summary>
    int TargetWidth { get; }

    /// <summary><c>identity</c>, or SHA-256 of the transform file.</summary>
    string Hash { get; }

    /// <summary>Measured fidelity A to F; null where none was measured (identity: the model is the reference or its fine-tune).</summary>
    char? Grade { get; }

    /// <summary>What the transform file says about itself; null where there is none.</summary>
    TransformCard? Card { get; }

    /// <summary>Row by row; the result is a view of <paramref name="rowsBS"/> itself or of the transform's own buffer, valid until the next call.</summary>
    ReadOnlySpan<float> Apply(ReadOnlySpan<float> rowsBS);
}

/// <summary>The model shares its activations with the reference: x ↦ x.</summary>
public sealed class IdentityTransform(int width) : ITransform
{
    public int SourceWidth => width;
    public int TargetWidth => width;
    public string Hash => "identity";
    public char? Grade => null;
    public TransformCard? Card => null;

    public ReadOnlySpan<float> Apply(ReadOnlySpan<float> rowsBS) => rowsBS;
}

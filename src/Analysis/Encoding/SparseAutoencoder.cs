namespace DriftWatch.Analysis.Encoding;

/// <summary>What decides which features fire. BatchTopK and Matryoshka dictionaries are saved as JumpReLU.</summary>
public enum AutoencoderKind
{
    Standard,
    TopK,
    JumpReLU,
    Gated,
}

/// <summary>What is done to a row before it is encoded and undone on its reconstruction (names as SAELens writes them).</summary>
public enum InputNormalization
{
    None,
    ConstantNormRescale,
    LayerNorm,
    ExpectedAverageOnlyIn,
}

/// <summary>A sparse autoencoder, as read from its files: weights widened to float32, nothing folded.</summary>
/// <remarks>D activation width, F features; all row-major. What a kind does not use is empty.</remarks>
public sealed record SparseAutoencoder
{
    public required AutoencoderKind Kind { get; init; }
    public required int Width { get; init; }
    public required int Features { get; init; }

    public required float[] EncoderDF { get; init; }
    public required float[] DecoderFD { get; init; }

    /// <summary>b_enc; for Gated the gate's bias b_gate.</summary>
    public required float[] EncoderBiasF { get; init; }
    public required float[] DecoderBiasD { get; init; }

    /// <summary>JumpReLU: θ, per feature.</summary>
    public float[] ThresholdF { get; init; } = [];

    /// <summary>Gated: e^r_mag and b_mag.</summary>
    public float[] MagnitudeScaleF { get; init; } = [];
    public float[] MagnitudeBiasF { get; init; } = [];

    /// <summary>TopK: how many features a row may have.</summary>
    public int K { get; init; }

    /// <summary>TopK: pre-activations are multiplied by their decoder norm before the k largest are kept, and stay so.</summary>
    public bool RescaleByDecoderNorm { get; init; }

    /// <summary>b_dec is subtracted from the (normalised) input.</summary>
    public bool SubtractDecoderBias { get; init; } = true;
    public InputNormalization Normalization { get; init; }

    /// <summary>ExpectedAverageOnlyIn: the factor s = √D / E‖x‖ that rows were multiplied with in training. It is in no file.</summary>
    public float InputScale { get; init; } = 1;

    public string Format { get; init; } = "";
    public string Architecture { get; init; } = "";
    public string Hook { get; init; } = "";
    public string Model { get; init; } = "";

    /// <summary>SHA-256 over what decides the numbers; findings name it.</summary>
    public string Hash { get; init; } = "";

    /// <summary>‖W_dec,j‖ for each feature.</summary>
    public float[] DecoderNorms()
    {
        var norms = new float[Features];
        for (var f = 0; f < Features; f++)
        {
            var sum = 0.0;
            foreach (var w in DecoderFD.AsSpan(f * Width, Width)) sum += (double)w * w;
            norms[f] = (float)Math.Sqrt(sum);
        }
        return norms;
    }
}

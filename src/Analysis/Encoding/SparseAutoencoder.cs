namespace DriftWatch.Analysis.Encoding;

/// <summary>What decides which features fire. BatchTopK and Matryoshka dictionaries are saved as JumpReLU.</summary>
public enum AutoencoderKind
{
    Standard,
    TopK,
    JumpReLU,
    Gated,

    /// <summary>The k largest by magnitude, sign kept: features can be negative, and active means not 0.</summary>
    AbsTopK,

    /// <summary>Greedy on the residual, with the decoder alone.</summary>
    MatchingPursuit,

    /// <summary>The largest of each group of consecutive features.</summary>
    GroupMax,
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
/// <remarks>
/// D activation width, O output width (D but for transcoders), F features; all row-major. What a kind does not use is empty.
/// A crosscoder has heads, one for each model: D and O are all heads' activations one after another, F all heads' features, and the heads share one
/// pre-activation per latent. Each head's decoder row is [O / heads].
/// </remarks>
public sealed record SparseAutoencoder
{
    public required AutoencoderKind Kind { get; init; }
    public required int Width { get; init; }
    public required int Features { get; init; }

    /// <summary>O: of the reconstruction.</summary>
    public int OutputWidth { get => field == 0 ? Width : field; init; }

    /// <summary>1, or how many models a crosscoder reads.</summary>
    public int Heads { get; init; } = 1;

    /// <summary>Crosscoders: what each model's rows were multiplied with in training. It is in the weights already; decoder rows of two models compare in that scale. Empty: nothing.</summary>
    public float[] HeadScales { get; init; } = [];

    /// <summary>Pre-activations: features of one head.</summary>
    public int Latents => Features / Heads;

    /// <summary>Length of a decoder row.</summary>
    public int AtomWidth => OutputWidth / Heads;

    /// <summary>[D, <see cref="Latents"/>].</summary>
    public required float[] EncoderDF { get; init; }

    /// <summary>[F, <see cref="AtomWidth"/>]; empty if it <see cref="EncodesOnly"/>.</summary>
    public required float[] DecoderFD { get; init; }

    /// <summary>b_enc; for Gated the gate's bias b_gate.</summary>
    public required float[] EncoderBiasF { get; init; }
    public required float[] DecoderBiasD { get; init; }

    /// <summary>GLU encoders: pre-activations are multiplied by sigmoid(x̃ W + b) of these. [D, <see cref="Latents"/>] and [<see cref="Latents"/>].</summary>
    public float[] GluEncoderDF { get; init; } = [];
    public float[] GluBiasF { get; init; } = [];

    /// <summary>Transcoders with a skip path: [D, O]; takes the row as it came, before normalisation.</summary>
    public float[] SkipDO { get; init; } = [];

    /// <summary>JumpReLU: θ, per feature.</summary>
    public float[] ThresholdF { get; init; } = [];

    /// <summary>Gated: e^r_mag and b_mag.</summary>
    public float[] MagnitudeScaleF { get; init; } = [];
    public float[] MagnitudeBiasF { get; init; } = [];

    /// <summary>TopK and AbsTopK: how many features a row may have (in each head). GroupMax: how many groups there are.</summary>
    public int K { get; init; }

    /// <summary>TopK: pre-activations are multiplied by their decoder norm before the k largest are kept, and stay so.</summary>
    public bool RescaleByDecoderNorm { get; init; }

    /// <summary>TopK: the k with the largest product of pre-activation and decoder norm are kept, with the pre-activation as their value.</summary>
    public bool SelectByDecoderNorm { get; init; }

    /// <summary>Matching pursuit: it ends when the residual's norm falls below this, after so many steps, or (if said) when a step adds no feature.</summary>
    public float ResidualThreshold { get; init; }
    public int IterationsMaximum { get; init; }
    public bool StopOnDuplicateSupport { get; init; }

    /// <summary>It predicts another place's activations: normalisation is not undone, and the error cannot be known from the input.</summary>
    public bool Transcodes { get; init; }

    /// <summary>Transcoders: what the output was multiplied with in training.</summary>
    public float OutputScale { get; init; } = 1;

    /// <summary>b_dec is subtracted from the (normalised) input.</summary>
    public bool SubtractDecoderBias { get; init; } = true;
    public InputNormalization Normalization { get; init; }

    /// <summary>ExpectedAverageOnlyIn: the factor s = √D / E‖x‖ that rows were multiplied with in training. It is in no file.</summary>
    public float InputScale { get; init; } = 1;

    public string Format { get; init; } = "";
    public string Architecture { get; init; } = "";
    public string Hook { get; init; } = "";
    public string Model { get; init; } = "";

    /// <summary>Transcoders: the place that is predicted. Crosscoders: the heads' places are in <see cref="Hook"/>, separated by commas.</summary>
    public string OutputHook { get; init; } = "";

    /// <summary>Matryoshka: how many features each prefix has, ascending; the last is F.</summary>
    public int[] PrefixWidths { get; init; } = [];

    /// <summary>The smallest prefix that has the feature: the smaller, the broader what it stands for; null: the dictionary has no prefixes.</summary>
    public int? PrefixOf(int feature) => PrefixWidths.Length == 0 ? null : PrefixWidths.First(width => feature < width);

    /// <summary>What the reader took for granted, dropped or took from the catalog, a sentence each.</summary>
    public string[] Notes { get; init; } = [];

    /// <summary>SHA-256 over what decides the numbers; findings name it.</summary>
    public string Hash { get => field ?? Hashing?.GetAwaiter().GetResult() ?? ""; init; }

    /// <summary>Where the hash is still being taken: an encoder is made meanwhile.</summary>
    internal Task<string>? Hashing { get; init; }

    /// <summary>One layer of a cross-layer transcoder has no decoder that could be used alone.</summary>
    public bool EncodesOnly => DecoderFD.Length == 0;

    /// <summary>‖W_dec,j‖ for each feature; none without a decoder.</summary>
    public float[] DecoderNorms()
    {
        if (EncodesOnly) return [];
        var norms = new float[Features];
        for (var f = 0; f < Features; f++)
        {
            var sum = 0.0;
            foreach (var w in DecoderFD.AsSpan(f * AtomWidth, AtomWidth)) sum += (double)w * w;
            norms[f] = (float)Math.Sqrt(sum);
        }
        return norms;
    }
}

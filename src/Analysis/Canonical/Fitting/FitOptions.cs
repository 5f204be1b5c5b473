using System.Text.Json.Nodes;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>How to learn a map of activations; what is null is chosen by cross-validation.</summary>
public sealed record FitOptions(string Kind)
{
    /// <summary>Kinds of activation maps, as the transform file names them.</summary>
    public static readonly IReadOnlyList<string> Kinds = ["affine", "orthogonal", "low-rank", "mlp"];

    /// <summary>affine, low-rank: λ of ‖Y − XA − b‖² + λ‖A‖² (scikit-learn's alpha); the intercept is free.</summary>
    public double? Penalty { get; init; }

    /// <summary>low-rank: columns of U.</summary>
    public int? Rank { get; init; }

    /// <summary>orthogonal: one factor beside the rotation.</summary>
    public bool Scale { get; init; } = true;

    /// <summary>mlp: width of the shared latent; null: four times the wider side.</summary>
    public int? Latent { get; init; }

    /// <summary>mlp: passes over the rows at most; it stops early when a held-out tenth of the sequences gets no better.</summary>
    public int Epochs { get; init; } = 100;

    /// <summary>mlp: of the first weights and of the order of the sequences.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Sequences that <see cref="SequenceSplit"/> holds out are not learned from, and the map is measured on them. Otherwise all are learned from and nothing is measured.</summary>
    public bool HoldOut { get; init; } = true;

    public int Threads { get; init; } = Environment.ProcessorCount;
}

/// <summary>How far it is: <paramref name="Done"/> of <paramref name="Total"/> in a step; 0 where the total is not known.</summary>
public readonly record struct FitProgress(string Step, long Done, long Total);

/// <summary>A learned map, ready to be written, and what was measured on the held-out sequences.</summary>
/// <param name="HeldOutR2">1 − Σ‖y − ŷ‖² / Σ‖y − ȳ‖² over held-out rows; null where nothing was held out.</param>
/// <param name="Choices">What was chosen, and by which figures.</param>
public sealed record LearnedTransform(TransformCard Card, IReadOnlyList<TransformTensor> Tensors, double? HeldOutR2, FittingData Data, JsonObject Choices)
{
    public void Write(Stream file) => TransformFile.Write(file, Card, Tensors);
}

/// <summary>What a map was learned from.</summary>
/// <param name="Hash">SHA-256 over all rows, sequence by sequence, those held out included.</param>
public sealed record FittingData(string Hash, long Rows, long Sequences, long HeldOutRows, long HeldOutSequences)
{
    public const string Reason = "fit";

    /// <summary>Fewer cannot be held out from, or cut into folds.</summary>
    public const int SequencesMinimum = 10;

    /// <summary>Refuses what no map can be learned from.</summary>
    internal void Check(int sourceWidth, bool splits)
    {
        if (Rows == 0) throw new MalformedException(Reason, "There is no row to learn from: every row holds NaN or ∞ in the source or the target. Record the activations again.");
        if (splits && Sequences + HeldOutSequences < SequencesMinimum)
            throw new MalformedException(Reason, $"There are {Sequences + HeldOutSequences} sequences; {SequencesMinimum} or more are needed to choose and measure a map on others than it is learned from. Give more prompts, or say with sequence_ids which prompt a row belongs to.");
        if (Rows <= sourceWidth)
            throw new MalformedException(Reason, $"There are {Rows} rows to learn from, in {Sequences} sequences, for {sourceWidth} source columns. More rows than columns are needed; twenty times as many, {20L * sourceWidth}, are a good start.");
    }
}

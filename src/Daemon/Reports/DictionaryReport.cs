using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Inspection;

namespace DriftWatch.Daemon.Reports;

/// <summary>What <c>sae inspect</c> says of a dictionary, for machines as it stands and for people by <see cref="Write"/> and <see cref="DictionaryPage"/>.</summary>
internal sealed record DictionaryReport
{
    private const int MostActive = 20;

    public DictionaryReport(SparseAutoencoder sae, DictionaryHealth? health, TruthScores? truth, bool firingsFound)
    {
        (Sae, HealthFigures, TruthFigures) = (sae, health, truth);
        DecoderNorm = Spread.Of(sae.DecoderNorms());
        Threshold = Spread.Of(sae.ThresholdF);
        Health = health is null ? null : new
        {
            health.Rows,
            RowsLeftOut = health.NotEncodable,
            RowsOutlier = health.Outliers,
            health.L0,
            health.Dead,
            health.Fvu,
            health.ExplainedVariance,
            health.Shrinkage,
            MostActive = Most(health, MostActive),
        };
        Truth = truth is null ? null : new
        {
            truth.Mcc,
            truth.Uniqueness,
            truth.Firing?.Precision,
            truth.Firing?.Recall,
            truth.Firing?.F1,
            TrueL0 = truth.Firing?.TrueL0,
            FiringsFoundFromRows = truth.Firing is null ? (bool?)null : firingsFound,
            Latents = truth.Latents.Select(latent => new { latent.Latent, Feature = latent.Best, latent.Cosine, F1 = truth.Firing?.PerLatent[latent.Latent] }),
        };
        FiringsFound = firingsFound;
    }

    internal SparseAutoencoder Sae { get; }
    internal DictionaryHealth? HealthFigures { get; }
    internal TruthScores? TruthFigures { get; }
    internal bool FiringsFound { get; }

    public string Format => Sae.Format;
    public string Architecture => Sae.Architecture;
    public string Kind => Sae.Kind.ToString();
    public int Width => Sae.Width;
    public int? OutputWidth => Sae.Transcodes ? Sae.OutputWidth : null;
    public int? Heads => Sae.Heads > 1 ? Sae.Heads : null;
    public int Features => Sae.Features;
    public string Model => Sae.Model;
    public string Hook => Sae.Hook;
    public string? OutputHook => Sae.Transcodes ? Sae.OutputHook : null;
    public int? K => Sae.K > 0 ? Sae.K : null;
    public bool RescaleByDecoderNorm => Sae.RescaleByDecoderNorm;
    public bool SelectByDecoderNorm => Sae.SelectByDecoderNorm;
    public InputNormalization Normalization => Sae.Normalization;
    public float? InputScale => Sae.Normalization == InputNormalization.ExpectedAverageOnlyIn ? Sae.InputScale : null;
    public float? OutputScale => Sae.Transcodes ? Sae.OutputScale : null;
    public bool SubtractDecoderBias => Sae.SubtractDecoderBias;
    public bool SkipPath => Sae.SkipDO.Length > 0;
    public bool GluEncoder => Sae.GluEncoderDF.Length > 0;
    public IReadOnlyList<int>? PrefixWidths => Sae.PrefixWidths.Length > 0 ? Sae.PrefixWidths : null;
    public bool FastPath => CpuEncoder.Encodes(Sae);
    public Spread? DecoderNorm { get; }
    public Spread? Threshold { get; }
    public IReadOnlyList<string> Notes => Sae.Notes;
    public string Hash => Sae.Hash;
    public object? Health { get; }
    public object? Truth { get; }

    internal static IEnumerable<ActiveFeature> Most(DictionaryHealth health, int count) => health.FiringF
        .Select((times, feature) => new ActiveFeature(feature, (double)times / health.Rows, health.StrengthF[feature])).Where(active => active.Rate > 0)
        .OrderByDescending(active => active.Rate).ThenBy(active => active.Feature).Take(count);

    /// <summary>How rows are brought into the dictionary's scale, and back.</summary>
    internal string Scaling => Normalization switch
    {
        InputNormalization.None => "none",
        InputNormalization.ConstantNormRescale => "each row to norm √d; undone on the output",
        InputNormalization.LayerNorm => "each row: mean subtracted, divided by its (unbiased) deviation + 1e-5; " + (Sae.Transcodes ? "not undone" : "undone on the output"),
        _ => $"rows × {InputScale}; " + (Sae.Transcodes ? $"output divided by {OutputScale}" : "output divided by it"),
    } + $"; b_dec {(SubtractDecoderBias ? "subtracted from" : "not subtracted from")} the input";

    public void Write(TextWriter output)
    {
        output.WriteLine($"{Format}, architecture {Architecture}: {Features} features of width {Width}{(OutputWidth is { } to ? $" → {to}" : "")}{(Heads is { } heads ? $", {heads} heads of {Sae.Latents} features and width {Width / heads}" : "")}");
        Line("model", Model.Length == 0 ? "(not said)" : Model);
        Line("hook", (Hook.Length == 0 ? "(not said)" : Hook) + (OutputHook is { } predicted ? $" → {(predicted.Length == 0 ? "(not said)" : predicted)}" : ""));
        Line("normalisation", Scaling);
        Line("decoder norms", DecoderNorm?.ToString() ?? "(no decoder that could be used alone)");
        if (K is { } k) Line("k", $"{k}{(Sae.Kind == AutoencoderKind.GroupMax ? " groups, the largest of each" : RescaleByDecoderNorm ? ", activations multiplied by their decoder norm" : SelectByDecoderNorm ? ", chosen by activation times decoder norm" : "")}");
        if (Threshold is { } threshold) Line("thresholds", threshold.ToString());
        if (Sae.Kind == AutoencoderKind.MatchingPursuit) Line("pursuit", $"until ‖residual‖ < {Sae.ResidualThreshold}, {Sae.IterationsMaximum} steps{(Sae.StopOnDuplicateSupport ? " or a step without a new feature" : "")}");
        if (SkipPath) Line("skip path", "adds x W_skip of the row as it came");
        if (PrefixWidths is { } prefixes) Line("prefixes", string.Join(", ", prefixes));
        if (!FastPath) Line("speed", "the reference encoder only, a row at a time: each step of matching pursuit needs the residual of the step before");
        foreach (var note in Notes) Line("note", note);
        Line("hash", Hash);
        if (HealthFigures is { } health) Write(output, health);
        if (TruthFigures is { } truth) Write(output, truth);

        void Line(string name, string value) => output.WriteLine($"{name,-15} {value}");
    }

    private void Write(TextWriter output, DictionaryHealth health)
    {
        output.WriteLine($"on {health.Rows} rows ({health.NotEncodable} left out because they cannot be encoded, {health.Outliers} as outliers):");
        output.WriteLine($"L0              {health.L0:0.00}");
        output.WriteLine(health.Fvu is { } fvu ? $"FVU             {fvu:0.0000} (explained variance {1 - fvu:0.0000})" : Sae.EncodesOnly ? "FVU             none: no decoder" : "FVU             needs the transcoder's targets: --target FILE");
        output.WriteLine($"dead latents    {health.Dead}");
        if (health.Shrinkage is { } shrinkage) output.WriteLine($"shrinkage       {shrinkage:0.000}");
        output.WriteLine($"most active     {string.Join(", ", Most(health, 8).Select(active => $"{active.Feature} ({active.Rate:0.0%})"))}");
    }

    private void Write(TextWriter output, TruthScores truth)
    {
        output.WriteLine("beside the true features:");
        output.WriteLine($"MCC             {truth.Mcc:0.0000} (mean |cosine|, matched one-to-one)");
        output.WriteLine($"uniqueness      {truth.Uniqueness:0.0000}");
        if (truth.Firing is not { } firing) return;
        output.WriteLine($"precision       {firing.Precision:0.0000}, recall {firing.Recall:0.0000}, F1 {firing.F1:0.0000} (mean over latents)");
        output.WriteLine($"true L0         {firing.TrueL0:0.00}{(FiringsFound ? " (the file's firings do not make up these rows: found from rows and directions)" : "")}");
    }
}

/// <param name="Rate">Share of rows.</param>
/// <param name="Strength">Mean |value| when it fires.</param>
internal sealed record ActiveFeature(int Feature, double Rate, double Strength);

/// <summary>Of one number per feature.</summary>
internal sealed record Spread(float Minimum, float Median, float Maximum)
{
    public static Spread? Of(float[] values) => values.Length == 0 ? null : values.Order().ToArray() is var sorted ? new(sorted[0], sorted[sorted.Length / 2], sorted[^1]) : null;

    public override string ToString() => $"{Minimum:0.####} to {Maximum:0.####}, median {Median:0.####}";
}

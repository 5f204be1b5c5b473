namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>EleutherAI's sparsify: a folder for each hookpoint, <c>cfg.json</c> and <c>sae.safetensors</c>; TopK and GroupMax, also as transcoder and with a skip path.</summary>
/// <remarks>
/// encoder.weight [F, d], encoder.bias [F], W_dec [F, d] (also where F = d), b_dec [d], W_skip [d, d] as [output, input]. num_latents 0 means d_in · expansion_factor;
/// b_dec is subtracted unless transcode; normalize_decoder concerns training alone. Source: golden cases, eai-sparsify 1.3.3. SAELens' loader transposes W_dec and is wrong for it.
/// </remarks>
internal sealed class SparsifyFormat : IDictionaryFormat
{
    private const string Configuration = "cfg.json";
    private const string Weights = "sae.safetensors";

    public string Name => "sparsify";
    public string Files => $"{Configuration} and {Weights}";

    public bool Fits(IWeightFiles files) => files.Offers(Configuration, Weights);

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        var cfg = Settings.Read(files, Configuration);
        var kind = cfg.Text("activation") switch
        {
            "topk" or null => AutoencoderKind.TopK,
            "groupmax" => AutoencoderKind.GroupMax,
            var other => throw cfg.Refused($"activation in {Configuration} is '{other}'; topk and groupmax are known"),
        };
        if (cfg.Flag("signed", false)) throw cfg.Refused($"signed in {Configuration} is true, which sparsify no longer knows: negative features. Train it again, or use it with the version that made it");
        var d = cfg.Whole("d_in");
        var features = Features(cfg, d);
        var k = cfg.K("k", features);
        if (kind == AutoencoderKind.GroupMax && features % k != 0) throw cfg.Refused($"{features} features do not fall into {k} groups of one size");
        hints.RefuseOthers(files, k);
        var (transcodes, skips) = (cfg.Flag("transcode", false), cfg.Flag("skip_connection", false));

        using var tensors = new WeightTensors(files.Open(Weights));
        tensors.RefuseOthers(["encoder.weight", "encoder.bias", "W_dec", "b_dec", .. skips ? ["W_skip"] : Array.Empty<string>()]);
        return new()
        {
            Kind = kind,
            Width = d,
            Features = features,
            EncoderDF = tensors.ReadTransposed("encoder.weight", features, d),
            DecoderFD = tensors.Read("W_dec", features, d),
            EncoderBiasF = tensors.Read("encoder.bias", features),
            DecoderBiasD = tensors.Read("b_dec", d),
            SkipDO = skips ? tensors.ReadTransposed("W_skip", d, d) : [],
            K = k,
            SubtractDecoderBias = !transcodes,
            Transcodes = transcodes,
            Architecture = $"{(kind == AutoencoderKind.TopK ? "topk" : "groupmax")}{(skips ? " skip" : "")}{(transcodes ? " transcoder" : "")}",
            Hook = Path.GetFileName(Path.TrimEndingDirectorySeparator(files.Location)),
            Notes = ["the hook is the folder's name"],
        };
    }

    private static int Features(Settings cfg, int d)
    {
        if (cfg["num_latents"]?.ToJsonString() is not (null or "0")) return cfg.Whole("num_latents");
        var features = d * cfg.Positive("expansion_factor");
        return features == Math.Floor(features) && features <= int.MaxValue ? (int)features : throw cfg.Refused($"{Configuration} says {features} features, expansion_factor times d_in; a whole number is possible");
    }
}

using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>dictionary_learning (saprmarks): <c>ae.pt</c> and <c>config.json</c>, whose trainer.dict_class says which of seven classes it is.</summary>
/// <remarks>
/// As the library computes after loading: AutoEncoder subtracts its bias and folds the decoder's norms; AutoEncoderNew and JumpReluAutoEncoder subtract nothing; BatchTopK and Matryoshka keep what is above
/// one scalar threshold; AutoEncoderTopK takes the k largest though it stores a threshold too. Source: golden cases, dictionary-learning 0.1.0.
/// </remarks>
internal sealed class DictionaryLearningFormat : IDictionaryFormat
{
    private const string Configuration = "config.json";
    private const string Weights = "ae.pt";

    public string Name => "dictionary_learning";
    public string Files => $"{Weights} and {Configuration} with trainer.dict_class";

    public bool Fits(IWeightFiles files) =>
        WeightsOf(files) is { } weights && (weights == Weights || (files.Has(Configuration) && Settings.Read(files, Configuration).Section("trainer")?.Text("dict_class") is not null))
        && !JkminderFormat.HoldsCrosscoder(files);

    private static string? WeightsOf(IWeightFiles files) => files.Names.Contains(Weights) ? Weights : files.OnlyTorchFile();

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        var weights = WeightsOf(files)!;
        if (!files.Has(Configuration)) throw Settings.Refused(files, $"{Configuration} is missing beside {weights}; its trainer.dict_class says which class the weights are of. Keep both in one folder");
        var trainer = Settings.Read(files, Configuration).Section("trainer") ?? throw Settings.Refused(files, $"{Configuration} lacks trainer");
        using var tensors = new TorchFile(files.Open(weights));
        var (d, features) = (trainer.Whole("activation_dim"), trainer.Whole("dict_size"));
        var sae = trainer.Text("dict_class") switch
        {
            "AutoEncoder" => Standard(tensors, d, features),
            "AutoEncoderNew" => Layers(tensors, d, features, "decoder.bias"),
            "GatedAutoEncoder" => Gated(tensors, d, features),
            "JumpReluAutoEncoder" => Plain(tensors, d, features, "threshold").WithThreshold(tensors),
            "AutoEncoderTopK" => Layers(tensors, d, features, "b_dec", "k", "threshold") with { Kind = AutoencoderKind.TopK, K = K(tensors, trainer, features), SubtractDecoderBias = true, Architecture = "topk" },
            "BatchTopKSAE" => AboveOne(Layers(tensors, d, features, "b_dec", "k", "threshold"), tensors, trainer, "batchtopk"),
            "MatryoshkaBatchTopKSAE" => AboveOne(Plain(tensors, d, features, "k", "threshold", "group_sizes"), tensors, trainer, "matryoshka") with { PrefixWidths = Prefixes(tensors, features, trainer) },
            var other => throw trainer.Refused($"trainer.dict_class in {Configuration} is '{other ?? "missing"}'; AutoEncoder, AutoEncoderNew, GatedAutoEncoder, JumpReluAutoEncoder, AutoEncoderTopK, BatchTopKSAE and MatryoshkaBatchTopKSAE are read"),
        };
        hints.RefuseOthers(files, sae.Kind == AutoencoderKind.TopK ? sae.K : null);
        return sae with { Hook = trainer.Text("submodule_name") ?? "", Model = trainer.Text("lm_name") ?? "" };
    }

    private static SparseAutoencoder Layers(TorchFile tensors, int d, int features, string bias, params string[] others)
    {
        tensors.RefuseOthers(["encoder.weight", "encoder.bias", "decoder.weight", bias, .. others]);
        return EncoderDecoder.Read(tensors, d, features, bias: bias);
    }

    private static SparseAutoencoder Plain(TorchFile tensors, int d, int features, params string[] others)
    {
        tensors.RefuseOthers(["W_enc", "b_enc", "W_dec", "b_dec", .. others]);
        var sae = NamedWeights.Read(tensors);
        return (sae.Width, sae.Features, sae.OutputWidth) == (d, features, d) ? sae : throw new MalformedException("tensor", $"W_enc is [{sae.Width}, {sae.Features}] but {Configuration} says [{d}, {features}]");
    }

    /// <summary>Decoder rows of length 1, and encoder rows by as much longer: the features say how far they reach, the reconstruction stays.</summary>
    private static SparseAutoencoder Standard(TorchFile tensors, int d, int features)
    {
        var sae = Layers(tensors, d, features, "bias") with { SubtractDecoderBias = true };
        var norms = sae.DecoderNorms();
        for (var f = 0; f < features; f++)
        {
            norms[f] = Math.Max(norms[f], 1e-8f);
            Matrices.Scale(sae.DecoderFD.AsSpan(f * d, d), 1 / norms[f]);
            sae.EncoderBiasF[f] *= norms[f];
        }
        for (var i = 0; i < d; i++)
            for (var f = 0; f < features; f++) sae.EncoderDF[i * features + f] *= norms[f];
        return sae with { Notes = ["decoder norms are folded, as the library does when it loads an AutoEncoder"] };
    }

    private static SparseAutoencoder Gated(TorchFile tensors, int d, int features)
    {
        tensors.RefuseOthers(["encoder.weight", "gate_bias", "mag_bias", "r_mag", "decoder.weight", "decoder_bias"]);
        return new()
        {
            Kind = AutoencoderKind.Gated,
            Width = d,
            Features = features,
            EncoderDF = tensors.ReadTransposed("encoder.weight", features, d),
            DecoderFD = tensors.ReadTransposed("decoder.weight", d, features),
            EncoderBiasF = tensors.Read("gate_bias", features),
            DecoderBiasD = tensors.Read("decoder_bias", d),
            MagnitudeScaleF = [.. tensors.Read("r_mag", features).Select(MathF.Exp)],
            MagnitudeBiasF = tensors.Read("mag_bias", features),
            Architecture = "gated",
        };
    }

    private static SparseAutoencoder AboveOne(SparseAutoencoder sae, TorchFile tensors, Settings trainer, string architecture)
    {
        var threshold = tensors.Read("threshold")[0];
        if (threshold <= 0) throw trainer.Refused($"the threshold is {threshold}: it was never trained (training starts from -1), and every positive pre-activation would fire. Train past threshold_start_step, or save a trained checkpoint");
        return sae with { Kind = AutoencoderKind.JumpReLU, ThresholdF = [.. Enumerable.Repeat(threshold, sae.Features)], SubtractDecoderBias = true, Architecture = architecture };
    }

    private static int K(TorchFile tensors, Settings trainer, int features)
    {
        if (!tensors.Has("k")) return trainer.K("k", features);
        return tensors.ReadWhole("k") is [var k] && k >= 1 && k <= features ? (int)k : throw trainer.Refused($"k in the weights is not a whole number from 1 to {features}");
    }

    private static int[] Prefixes(TorchFile tensors, int features, Settings trainer)
    {
        var sizes = tensors.ReadWhole("group_sizes");
        if (sizes.Any(size => size is < 1 or > int.MaxValue) || sizes.Sum() != features) throw trainer.Refused($"group_sizes [{string.Join(", ", sizes.Take(20))}] do not add up to {features} features");
        var widths = new int[sizes.Length];
        for (var i = 0; i < widths.Length; i++) widths[i] = (i == 0 ? 0 : widths[i - 1]) + (int)sizes[i];
        return widths;
    }
}

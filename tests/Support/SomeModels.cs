using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Support;

/// <summary>Two models whose differences are known, a base A and its fine-tune B, and a crosscoder of both made by hand, each latent of which shows one way to look specific.</summary>
/// <remarks>
/// Concepts are orthogonal directions of the space, each in about a third of the tokens. Shared: in both. Gained: in B alone. Lost: in A alone.
/// The crosscoder reads every concept where it is written, and writes it with a row of A and a row of B, but: <see cref="Shrunk"/> is in both models and its row of A is zero, as a sparsity loss makes it;
/// <see cref="Decoupled"/> is in both models, and A's part of it is written by another latent, <see cref="Stand"/>, which B does not write.
/// </remarks>
public static class SomeModels
{
    public const int Shared = 0, Gained = 1, Lost = 2, Shrunk = 3, Decoupled = 4, Stand = 5, Rare = 6, Latents = 8, Width = 8;

    /// <summary>The concept that a latent stands for; <see cref="Stand"/> is A's name for what <see cref="Decoupled"/> is in B.</summary>
    private static int ConceptOf(int latent) => latent == Stand ? Decoupled : latent;

    public static (float[] A, float[] B) Rows(int seed, int rows)
    {
        var random = new Random(seed);
        var (a, b) = (Noise(), Noise());
        for (var row = 0; row < rows; row++)
            for (var concept = 0; concept < Rare + 1; concept++)
            {
                if (concept == Stand || (concept == Rare ? row % 100 != 0 : random.Next(3) != 0)) continue;
                var strength = 1 + random.NextSingle();
                if (concept != Gained && concept != Rare) a[row * Width + concept] += strength;
                if (concept != Lost) b[row * Width + concept] += strength;
            }
        return (a, b);

        float[] Noise()
        {
            var noise = new float[rows * Width];
            foreach (ref var x in noise.AsSpan()) x = 0.04f * (random.NextSingle() - 0.5f);
            return noise;
        }
    }

    /// <summary>The crosscoder as llamascopium saves it, at <c>crosscoder</c>, and the rows of both, <c>a.safetensors</c> and <c>b.safetensors</c>.</summary>
    public static void Write(TempFolder folder, int seed, int rows)
    {
        var (sae, (a, b)) = (Crosscoder(), Rows(seed, rows));
        folder.Write("crosscoder/config.json", $$"""{"sae_type":"crosscoder","act_fn":"jumprelu","d_model":{{Width}},"expansion_factor":{{Latents / Width}},"hook_points":["base","tuned"],"norm_activation":"inference","sparsity_include_decoder_norm":false}""");
        folder.Write("crosscoder/sae_weights.safetensors", SafetensorsFile.Of(
            null,
            SomeTensor.F32("W_E", [2, Width, Latents], sae.EncoderDF), SomeTensor.F32("b_E", [2, Latents], new float[2 * Latents]), SomeTensor.F32("W_D", [2, Latents, Width], sae.DecoderFD), SomeTensor.F32("b_D", [2, Width], sae.DecoderBiasD),
            SomeTensor.F32("activation_function.log_jumprelu_threshold", [Latents], [.. sae.ThresholdF[..Latents].Select(threshold => MathF.Log(threshold))])));
        foreach (var (name, rowsND) in new[] { ("a", a), ("b", b) })
            folder.Write($"{name}.safetensors", SafetensorsFile.Of(new Dictionary<string, string> { ["model"] = name, ["hook"] = "middle" }, SomeTensor.F32("activations", [rows, Width], rowsND)));
    }

    public static SparseAutoencoder Crosscoder()
    {
        var (encoder, decoder) = (new float[2 * Width * Latents], new float[2 * Latents * Width]);
        foreach (var latent in Enumerable.Range(0, Rare + 1))
        {
            var concept = ConceptOf(latent);
            var (reads, writes) = latent switch
            {
                Shared => ((A: 0.5f, B: 0.5f), (A: 1f, B: 1f)),
                Gained or Rare or Shrunk or Decoupled => ((0, 1), (0, 1)),
                _ => ((1, 0), (1, 0)),
            };
            encoder[concept * Latents + latent] = reads.A;
            encoder[(Width + concept) * Latents + latent] = reads.B;
            decoder[latent * Width + concept] = writes.A;
            decoder[(Latents + latent) * Width + concept] = writes.B;
        }
        return new()
        {
            Kind = AutoencoderKind.JumpReLU,
            Heads = 2,
            Width = 2 * Width,
            Features = 2 * Latents,
            EncoderDF = encoder,
            DecoderFD = decoder,
            EncoderBiasF = new float[Latents],
            DecoderBiasD = new float[2 * Width],
            ThresholdF = [.. Enumerable.Repeat(0.3f, 2 * Latents)],
            SubtractDecoderBias = false,
            Architecture = "crosscoder jumprelu",
            Hash = "made by hand",
        };
    }
}

using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Support;

/// <summary>A dictionary on disk as SAELens writes it: <c>cfg.json</c> and <c>sae_weights.safetensors</c>.</summary>
public static class SaeFolder
{
    public static void Write(TempFolder folder, string name, SparseAutoencoder sae)
    {
        var (architecture, thresholds) = sae.Kind == AutoencoderKind.JumpReLU ? ("jumprelu", new[] { SomeTensor.F32("threshold", [sae.Features], sae.ThresholdF) }) : ("standard", []);
        folder.Write($"{name}/cfg.json", $$$"""{"architecture":"{{{architecture}}}","d_in":{{{sae.Width}}},"d_sae":{{{sae.Features}}},"dtype":"float32","normalize_activations":"none","metadata":{"hook_name":"{{{Some.Hook}}}"}}""");
        folder.Write($"{name}/sae_weights.safetensors", SafetensorsFile.Of(
            null,
            [
                SomeTensor.F32("W_enc", [sae.Width, sae.Features], sae.EncoderDF), SomeTensor.F32("W_dec", [sae.Features, sae.Width], sae.DecoderFD),
                SomeTensor.F32("b_enc", [sae.Features], sae.EncoderBiasF), SomeTensor.F32("b_dec", [sae.Width], sae.DecoderBiasD), .. thresholds,
            ]));
    }
}

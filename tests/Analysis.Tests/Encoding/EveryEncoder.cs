using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Tests.Encoding;

/// <summary>All encoders that this build has for a dictionary: they are held to the same numbers.</summary>
internal static class EveryEncoder
{
    public static IEnumerable<IEncoder> For(SparseAutoencoder sae)
    {
        yield return new ReferenceEncoder(sae);
        yield return FastestEncoder.For(sae, threads: 2);
#if PRODUCTION
        if (CpuEncoder.Encodes(sae)) yield return new TorchEncoder(sae, Precision.Fp32, 2, SomeTorchDevice.Type);
#endif
    }
}

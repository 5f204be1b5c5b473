namespace DriftWatch.Analysis.Encoding;

/// <summary>The fastest encoder that a dictionary has on this processor.</summary>
public static class FastestEncoder
{
    public static IEncoder For(SparseAutoencoder sae, int threads) => CpuEncoder.Encodes(sae) ? new CpuEncoder(sae, threads) : new ReferenceEncoder(sae);
}

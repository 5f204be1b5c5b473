namespace DriftWatch.Analysis.Encoding;

public enum EncoderDevice
{
    /// <summary>A GPU where there is one that works, else the processor.</summary>
    Auto,
    Cpu,
    Cuda,
}

/// <summary>What encodes, as the operator chose it.</summary>
/// <param name="Threads">Of the processor: they encode, or prepare rows for the GPU.</param>
public sealed record EncoderChoice(EncoderDevice Device, Precision Precision, int Threads)
{
    /// <summary>Why no GPU can be used, and what to do; null: one can. The end of a sentence that has begun.</summary>
    public static string? GpuProblem => problem.Value;

    private static readonly Lazy<string?> problem = new(FindGpuProblem);

    /// <exception cref="GpuException">A GPU was asked for and cannot be used for this dictionary.</exception>
    public IEncoder For(SparseAutoencoder sae)
    {
        if (Device == EncoderDevice.Cpu) return FastestEncoder.For(sae, Threads);
        if (GpuProblem is { } reason)
            return Device == EncoderDevice.Cuda ? throw new GpuException($"encoder is 'cuda', and {reason}") : OnProcessor(sae, BuiltForGpus ? reason : null);
        if (!CpuEncoder.Encodes(sae)) return OnProcessor(sae, "matching pursuit has no encoder for GPUs");
        try
        {
            return OnGpu(sae);
        }
        catch (GpuException error) when (Device == EncoderDevice.Auto)
        {
            return OnProcessor(sae, error.Message);
        }
    }

    /// <summary>Could this build use a GPU, if there was one?</summary>
#if PRODUCTION
    public static bool BuiltForGpus => true;
#else
    public static bool BuiltForGpus => false;
#endif

    private IEncoder OnProcessor(SparseAutoencoder sae, string? because)
    {
        var encoder = FastestEncoder.For(sae, Threads);
        return because is null ? encoder : new FallbackEncoder(encoder, because);
    }

#if PRODUCTION
    private static string? FindGpuProblem() => TorchEncoder.Problem();

    private TorchEncoder OnGpu(SparseAutoencoder sae) => new(sae, Precision, Threads);
#else
    private static string FindGpuProblem() => "this is the embedded build, which encodes on the processor. Build with PROFILE=production for GPUs, or use cpu or auto.";

    private static IEncoder OnGpu(SparseAutoencoder sae) => throw new InvalidOperationException("the embedded build has no encoder for GPUs");
#endif
}

/// <summary>The GPU cannot do what was asked; the message says why and what to do.</summary>
public sealed class GpuException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The processor's encoder where a GPU's was wished for.</summary>
internal sealed class FallbackEncoder(IEncoder encoder, string because) : IEncoder
{
    public SparseAutoencoder Dictionary => encoder.Dictionary;
    public string Description => encoder.Description;
    public Task Ready => encoder.Ready;
    public EncoderStatus Status => encoder.Status with { Fallback = because };
    public int Threads => encoder.Threads;
    public bool RowsAreIndependent => encoder.RowsAreIndependent;

    public void Encode(ReadOnlySpan<float> rowsBD, SparseCodes codes) => encoder.Encode(rowsBD, codes);
}

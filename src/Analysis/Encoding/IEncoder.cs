namespace DriftWatch.Analysis.Encoding;

/// <summary>Rows of activations to sparse features: on this processor, or on a GPU in the production profile.</summary>
public interface IEncoder
{
    SparseAutoencoder Dictionary { get; }

    /// <summary>What does the work, for the log: <c>cpu (Vector512, 2 threads)</c>.</summary>
    string Description { get; }

    /// <summary>Done when what it makes of the dictionary is made; to encode waits for it.</summary>
    Task Ready => Task.CompletedTask;

    EncoderStatus Status => EncoderStatus.Processor;

    /// <summary>Of the processor, for what is to be done with its rows.</summary>
    int Threads => 1;

    /// <summary>A row's codes are the same bits whatever rows are beside it, and where. If not, they depend on its place in the call: then what must be the same again is encoded by itself.</summary>
    bool RowsAreIndependent => true;

    /// <param name="rowsBD">Finite activations in the model's own scale, row-major <c>[rows, D]</c>; each row can be encoded (<see cref="RowNormalization.CanEncode"/>).</param>
    /// <param name="codes">Cleared, then one row for each.</param>
    void Encode(ReadOnlySpan<float> rowsBD, SparseCodes codes);
}

/// <summary>Where the work is done, for the metrics.</summary>
/// <param name="Device"><c>cpu</c> or <c>cuda</c>.</param>
/// <param name="Fallback">Why it is not done where it was asked for; null: it is.</param>
/// <param name="BatchRows">Rows that the device takes at once, fewer after it ran out of memory; null: it has no such bound.</param>
public sealed record EncoderStatus(string Device, Precision Precision, string? Fallback = null, int? BatchRows = null)
{
    public static EncoderStatus Processor { get; } = new("cpu", Precision.Fp32);
}

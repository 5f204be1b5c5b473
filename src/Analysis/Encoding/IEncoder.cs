namespace DriftWatch.Analysis.Encoding;

/// <summary>Rows of activations to sparse features: on this processor, or on a GPU in the production profile.</summary>
public interface IEncoder
{
    SparseAutoencoder Dictionary { get; }

    /// <summary>What does the work, for the log: <c>cpu (Vector512, 2 threads)</c>.</summary>
    string Description { get; }

    /// <param name="rowsBD">Finite activations in the model's own scale, row-major <c>[rows, D]</c>; each row can be encoded (<see cref="RowNormalization.CanEncode"/>).</param>
    /// <param name="codes">Cleared, then one row for each.</param>
    void Encode(ReadOnlySpan<float> rowsBD, SparseCodes codes);
}

using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis;

/// <summary>③ Some messages, of any models and partitions, whose rows are encoded together: a dictionary's weights are read once for all of them. Buffers are reused.</summary>
/// <remarks>Which messages are at hand must not matter to their features: they are encoded in one call where rows are independent (<see cref="IEncoder.RowsAreIndependent"/>), else message by message.</remarks>
public sealed class BatchGroup
{
    private readonly List<EncodedBatch> batches = [];
    private readonly Dictionary<IEncoder, OfEncoder> encoders = new(ReferenceEqualityComparer.Instance);
    private int count;

    private sealed class OfEncoder(IEncoder encoder)
    {
        private readonly SparseCodes codesOfOne = new();

        public List<EncodedBatch> Batches { get; } = [];
        public SparseCodes Codes { get; } = new();
        public ReconstructionErrors Errors { get; } = new(encoder);
        public float[] RowsBD { get; set; } = [];

        public void EncodeEach()
        {
            Codes.Clear();
            foreach (var batch in Batches)
            {
                encoder.Encode(batch.Rows.RowsBD, codesOfOne);
                for (var row = 0; row < codesOfOne.Rows; row++) Codes.AddRow(codesOfOne.FeaturesOf(row), codesOfOne.ValuesOf(row));
            }
        }
    }

    /// <summary>Numbers in the rows that wait to be encoded.</summary>
    public long Numbers { get; private set; }

    public int Rows { get; private set; }

    /// <summary>Selects the message's rows; its bytes are not needed any more then.</summary>
    public EncodedBatch Add(ActivationBatch batch, ModelPlan plan)
    {
        if (count == batches.Count) batches.Add(new());
        var added = batches[count++];
        added.Select(batch, plan);
        if (!encoders.TryGetValue(plan.Encoder, out var same)) encoders[plan.Encoder] = same = new(plan.Encoder);
        same.Batches.Add(added);
        Rows += added.Rows.Kept;
        Numbers += added.Rows.RowsBD.Length;
        return added;
    }

    public void Encode()
    {
        foreach (var (encoder, same) in encoders)
        {
            if (same.Batches.Count == 0) continue;
            var rowsBD = RowsOf(same);
            if (encoder.RowsAreIndependent) encoder.Encode(rowsBD, same.Codes);
            else same.EncodeEach();
            same.Errors.Take(rowsBD, same.Codes);
            var first = 0;
            foreach (var batch in same.Batches)
            {
                batch.Take(same.Codes, same.Errors, first);
                first += batch.Rows.Kept;
            }
        }
    }

    public void Clear()
    {
        for (var i = 0; i < count; i++) batches[i].Rows.Release();
        foreach (var same in encoders.Values) same.Batches.Clear();
        (count, Rows, Numbers) = (0, 0, 0);
    }

    private static ReadOnlySpan<float> RowsOf(OfEncoder same)
    {
        if (same.Batches is [var only]) return only.Rows.RowsBD;
        var numbers = same.Batches.Sum(batch => batch.Rows.RowsBD.Length);
        if (same.RowsBD.Length < numbers) same.RowsBD = new float[numbers];
        var at = 0;
        foreach (var batch in same.Batches)
        {
            batch.Rows.RowsBD.CopyTo(same.RowsBD.AsSpan(at));
            at += batch.Rows.RowsBD.Length;
        }
        return same.RowsBD.AsSpan(0, numbers);
    }
}

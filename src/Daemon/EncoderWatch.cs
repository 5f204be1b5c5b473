using DriftWatch.Analysis;
using DriftWatch.Analysis.Encoding;
using Microsoft.Extensions.Logging;

namespace DriftWatch.Daemon;

/// <summary>Says in the log what an encoder had to do otherwise than asked; the metrics driftwatch_encoder_info and driftwatch_encoder_batch_rows show it too.</summary>
internal sealed partial class EncoderWatch(ILogger log, Catalog catalog)
{
    private readonly Dictionary<IEncoder, int> batchRows = catalog.Models.Select(plan => plan.Encoder).Distinct<IEncoder>(ReferenceEqualityComparer.Instance)
        .Where(encoder => encoder.Status.BatchRows is not null).ToDictionary<IEncoder, IEncoder, int>(encoder => encoder, encoder => encoder.Status.BatchRows!.Value, ReferenceEqualityComparer.Instance);

    /// <summary>At the start: where the processor encodes instead of a GPU.</summary>
    public static void LogFallbacks(ILogger log, string encoder, Catalog catalog)
    {
        foreach (var reason in catalog.Models.Select(plan => plan.Encoder.Status.Fallback).OfType<string>().Distinct(StringComparer.Ordinal)) LogFallback(log, encoder, reason);
    }

    /// <summary>After a message: a GPU whose memory ran out goes on with fewer rows at once. That is slower, and may change the last bits of values.</summary>
    public void Look(ModelPlan plan)
    {
        if (plan.Encoder.Status.BatchRows is not { } rows || !batchRows.TryGetValue(plan.Encoder, out var before) || rows >= before) return;
        LogSmallerBatch(log, plan.Model, before, rows);
        batchRows[plan.Encoder] = rows;
    }

    [LoggerMessage(LogLevel.Warning, "encoder is '{Encoder}', and the processor encodes: {Reason}")]
    private static partial void LogFallback(ILogger log, string encoder, string reason);

    [LoggerMessage(LogLevel.Warning, "The GPU ran out of memory while it encoded rows of {Model}: it takes {Rows} at once from now on, not {Before}. Values may differ in their last bits from those of larger batches")]
    private static partial void LogSmallerBatch(ILogger log, string model, int before, int rows);
}

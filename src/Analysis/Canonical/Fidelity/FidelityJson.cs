using System.Text.Json;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>An evaluation as the JSON object that a transform file keeps under <c>fidelity</c>.</summary>
public static class FidelityJson
{
    private static readonly JsonSerializerOptions options = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = false };

    public static string Of(FidelityReport report) => JsonSerializer.Serialize(
        new
        {
            report.Rows,
            report.Sequences,
            report.HeldOutOnly,
            report.Seen,
            Score = Rounded(report.Score.Value),
            ScoreInterval = new[] { Rounded(report.Score.Low), Rounded(report.Score.High) },
            R2 = Rounded(report.Map.R2.Value),
            FvuNative = Rounded(report.FvuNative.Value),
            FvuMapped = report.Map.FvuMapped is { } mapped ? Rounded(mapped.Value) : (double?)null,
            FvuThrough = Rounded(report.Map.FvuThrough.Value),
            CorrelationMean = Rounded(report.Map.CorrelationMean.Value),
            CorrelationMedian = Rounded(report.Map.CorrelationMedian.Value),
            CorrelationDeciles = report.Map.CorrelationDeciles.Select(Rounded),
            MatchedShare = Rounded(report.Map.MatchedShare.Value),
            Precision = Rounded(report.Map.Precision.Value),
            Recall = Rounded(report.Map.Recall.Value),
            Svcca = report.Map.Svcca is { } svcca ? Rounded(svcca.Value) : (double?)null,
            Cka = report.Map.Cka is { } cka ? Rounded(cka.Value) : (double?)null,
        },
        options);

    private static double Rounded(double value) => Math.Round(value, 6);
}

using System.Globalization;
using DriftWatch.Analysis.Canonical.Fidelity;

namespace DriftWatch.Daemon.Reports;

/// <summary>The figures of an evaluation as rows of a table, and the whole as text for a terminal.</summary>
internal static class FidelityTable
{
    /// <param name="LowerIsBetter">0 is best; otherwise 1 is.</param>
    public sealed record Row(string Name, string Meaning, Func<FidelityFigures, Estimate?> Of, bool LowerIsBetter = false);

    public static readonly IReadOnlyList<Row> Rows =
    [
        new("R²", "variance of the target's rows that the mapped rows explain", figures => figures.R2),
        new("FVU mapped", "of the mapped rows, what the reference dictionary leaves unexplained", figures => figures.FvuMapped, LowerIsBetter: true),
        new("FVU through", "of the target's rows, what the mapped features leave unexplained", figures => figures.FvuThrough, LowerIsBetter: true),
        new("correlation, mean", "of native and mapped activation, over features", figures => figures.CorrelationMean),
        new("correlation, median", "the same", figures => figures.CorrelationMedian),
        new("matched share", "features whose correlation is above 0.5", figures => figures.MatchedShare),
        new("firing precision", "mapped firings that the native rows have too", figures => figures.Precision),
        new("firing recall", "native firings that came through", figures => figures.Recall),
        new("firing F1", "harmonic mean of both", figures => figures.SupportF1),
        new("SVCCA", "do both spaces hold the same? (not: is the map right)", figures => figures.Svcca),
        new("linear CKA", "are both spaces of one shape, up to rotation", figures => figures.Cka),
    ];

    public static void Write(TextWriter output, FidelityReport report, string title)
    {
        output.WriteLine(title);
        output.WriteLine(Summary(report));
        foreach (var note in Notes(report)) output.WriteLine(note);
        output.WriteLine();
        output.WriteLine($"{"",-20} {"map",6} {"95 % of sequences",18}  {string.Join("  ", report.Controls.Select(control => control.Name))}");
        foreach (var row in Rows)
            output.WriteLine($"{row.Name,-20} {Number(row.Of(report.Map)?.Value),6} {Interval(row.Of(report.Map)),18}  {string.Join("  ", report.Controls.Select(control => Number(row.Of(control.Figures)?.Value).PadLeft(control.Name.Length)))}");
        output.WriteLine();
        output.WriteLine($"On native rows the reference dictionary's FVU is {Number(report.FvuNative.Value)} {Interval(report.FvuNative).Trim()}, a random dictionary's {Number(report.FvuRandom)}; L0 {report.L0Native:0.0} native, {report.Map.L0.Value:0.0} mapped.");
        output.WriteLine($"Deciles of feature correlation: {string.Join("  ", report.Map.CorrelationDeciles.Select(decile => Number(decile)))}");
    }

    public static string Summary(FidelityReport report) =>
        $"grade {report.Grade}, score {report.Score.Value:0.00} ({report.Score.Low:0.00} to {report.Score.High:0.00}); {string.Join(", ", Grading.CutOffs.Select(cut => $"{cut.Grade} from {cut.Score.ToString(CultureInfo.InvariantCulture)}"))}";

    public static IEnumerable<string> Notes(FidelityReport report)
    {
        yield return $"{report.Rows} rows of {report.Sequences} {(report.HeldOutOnly ? "held-out sequences, one in ten, that the map was not fitted on" : report.Seen ? "sequences, all of which the map was learned from (judge it by other data: figures on these are a little too good)" : "sequences that the map has not seen")}; {report.FeaturesMeasured} of {report.Features} features fire often enough to be measured.";
        if (report.DictionaryIsNoReference) yield return $"The reference dictionary explains the target's own rows hardly better than a random one (FVU {Number(report.FvuNative.Value)} and {Number(report.FvuRandom)}): no map into it can be good. Is it the dictionary of the target's hook?";
        if (report.IdentityDoesAsWell) yield return "Identity does at least as well: the source's rows need no map.";
    }

    public static string Number(double? value) => value is { } number ? number.ToString(Math.Abs(number) < 100 ? "0.000" : "0.0e+0", CultureInfo.InvariantCulture) : "-";

    private static string Interval(Estimate? estimate) => estimate is null || estimate.Low == estimate.High ? "" : $"({Number(estimate.Low)} to {Number(estimate.High)})";
}

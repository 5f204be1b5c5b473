using System.Globalization;
using System.Text;
using DriftWatch.Analysis.Canonical.Fidelity;
using static DriftWatch.Daemon.Reports.ReportPage;

namespace DriftWatch.Daemon.Reports;

/// <summary>An evaluation as one HTML page.</summary>
internal static class FidelityPage
{
    public static string Html(FidelityReport report, string title)
    {
        var page = new StringBuilder();
        page.Append($"<h1>{Text(title)}</h1>\n<p><span class=\"grade\">{report.Grade}</span>{Text(FidelityTable.Summary(report))}<br>{string.Join("<br>", FidelityTable.Notes(report).Select(Text))}</p>\n");
        page.Append("<h2>The map beside its controls</h2>\n<p class=\"soft\">Bars: the map (blue) and what knows nothing of it, on the same rows. Lines: 95 % of resamples of the sequences.</p>\n<div class=\"plots\">\n");
        foreach (var row in FidelityTable.Rows) page.Append(Bars(report, row));
        page.Append("</div>\n<h2>Features</h2>\n<div class=\"plots\">\n").Append(Histogram(report)).Append(Deciles(report)).Append(Rates(report)).Append("</div>\n");
        page.Append("<h2>Numbers</h2>\n").Append(Table(report));
        return ReportPage.Html(title, page.ToString());
    }

    private static string Bars(FidelityReport report, FidelityTable.Row row)
    {
        (string Name, Estimate? Estimate)[] views = [("map", row.Of(report.Map)), .. report.Controls.Select(control => (control.Name, row.Of(control.Figures)))];
        var svg = new StringBuilder();
        double X(double value) => 150 + 170 * Math.Clamp(value, 0, 1);
        for (var i = 0; i < views.Length; i++)
        {
            var y = 4 + 18 * i;
            svg.Append($"<text x=\"146\" y=\"{y + 11}\" text-anchor=\"end\">{Text(views[i].Name)}</text>");
            if (views[i].Estimate is not { } estimate) continue;
            svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"{(i == 0 ? "map" : "control")}\" x=\"150\" y=\"{y}\" width=\"{X(estimate.Value) - 150:0.#}\" height=\"13\"/>");
            if (estimate.High > estimate.Low) svg.Append(CultureInfo.InvariantCulture, $"<line class=\"range\" x1=\"{X(estimate.Low):0.#}\" x2=\"{X(estimate.High):0.#}\" y1=\"{y + 6.5}\" y2=\"{y + 6.5}\"/>");
            svg.Append($"<text x=\"325\" y=\"{y + 11}\">{FidelityTable.Number(estimate.Value)}</text>");
        }
        return Figure($"{row.Name} <span class=\"soft\">({(row.LowerIsBetter ? "less is better" : "1 is best")})</span>", row.Meaning, 370, 8 + 18 * views.Length, $"<line class=\"axis\" x1=\"150\" x2=\"150\" y1=\"0\" y2=\"{6 + 18 * views.Length}\"/><line class=\"axis\" x1=\"320\" x2=\"320\" y1=\"0\" y2=\"{6 + 18 * views.Length}\"/>{svg}");
    }

    private static string Histogram(FidelityReport report)
    {
        const int Bins = 22;   // From −0.1: correlations far below 0 do not occur.
        var counts = new int[Bins];
        foreach (var feature in report.PerFeature) counts[Math.Clamp((int)((feature.Correlation + 0.1) / 0.05), 0, Bins - 1)]++;
        var svg = new StringBuilder();
        for (var bin = 0; bin < Bins; bin++)
        {
            var height = 130.0 * counts[bin] / Math.Max(1, counts.Max());
            svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"map\" x=\"{20 + 15 * bin}\" y=\"{140 - height:0.#}\" width=\"13\" height=\"{height:0.#}\"><title>{bin * 0.05 - 0.1:0.00}: {counts[bin]}</title></rect>");
        }
        for (var tenth = 0; tenth <= 10; tenth += 2) svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{50 + 30 * tenth}\" y=\"155\" text-anchor=\"middle\">{tenth / 10.0:0.0}</text>");
        return Figure("Correlation of each feature", $"{report.FeaturesMeasured} features; native against mapped activation", 370, 160, svg.ToString());
    }

    private static string Deciles(FidelityReport report)
    {
        var svg = new StringBuilder("<line class=\"axis\" x1=\"40\" x2=\"350\" y1=\"140\" y2=\"140\"/><line class=\"axis\" x1=\"40\" x2=\"350\" y1=\"10\" y2=\"10\"/><text x=\"35\" y=\"144\" text-anchor=\"end\">0</text><text x=\"35\" y=\"14\" text-anchor=\"end\">1</text>");
        for (var decile = 0; decile < 9; decile++)
        {
            var (x, y) = (70 + 32 * decile, 140 - 130 * Math.Clamp(report.Map.CorrelationDeciles[decile], 0, 1));
            svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"map\" cx=\"{x}\" cy=\"{y:0.#}\" r=\"4\"><title>{report.Map.CorrelationDeciles[decile]:0.000}</title></circle><text x=\"{x}\" y=\"155\" text-anchor=\"middle\">{10 * (decile + 1)} %</text>");
        }
        return Figure("Deciles of correlation", "so many features lie below the dot", 370, 160, svg.ToString());
    }

    /// <summary>Both axes logarithmic, 10⁻⁴ to 1; what never comes through lies on the lower edge.</summary>
    private static string Rates(FidelityReport report)
    {
        var svg = new StringBuilder(RateAxes());
        foreach (var feature in report.PerFeature)
            svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"dot\" cx=\"{40 + 300 * OnLog(feature.NativeRate):0.#}\" cy=\"{310 - 300 * OnLog(feature.MappedRate):0.#}\" r=\"2.5\"><title>{feature.Feature}: {feature.NativeRate:0.0000} native, {feature.MappedRate:0.0000} mapped</title></circle>");
        return Figure("Firing rates", "across: on native rows; up: on mapped rows", 370, 330, svg.ToString());
    }

    private static string Table(FidelityReport report)
    {
        var table = new StringBuilder($"<table><tr><th></th><th>map</th><th>95 % of sequences</th>{string.Concat(report.Controls.Select(control => $"<th>{Text(control.Name)}</th>"))}</tr>\n");
        foreach (var row in FidelityTable.Rows)
        {
            var map = row.Of(report.Map);
            table.Append($"<tr><td title=\"{Text(row.Meaning)}\">{Text(row.Name)}</td><td>{FidelityTable.Number(map?.Value)}</td><td>{(map is { } estimate && estimate.High > estimate.Low ? $"{FidelityTable.Number(estimate.Low)} to {FidelityTable.Number(estimate.High)}" : "")}</td>");
            table.Append(string.Concat(report.Controls.Select(control => $"<td>{FidelityTable.Number(row.Of(control.Figures)?.Value)}</td>"))).Append("</tr>\n");
        }
        return table.Append($"</table>\n<p>FVU of the reference dictionary on native rows {FidelityTable.Number(report.FvuNative.Value)}, of a random dictionary {FidelityTable.Number(report.FvuRandom)}; features per row {FidelityTable.Number(report.L0Native)} native, {FidelityTable.Number(report.Map.L0.Value)} mapped.</p>\n").ToString();
    }
}

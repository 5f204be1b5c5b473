using System.Globalization;
using System.Net;
using System.Text;
using DriftWatch.Analysis.Canonical.Fidelity;

namespace DriftWatch.Daemon.Reports;

/// <summary>An evaluation as one HTML page: style and plots (SVG) are in it, no script, nothing is loaded. Follows the reader's light or dark setting.</summary>
internal static class FidelityPage
{
    private const string Style = """
        :root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6470; --line: #d5dae0; --page: #fff; --map: #1565c0; --control: #a3adb8; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --soft: #a0a9b4; --line: #3a424c; --page: #14171a; --map: #64b0ff; --control: #68727d; } }
        body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; } .soft { color: var(--soft); }
        .grade { font-size: 3rem; font-weight: 700; color: var(--map); float: left; margin-right: 1rem; line-height: 1; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; } th, td { text-align: right; padding: .15rem .6rem; border-bottom: 1px solid var(--line); } th:first-child, td:first-child { text-align: left; }
        .plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 1rem 1.5rem; } figure { margin: 0; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; }
        svg text { fill: var(--soft); font: 11px system-ui, sans-serif; } .map { fill: var(--map); } .control { fill: var(--control); } .axis { stroke: var(--line); } .range { stroke: var(--ink); } .dot { fill: var(--map); fill-opacity: .45; }
        """;

    public static string Html(FidelityReport report, string title)
    {
        var page = new StringBuilder();
        page.Append($"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{Text(title)}</title>\n<style>\n{Style}\n</style></head>\n<body>\n");
        page.Append($"<h1>{Text(title)}</h1>\n<p><span class=\"grade\">{report.Grade}</span>{Text(FidelityTable.Summary(report))}<br>{string.Join("<br>", FidelityTable.Notes(report).Select(Text))}</p>\n");
        page.Append("<h2>The map beside its controls</h2>\n<p class=\"soft\">Bars: the map (blue) and what knows nothing of it, on the same rows. Lines: 95 % of resamples of the sequences.</p>\n<div class=\"plots\">\n");
        foreach (var row in FidelityTable.Rows) page.Append(Bars(report, row));
        page.Append("</div>\n<h2>Features</h2>\n<div class=\"plots\">\n").Append(Histogram(report)).Append(Deciles(report)).Append(Rates(report)).Append("</div>\n");
        page.Append("<h2>Numbers</h2>\n").Append(Table(report)).Append("</body></html>\n");
        return page.ToString();
    }

    private static string Bars(FidelityReport report, FidelityTable.Row row)
    {
        (string Name, Estimate? Estimate)[] views = [("map", row.Of(report.Map)), .. report.Controls.Select(control => (control.Name, row.Of(control.Figures)))];
        var svg = new StringBuilder();
        double X(double value) => 130 + 190 * Math.Clamp(value, 0, 1);
        for (var i = 0; i < views.Length; i++)
        {
            var y = 4 + 18 * i;
            svg.Append($"<text x=\"126\" y=\"{y + 11}\" text-anchor=\"end\">{Text(views[i].Name)}</text>");
            if (views[i].Estimate is not { } estimate) continue;
            svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"{(i == 0 ? "map" : "control")}\" x=\"130\" y=\"{y}\" width=\"{X(estimate.Value) - 130:0.#}\" height=\"13\"/>");
            if (estimate.High > estimate.Low) svg.Append(CultureInfo.InvariantCulture, $"<line class=\"range\" x1=\"{X(estimate.Low):0.#}\" x2=\"{X(estimate.High):0.#}\" y1=\"{y + 6.5}\" y2=\"{y + 6.5}\"/>");
            svg.Append($"<text x=\"325\" y=\"{y + 11}\">{FidelityTable.Number(estimate.Value)}</text>");
        }
        return Figure($"{row.Name} <span class=\"soft\">({(row.LowerIsBetter ? "less is better" : "1 is best")})</span>", row.Meaning, 370, 8 + 18 * views.Length, $"<line class=\"axis\" x1=\"130\" x2=\"130\" y1=\"0\" y2=\"{6 + 18 * views.Length}\"/><line class=\"axis\" x1=\"320\" x2=\"320\" y1=\"0\" y2=\"{6 + 18 * views.Length}\"/>{svg}");
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
        static double At(double rate) => Math.Clamp(Math.Log10(Math.Max(rate, 1e-4)) / 4 + 1, 0, 1);
        var svg = new StringBuilder("<line class=\"axis\" x1=\"40\" x2=\"340\" y1=\"310\" y2=\"10\"/><line class=\"axis\" x1=\"40\" x2=\"340\" y1=\"310\" y2=\"310\"/><line class=\"axis\" x1=\"40\" x2=\"40\" y1=\"310\" y2=\"10\"/>");
        for (var power = 0; power <= 4; power++)
            svg.Append($"<text x=\"{40 + 75 * power}\" y=\"325\" text-anchor=\"middle\">{(power == 4 ? "1" : $"1e-{4 - power}")}</text><text x=\"35\" y=\"{314 - 75 * power}\" text-anchor=\"end\">{(power == 4 ? "1" : $"1e-{4 - power}")}</text>");
        foreach (var feature in report.PerFeature)
            svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"dot\" cx=\"{40 + 300 * At(feature.NativeRate):0.#}\" cy=\"{310 - 300 * At(feature.MappedRate):0.#}\" r=\"2.5\"><title>{feature.Feature}: {feature.NativeRate:0.0000} native, {feature.MappedRate:0.0000} mapped</title></circle>");
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

    private static string Figure(string caption, string meaning, int width, int height, string svg) =>
        $"<figure><figcaption>{caption}</figcaption><div class=\"soft\">{Text(meaning)}</div><svg viewBox=\"0 0 {width} {height}\" role=\"img\">{svg}</svg></figure>\n";

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}

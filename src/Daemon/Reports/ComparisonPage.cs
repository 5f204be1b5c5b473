using System.Globalization;
using System.Text;
using DriftWatch.Analysis.Detection;
using DriftWatch.Daemon.Api;
using static DriftWatch.Daemon.Reports.ReportPage;

namespace DriftWatch.Daemon.Reports;

/// <summary>A comparison as one HTML page.</summary>
internal static class ComparisonPage
{
    public static string Html(ComparisonView view)
    {
        var title = $"{view.B.Monitor} compared with {view.A.Monitor}";
        var page = new StringBuilder($"<h1>{Text(title)}</h1>\n<p>{Text(ComparisonTable.Summary(view))}<br>{string.Join("<br>", view.Notes.Select(Text))}</p>\n").Append(Sides(view));
        page.Append("<div class=\"plots\">\n").Append(Rates(view)).Append("</div>\n");
        foreach (var difference in view.Differences.Where(difference => difference.Count > 0))
        {
            page.Append($"<h2>{Text(ComparisonTable.Title(difference))}</h2>\n<div class=\"plots\">\n");
            if (difference.Change is FeatureChange.FiresMore or FeatureChange.FiresLess) page.Append(Intervals(difference, "factor of the rate, logarithmic", feature => feature.Factor is { } factor ? new(Math.Log2(factor.Value), Math.Log2(factor.Low), Math.Log2(factor.High)) : null));
            if (difference.Change == FeatureChange.Magnitude) page.Append(Intervals(difference, "octaves", feature => feature.Octaves));
            page.Append("</div>\n").Append(Table(difference));
        }
        return ReportPage.Html(title, page.ToString());
    }

    private static string Sides(ComparisonView view)
    {
        var table = new StringBuilder("<table><tr><th></th><th>monitor</th><th>windows</th><th>rows</th><th>sequences</th><th>FVU</th><th>L0</th><th>transform</th><th>from</th><th>to</th></tr>\n");
        foreach (var (name, side) in new[] { ("A", view.A), ("B", view.B) })
            table.Append(CultureInfo.InvariantCulture, $"<tr><td>{name}</td><td>{Text(side.Monitor.ToString())}</td><td>{side.Windows}</td><td>{side.Rows}</td><td>{side.Sequences}</td><td>{side.Fvu:0.0000}</td><td>{side.L0:0.00}</td><td>{Text(ComparisonTable.Transform(side.Transform, view.Features))}</td><td>{side.Start:u}</td><td>{side.End:u}</td></tr>\n");
        return table.Append("</table>\n").ToString();
    }

    private static string Rates(ComparisonView view)
    {
        var svg = new StringBuilder(RateAxes());
        foreach (var (change, feature) in view.Differences.SelectMany(difference => difference.Features.Select(feature => (difference.Change, feature))))
            svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"{(change == FeatureChange.NotMapped ? "control" : "dot")}\" cx=\"{40 + 300 * OnLog(feature.RateA):0.#}\" cy=\"{310 - 300 * OnLog(feature.RateB):0.#}\" r=\"3\"><title>{Text(ComparisonTable.Name(feature))}: {feature.RateA:0.#####} in A, {feature.RateB:0.#####} in B</title></circle>");
        return Figure("Firing rates of the features listed", "across: in A; up: in B; what never fires lies on the edge; grey: not mapped", 370, 330, svg.ToString());
    }

    /// <summary>One line a feature: its effect and the 95 % interval, on an axis around no change.</summary>
    private static string Intervals(DifferenceView difference, string unit, Func<ComparedFeatureView, Effect?> octavesOf)
    {
        (string Name, Effect Effect)[] lines = [.. difference.Features.Where(feature => octavesOf(feature) is not null).Select(feature => (ComparisonTable.Name(feature), octavesOf(feature)!.Value))];
        if (lines.Length == 0) return "";
        var furthest = lines.Max(line => Math.Max(Math.Abs(line.Effect.Low), Math.Abs(line.Effect.High)));
        double X(double octaves) => 245 + 115 * octaves / furthest;
        var svg = new StringBuilder($"<line class=\"axis\" x1=\"245\" x2=\"245\" y1=\"0\" y2=\"{6 + 16 * lines.Length}\"/>");
        for (var i = 0; i < lines.Length; i++)
        {
            var (name, effect) = lines[i];
            var y = 10 + 16 * i;
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"122\" y=\"{y + 4}\" text-anchor=\"end\">{Text(name.Length > 24 ? name[..23] + "…" : name)}</text><line class=\"range\" x1=\"{X(effect.Low):0.#}\" x2=\"{X(effect.High):0.#}\" y1=\"{y}\" y2=\"{y}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"map\" cx=\"{X(effect.Value):0.#}\" cy=\"{y}\" r=\"3.5\"><title>{Text(name)}: {effect.Value:+0.00;-0.00;0.00} octaves ({effect.Low:+0.00;-0.00;0.00} to {effect.High:+0.00;-0.00;0.00})</title></circle>");
        }
        return Figure("Effect and 95 % interval", $"{unit}; left of the line less than in A; the ends of the axis are {furthest:0.##} octaves away", 370, 12 + 16 * lines.Length, svg.ToString());
    }

    private static string Table(DifferenceView difference)
    {
        var table = new StringBuilder("<table><tr><th>feature</th><th>rate in A</th><th>rate in B</th><th>factor</th><th>95 %</th><th>share of sequences</th><th>95 %</th><th>octaves</th><th>95 %</th><th>p</th><th>group</th><th></th></tr>\n");
        foreach (var feature in difference.Features)
            table.Append(CultureInfo.InvariantCulture, $"<tr><td>{Text(ComparisonTable.Name(feature))}</td><td>{feature.RateA:0.#####}</td><td>{feature.RateB:0.#####}</td>{Cells(feature.Factor)}{Cells(feature.Share)}{Cells(feature.Octaves)}<td>{(feature.NotReachedBy is { } side ? $"not reached by {side}" : feature.P.ToString("0.0e+00", CultureInfo.InvariantCulture))}</td><td>{feature.Group}</td><td>{(feature.Scaling is { } scaling ? Text(ComparisonTable.Origin(scaling)) : "")}</td></tr>\n");
        return table.Append("</table>\n").ToString();
    }

    private static string Cells(Effect? effect) => effect is { } known ? FormattableString.Invariant($"<td>{known.Value:0.00#}</td><td>{known.Low:0.00#} to {known.High:0.00#}</td>") : "<td></td><td></td>";
}

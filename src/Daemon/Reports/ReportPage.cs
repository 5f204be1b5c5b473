using System.Globalization;
using System.Net;
using System.Text;

namespace DriftWatch.Daemon.Reports;

/// <summary>What reports as one HTML page share: style and plots (SVG) are in it, no script, nothing is loaded. Follows the reader's light or dark setting.</summary>
internal static class ReportPage
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

    public static string Html(string title, string body) =>
        $"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{Text(title)}</title>\n<style>\n{Style}\n</style></head>\n<body>\n{body}</body></html>\n";

    /// <param name="caption">HTML; <paramref name="meaning"/> is text.</param>
    public static string Figure(string caption, string meaning, int width, int height, string svg) =>
        $"<figure><figcaption>{caption}</figcaption><div class=\"soft\">{Text(meaning)}</div><svg viewBox=\"0 0 {width} {height}\" role=\"img\">{svg}</svg></figure>\n";

    /// <summary>Counts in 24 equal bins from the least to the largest value, or over the range that is given.</summary>
    public static string Histogram(string caption, string meaning, IReadOnlyCollection<double> values, Func<double, string> label, (double Low, double High)? over = null)
    {
        const int Bins = 24;
        var (low, high) = over ?? (values.Min(), values.Max());
        if (!(high > low)) high = low + 1;
        var counts = new int[Bins];
        foreach (var value in values) counts[Math.Clamp((int)((value - low) / (high - low) * Bins), 0, Bins - 1)]++;
        var svg = new StringBuilder();
        for (var bin = 0; bin < Bins; bin++)
        {
            var height = 130.0 * counts[bin] / Math.Max(1, counts.Max());
            svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"map\" x=\"{10 + 14 * bin}\" y=\"{140 - height:0.#}\" width=\"12\" height=\"{height:0.#}\"><title>{Text(label(low + (high - low) * bin / Bins))} to {Text(label(low + (high - low) * (bin + 1) / Bins))}: {counts[bin]}</title></rect>");
        }
        for (var tick = 0; tick <= 4; tick++) svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{10 + 84 * tick}\" y=\"155\" text-anchor=\"{(tick == 0 ? "start" : tick == 4 ? "end" : "middle")}\">{Text(label(low + (high - low) * tick / 4))}</text>");
        return Figure(Text(caption), meaning, 370, 160, svg.ToString());
    }

    public static string Text(string text) => WebUtility.HtmlEncode(text);

    /// <summary>Where a rate lies on a logarithmic axis from 10⁻⁴ (and what is less) to 1.</summary>
    public static double OnLog(double rate) => Math.Clamp(Math.Log10(Math.Max(rate, 1e-4)) / 4 + 1, 0, 1);

    /// <summary>Both axes of <see cref="OnLog"/>, 300 wide, with the diagonal: the frame of a plot of two rates.</summary>
    public static string RateAxes()
    {
        var svg = new StringBuilder("<line class=\"axis\" x1=\"40\" x2=\"340\" y1=\"310\" y2=\"10\"/><line class=\"axis\" x1=\"40\" x2=\"340\" y1=\"310\" y2=\"310\"/><line class=\"axis\" x1=\"40\" x2=\"40\" y1=\"310\" y2=\"10\"/>");
        for (var power = 0; power <= 4; power++)
            svg.Append($"<text x=\"{40 + 75 * power}\" y=\"325\" text-anchor=\"middle\">{(power == 4 ? "1" : $"1e-{4 - power}")}</text><text x=\"35\" y=\"{314 - 75 * power}\" text-anchor=\"end\">{(power == 4 ? "1" : $"1e-{4 - power}")}</text>");
        return svg.ToString();
    }
}

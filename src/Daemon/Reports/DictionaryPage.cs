using System.Globalization;
using System.Text;
using DriftWatch.Analysis.Inspection;
using static DriftWatch.Daemon.Reports.ReportPage;

namespace DriftWatch.Daemon.Reports;

/// <summary>An inspection as one HTML page with plots.</summary>
internal static class DictionaryPage
{
    public static string Html(DictionaryReport report, string title)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        report.Write(text);
        var page = new StringBuilder($"<h1>{Text(title)}</h1>\n<pre>{Text(text.ToString())}</pre>\n<h2>Weights</h2>\n<div class=\"plots\">\n");
        if (!report.Sae.EncodesOnly) page.Append(Histogram("Decoder norms", "length of each feature's decoder row", Wide(report.Sae.DecoderNorms()), Short));
        if (report.Sae.ThresholdF.Length > 0) page.Append(Histogram("Thresholds", "a feature fires above its own", Wide(report.Sae.ThresholdF), Short));
        page.Append("</div>\n");
        if (report.HealthFigures is { } health) page.Append(Activations(health));
        if (report.TruthFigures is { } truth) page.Append(Truth(truth));
        return ReportPage.Html(title, page.ToString());
    }

    private static string Activations(DictionaryHealth health)
    {
        var rates = health.FiringF.Where(times => times > 0).Select(times => Math.Log10((double)times / health.Rows)).ToArray();
        var part = new StringBuilder("<h2>On the activations</h2>\n<div class=\"plots\">\n");
        if (rates.Length > 0) part.Append(Histogram("Firing rates", $"share of rows in which each feature fires, logarithmic; {health.Dead} features never do", rates, power => Math.Pow(10, power).ToString("0.#e+0", CultureInfo.InvariantCulture)));
        var strengths = health.StrengthF.Where(strength => strength > 0).Select(Math.Log10).ToArray();
        if (strengths.Length > 0) part.Append(Histogram("Strength when firing", "mean |activation| of each feature, logarithmic", strengths, power => Short(Math.Pow(10, power))));
        part.Append("</div>\n<table><tr><th>most active feature</th><th>rate</th><th>strength</th></tr>\n");
        foreach (var active in DictionaryReport.Most(health, 20)) part.Append(CultureInfo.InvariantCulture, $"<tr><td>{active.Feature}</td><td>{active.Rate:0.0000}</td><td>{active.Strength:0.###}</td></tr>\n");
        return part.Append("</table>\n").ToString();
    }

    private static string Truth(TruthScores truth)
    {
        var part = new StringBuilder("<h2>Beside the true features</h2>\n<div class=\"plots\">\n").Append(Histogram("Best cosine", "|cosine| of each latent with the true feature it is most like", [.. truth.Latents.Select(latent => latent.Cosine)], Short, (0, 1)));
        if (truth.Firing is { } firing)
        {
            part.Append(Histogram("F1 of firing", "each latent's firing against its true feature's", firing.PerLatent, Short, (0, 1)));
            part.Append(Scatter(truth, firing));
        }
        return part.Append("</div>\n").ToString();
    }

    private static string Scatter(TruthScores truth, FiringScores firing)
    {
        var svg = new StringBuilder("<line class=\"axis\" x1=\"40\" x2=\"340\" y1=\"310\" y2=\"310\"/><line class=\"axis\" x1=\"40\" x2=\"40\" y1=\"310\" y2=\"10\"/>");
        for (var quarter = 0; quarter <= 4; quarter++)
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{40 + 75 * quarter}\" y=\"325\" text-anchor=\"middle\">{quarter / 4.0:0.##}</text><text x=\"35\" y=\"{314 - 75 * quarter}\" text-anchor=\"end\">{quarter / 4.0:0.##}</text>");
        foreach (var latent in truth.Latents)
            svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"dot\" cx=\"{40 + 300 * latent.Cosine:0.#}\" cy=\"{310 - 300 * firing.PerLatent[latent.Latent]:0.#}\" r=\"2.5\"><title>{latent.Latent}: feature {latent.Best}, cosine {latent.Cosine:0.000}, F1 {firing.PerLatent[latent.Latent]:0.000}</title></circle>");
        return Figure("Direction and firing", "across: cosine; up: F1. A latent may point right and fire wrongly.", 370, 330, svg.ToString());
    }

    private static double[] Wide(float[] values) => [.. values.Select(value => (double)value)];

    private static string Short(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);
}

using System.Globalization;
using System.Text;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Diffing;
using static DriftWatch.Daemon.Reports.ReportPage;

namespace DriftWatch.Daemon.Reports;

/// <summary>Two models' latents as one HTML page with plots.</summary>
internal static class ModelDiffPage
{
    private const double NuLow = -0.25, NuHigh = 1.25;

    public static string Html(ModelDiffReport report, string title)
    {
        var page = new StringBuilder($"<h1>{Text(title)}</h1>\n<p>{Text(ModelDiffTable.Summary(report))}<br>{string.Join("<br>", report.Notes.Select(Text))}</p>\n").Append(Sides(report)).Append("<div class=\"plots\">\n");
        double[] relative = [.. report.All.Select(latent => latent.Decoders?.RelativeNorm).OfType<double>()];
        if (relative.Length > 0) page.Append(Histogram("Relative decoder norm", "0: A alone writes it, ½: both alike, 1: B alone", relative, Short, (0, 1)));
        double[] cosines = [.. report.All.Where(latent => latent.Side == LatentSide.Shared).Select(latent => latent.Decoders?.Cosine).OfType<double>()];
        if (cosines.Length > 0) page.Append(Histogram("Cosine of the two decoder rows", "of the shared latents; what has turned means something else in B", cosines, Short, (Math.Min(0, cosines.Min()), 1)));
        page.Append(Nus(report, LatentSide.BOnly, "B", "A")).Append(Nus(report, LatentSide.AOnly, "A", "B")).Append("</div>\n");
        page.Append(Table(ModelDiffTable.Title("B", "A", report.BOnly), report.BOnly.Latents)).Append(Table(ModelDiffTable.Title("A", "B", report.AOnly), report.AOnly.Latents));
        if (report.Turned.Count > 0) page.Append(Table("Shared, with decoder rows that point furthest apart", report.Turned));
        return ReportPage.Html(title, page.ToString());
    }

    private static string Sides(ModelDiffReport report)
    {
        var table = new StringBuilder("<table><tr><th></th><th>model</th><th>hook</th><th>rows</th><th>L0</th><th>FVU</th></tr>\n");
        foreach (var (name, side) in new[] { ("A", report.A), ("B", report.B) })
            table.Append(CultureInfo.InvariantCulture, $"<tr><td>{name}</td><td>{Text(side.Model ?? "")}</td><td>{Text(side.Hook ?? "")}</td><td>{report.Rows}</td><td>{side.L0:0.00}</td><td>{side.Fvu:0.0000}</td></tr>\n");
        return table.Append("</table>\n").ToString();
    }

    /// <summary>What looks like one model's alone: below and left of both lines it is.</summary>
    private static string Nus(ModelDiffReport report, LatentSide side, string name, string other)
    {
        (int Latent, double Error, double Reconstruction)[] dots = [.. report.All.Where(latent => latent.Side == side && latent.Origin is LatentOrigin.Specific or LatentOrigin.CompleteShrinkage or LatentOrigin.LatentDecoupling && latent.Scaled is { Error: not null, Reconstruction: not null })
            .Select(latent => (latent.Latent, latent.Scaled!.Error!.Value, latent.Scaled.Reconstruction!.Value))];
        if (dots.Length == 0) return "";
        static double On(double nu) => 300 * (Math.Clamp(nu, NuLow, NuHigh) - NuLow) / (NuHigh - NuLow);
        var svg = new StringBuilder("<line class=\"axis\" x1=\"40\" x2=\"340\" y1=\"310\" y2=\"310\"/><line class=\"axis\" x1=\"40\" x2=\"40\" y1=\"310\" y2=\"10\"/>");
        svg.Append(CultureInfo.InvariantCulture, $"<line class=\"range\" x1=\"{40 + On(ScaledLatent.ErrorMaximum):0.#}\" x2=\"{40 + On(ScaledLatent.ErrorMaximum):0.#}\" y1=\"310\" y2=\"10\"/><line class=\"range\" x1=\"40\" x2=\"340\" y1=\"{310 - On(ScaledLatent.ReconstructionMaximum):0.#}\" y2=\"{310 - On(ScaledLatent.ReconstructionMaximum):0.#}\"/>");
        foreach (var tick in new[] { 0, 0.5, 1 })
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{40 + On(tick):0.#}\" y=\"325\" text-anchor=\"middle\">{tick:0.#}</text><text x=\"35\" y=\"{314 - On(tick):0.#}\" text-anchor=\"end\">{tick:0.#}</text>");
        foreach (var (latent, error, reconstruction) in dots)
            svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"dot\" cx=\"{40 + On(error):0.#}\" cy=\"{310 - On(reconstruction):0.#}\" r=\"3\"><title>{latent}: ν {error:0.00} of the error, {reconstruction:0.00} of the reconstruction</title></circle>");
        return Figure($"Looks like {name}'s alone: is it?", $"across: ν of what {other} leaves over; up: ν of {other}'s reconstruction; its own left of and below the lines; what lies outside is drawn on the edge", 370, 330, svg.ToString());
    }

    private static string Table(string title, IReadOnlyList<DiffedLatentView> latents)
    {
        var table = new StringBuilder($"<h2>{Text(title)}</h2>\n");
        if (latents.Count == 0) return table.ToString();
        table.Append("<table><tr><th>latent</th><th>norm in A</th><th>norm in B</th><th>relative</th><th>cosine</th><th>rate in A</th><th>rate in B</th><th>ν error</th><th>β error A</th><th>B</th><th>ν reconstruction</th><th>β reconstruction A</th><th>B</th><th></th></tr>\n");
        foreach (var latent in latents)
            table.Append(CultureInfo.InvariantCulture, $"<tr><td>{latent.Latent}</td><td>{latent.NormA:0.###}</td><td>{latent.NormB:0.###}</td><td>{latent.RelativeNorm:0.00}</td><td>{latent.Cosine:0.00}</td><td>{latent.RateA:0.#####}</td><td>{latent.RateB:0.#####}</td><td>{latent.NuError:0.00}</td><td>{latent.BetaError.A:0.00}</td><td>{latent.BetaError.B:0.00}</td><td>{latent.NuReconstruction:0.00}</td><td>{latent.BetaReconstruction.A:0.00}</td><td>{latent.BetaReconstruction.B:0.00}</td><td>{Text(ModelDiffTable.Origin(latent.Origin))}</td></tr>\n");
        return table.Append("</table>\n").ToString();
    }

    private static string Short(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}

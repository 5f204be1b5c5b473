using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Diffing;

namespace DriftWatch.Daemon.Reports;

/// <summary>Two models' latents as text for a terminal.</summary>
internal static class ModelDiffTable
{
    public static void Write(TextWriter output, ModelDiffReport report)
    {
        output.WriteLine($"{report.Format}, {report.Architecture}: {report.Latents} latents on {report.Rows} paired rows ({report.RowsLeftOut.NotFinite} left out as not finite, {report.RowsLeftOut.Outliers} as outliers)");
        foreach (var (name, side) in new[] { ("A", report.A), ("B", report.B) })
            output.WriteLine($"  {name}  {side.Model ?? "(model not said)"} at {side.Hook ?? "(hook not said)"}: L0 {side.L0:0.00}, FVU {side.Fvu:0.0000}");
        output.WriteLine(Summary(report));
        foreach (var note in report.Notes) output.WriteLine(note);
        Write(output, Title("B", "A", report.BOnly), report.BOnly.Count, report.BOnly.Latents);
        Write(output, Title("A", "B", report.AOnly), report.AOnly.Count, report.AOnly.Latents);
        if (report.Turned.Count > 0) Write(output, "Shared, with decoder rows that point furthest apart", report.Shared, report.Turned);
    }

    public static string Summary(ModelDiffReport report) =>
        $"{report.Shared} latents are shared{(report.Kind == "crosscoder" ? $", {report.Other} lean to one side" : "")}, {report.BOnly.Count} look like B's alone, {report.AOnly.Count} like A's alone, {report.Dead} are dead.";

    public static string Title(string name, string other, OnlyView only) =>
        $"Looks like {name}'s alone: {only.Count}. {name}'s own {only.Specific}; {other} leaves it over (complete shrinkage) {only.CompleteShrinkage}; {other} has it in other latents (latent decoupling) {only.LatentDecoupling}; does not describe {name}'s rows {only.Misfit}; too few rows {only.Unknown}";

    private static void Write(TextWriter output, string title, int count, IReadOnlyList<DiffedLatentView> latents)
    {
        output.WriteLine();
        output.WriteLine($"{title}{(latents.Count < count ? $"; the first {latents.Count}" : "")}");
        if (latents.Count == 0) return;
        // One dictionary for both has no two decoder rows to compare.
        var pairs = latents[0].RelativeNorm is not null;
        output.WriteLine($"  {"latent",8}{(pairs ? $" {"norm A",8} {"norm B",8} {"relative",8} {"cosine",7}" : "")} {"rate A",8} {"rate B",8} {"ν error",8} {"ν recon.",8}");
        foreach (var latent in latents)
            output.WriteLine($"  {latent.Latent,8}{(pairs ? $" {latent.NormA,8:0.###} {latent.NormB,8:0.###} {latent.RelativeNorm,8:0.00} {latent.Cosine,7:0.00}" : "")} {latent.RateA,8:0.#####} {latent.RateB,8:0.#####} {latent.NuError,8:0.00} {latent.NuReconstruction,8:0.00}  {Origin(latent.Origin)}".TrimEnd());
    }

    public static string Origin(LatentOrigin? origin) => origin switch
    {
        LatentOrigin.Specific => "its own",
        LatentOrigin.CompleteShrinkage => "complete shrinkage",
        LatentOrigin.LatentDecoupling => "latent decoupling",
        LatentOrigin.Misfit => "does not describe its own rows",
        LatentOrigin.Unknown => $"fires in fewer than {ScaledLatent.RowsMinimum} rows",
        _ => "",
    };
}

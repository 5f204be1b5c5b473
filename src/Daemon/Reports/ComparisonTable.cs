using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Detection;
using DriftWatch.Daemon.Api;

namespace DriftWatch.Daemon.Reports;

/// <summary>A comparison as text for a terminal.</summary>
internal static class ComparisonTable
{
    public static void Write(TextWriter output, ComparisonView view)
    {
        output.WriteLine($"{view.B.Monitor} compared with {view.A.Monitor} ({view.Probe.ToString().ToLowerInvariant()}, space {view.Space})");
        output.WriteLine($"  {"",-2} {"windows",8} {"rows",10} {"sequences",10} {"FVU",8} {"L0",7}  transform");
        foreach (var (name, side) in new[] { ("A", view.A), ("B", view.B) })
            output.WriteLine($"  {name,-2} {side.Windows,8} {side.Rows,10} {side.Sequences,10} {side.Fvu,8:0.0000} {side.L0,7:0.00}  {Transform(side.Transform, view.Features)}, {side.Start:u} to {side.End:u}");
        output.WriteLine(Summary(view));
        foreach (var note in view.Notes) output.WriteLine(note);
        foreach (var difference in view.Differences.Where(difference => difference.Count > 0))
        {
            output.WriteLine();
            output.WriteLine($"{Title(difference)}{(difference.Features.Count < difference.Count ? $"; the first {difference.Features.Count}" : "")}");
            foreach (var feature in difference.Features) output.WriteLine($"  {Name(feature),-40} {Effects(difference.Change, feature)}{(feature.Group is { } group && group != feature.Feature ? $", with {group}" : "")}{(feature.Scaling is { } scaling ? $"; {Origin(scaling)}" : "")}");
        }
    }

    public static string Summary(ComparisonView view) =>
        $"{view.Tested} of {view.Features} features fired and were compared; of those named about {Percent(view.FalseDiscoveryRate)} are chance (detection.falseDiscoveryRate).{(view.NotMapped > 0 ? $" {view.NotMapped} are not mapped." : "")}{(view.Differences.Any(difference => difference.Change != FeatureChange.NotMapped && difference.Count > 0) ? "" : " None differs beyond chance.")}";

    public static string Title(DifferenceView difference) => difference.Change switch
    {
        FeatureChange.FiresMore => $"Fires more in B: {difference.Count} ({difference.Large} by detection.rateRatio or more for certain)",
        FeatureChange.FiresLess => $"Fires less in B: {difference.Count} ({difference.Large} by detection.rateRatio or more for certain)",
        FeatureChange.New => $"New in B: {difference.Count} ({difference.Large} in detection.appearanceShare of the sequences or more for certain)",
        FeatureChange.Silent => $"Silent in B: {difference.Count} ({difference.Large} in detection.appearanceShare of A's sequences or more for certain)",
        FeatureChange.Magnitude => $"With another strength when it fires, and no clear change of how often: {difference.Count} ({difference.Large} by detection.magnitudeOctaves or more for certain)",
        _ => $"Not mapped, though it fires on the other side: {difference.Count} (a feature map does not reach it: nothing is known)",
    };

    public static string Name(ComparedFeatureView feature) => feature.Label is null ? $"feature {feature.Feature}" : $"feature {feature.Feature} '{feature.Label}'";

    private static string Effects(FeatureChange change, ComparedFeatureView feature)
    {
        var rates = $"rate {feature.RateA:0.#####} → {feature.RateB:0.#####}";
        if (change == FeatureChange.NotMapped) return $"{rates}, not reached by {feature.NotReachedBy}";
        var octaves = feature.Octaves is { } strength ? $", strength {strength.Value:+0.00;-0.00;0.00} octaves ({strength.Low:+0.00;-0.00;0.00} to {strength.High:+0.00;-0.00;0.00})" : "";
        return feature switch
        {
            { Share: { } share } => $"{rates}, in {Percent(share.Value)} of the sequences ({Percent(share.Low)} to {Percent(share.High)}), p {feature.P:0.0e+00}",
            { Factor: { } factor } => $"{rates}, factor {factor.Value:0.0##} ({factor.Low:0.0##} to {factor.High:0.0##}), p {feature.P:0.0e+00}{octaves}",
            _ => $"{rates}, p {feature.P:0.0e+00}{octaves}",
        };
    }

    public static string Origin(ScaledLatent scaling) => scaling.Origin switch
    {
        LatentOrigin.Shared => $"fires in A's paired rows too ({Percent(scaling.Own)} of it)",
        LatentOrigin.CompleteShrinkage => $"not B's own: A leaves it over (ν {scaling.Error:0.00}, complete shrinkage)",
        LatentOrigin.LatentDecoupling => $"not B's own: A has it in other features (ν {scaling.Reconstruction:0.00}, latent decoupling)",
        LatentOrigin.Specific => $"B's own (ν {scaling.Error:0.00} left over in A, {scaling.Reconstruction:0.00} in its features)",
        LatentOrigin.Misfit => $"does not describe B's own rows (fit {scaling.Fit:0.00})",
        _ => $"too few paired rows ({scaling.Rows})",
    };

    public static string Transform(ComparedTransform transform, int features) =>
        $"{transform.Kind}{(transform.Grade is { } grade ? $" of grade {grade}" : "")}{(transform.Reached is { } reached ? $", reaches {reached} of {features} features" : "")}";

    private static string Percent(double share) => $"{share * 100:0.##} %";
}

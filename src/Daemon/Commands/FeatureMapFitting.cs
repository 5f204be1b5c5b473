using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>transform fit --kind feature-map</c>: learns which own feature is which canonical one, writes the file and says what was and was not matched.</summary>
internal static class FeatureMapFitting
{
    /// <param name="named">The card with what is known of the models.</param>
    public static int Run(PairedFiles pairs, TransformCard named, SparseAutoencoder source, SparseAutoencoder target, bool manyToOne, string file, bool json, IProgress<FitProgress> progress, CancellationToken stopping)
    {
        var began = Stopwatch.GetTimestamp();
        var learned = FeatureMapFit.Learn(pairs, FastestEncoder.For(source, Environment.ProcessorCount), FastestEncoder.For(target, Environment.ProcessorCount), manyToOne, progress, stopping);
        var card = learned.Card(source, target) with { SourceModel = named.SourceModel, SourceHook = named.SourceHook, TargetModel = named.TargetModel, TargetHook = named.TargetHook };
        // Not there before it is whole: a daemon may be pointed at the same file.
        using (var written = File.Create($"{file}.part")) FeatureMapFile.Write(written, card, learned.Map);
        File.Move($"{file}.part", file, overwrite: true);

        using var stored = File.OpenRead(file);
        var hash = Convert.ToHexStringLower(SHA256.HashData(stored));
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        if (json) Console.WriteLine(JsonSerializer.Serialize(View(learned, card, pairs, file, hash, seconds), EventJson.Options));
        else Write(Console.Out, learned, card, pairs, file, hash, seconds);
        return ExitCode.Done;
    }

    private static object View(LearnedFeatureMap learned, TransformCard card, PairedFiles pairs, string file, string hash, double seconds) => new
    {
        kind = card.Kind,
        file,
        hash,
        source = new { model = card.SourceModel, hook = card.SourceHook, width = pairs.SourceWidth, sae = card.SourceSae, features = learned.Map.SourceFeatures, unmatched = learned.SourceUnmatched },
        target = new { model = card.TargetModel, hook = card.TargetHook, width = pairs.TargetWidth, sae = card.TargetSae, features = learned.Map.TargetFeatures, unmatched = learned.TargetUnmatched },
        rows = learned.Data.Rows,
        sequences = learned.Data.Sequences,
        rowsLeftOut = new { notFinite = pairs.LeftOut.NotFinite, outliers = pairs.LeftOut.Outliers },
        pairs = learned.Matching.Pairs.Count,
        entries = learned.Map.Entries.Count,
        fidelity = learned.Fidelity,
        choices = learned.Choices,
        data = learned.Data.Hash,
        run = new { seconds },
    };

    private static void Write(TextWriter output, LearnedFeatureMap learned, TransformCard card, PairedFiles pairs, string file, string hash, double seconds)
    {
        var (cut, fidelity) = (learned.Matching.Cut, learned.Fidelity);
        output.WriteLine($"""
            {card.Kind}: {learned.Map.SourceFeatures} features of {TransformFitCommand.Named(card.SourceModel, card.SourceHook)} → {learned.Map.TargetFeatures} of {TransformFitCommand.Named(card.TargetModel, card.TargetHook)}
            learned from    {learned.Data.Rows} rows of {learned.Data.Sequences} sequences; {pairs.LeftOut.All} of {pairs.Rows} rows left out ({pairs.LeftOut.NotFinite} not finite, {pairs.LeftOut.Outliers} outliers)
            one to one      {learned.Matching.Pairs.Count} pairs that correlate above {cut.CorrelationAbove:0.0} and fire together in {cut.SequencesMinimum} sequences or more; {cut.ByChance:0.0} by chance, {learned.Matching.Refuted.Count} refuted by held-out sequences
            in the map      {learned.Map.Entries.Count} entries; {learned.Map.ReachedT.Count(reached => reached)} canonical features are reached, {learned.TargetUnmatched.Count()} are not mapped; {learned.SourceUnmatched.Count()} own features are dropped (--json lists them)
            held out        {(fidelity["correlation_median"] is { } median ? $"median correlation {(double)median:0.000}, {(double)fidelity["confirmed_share"]!:0.0%} of the pairs above the cut there too" : "nothing was matched")}
            {seconds:0.0} s → {file}, {hash}
            """);
        if (learned.PairsDropped > 0) output.WriteLine($"{learned.PairsDropped} rare pairs of features were not looked at: more than {FeaturePairSums.PairsMaximum} fire together.");
    }
}

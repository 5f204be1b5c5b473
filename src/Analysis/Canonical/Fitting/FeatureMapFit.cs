using System.Text.Json.Nodes;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>A learned feature map and what it rests on.</summary>
/// <param name="Matching">One to one, whatever the map is.</param>
/// <param name="PairsDropped">Rare pairs of features that were not looked at, for the budget of memory.</param>
public sealed record LearnedFeatureMap(FeatureMap Map, FeatureMatching Matching, FittingData Data, long PairsDropped)
{
    public bool ManyToOne => Map.Entries.GroupBy(entry => entry.Target).Any(sources => sources.Count() > 1);

    /// <summary>Source features that are in no entry: the daemon drops and counts them.</summary>
    public IEnumerable<int> SourceUnmatched => Enumerable.Range(0, Map.SourceFeatures).Except(Map.Entries.Select(entry => entry.Source));

    /// <summary>Target features that the map does not reach.</summary>
    public IEnumerable<int> TargetUnmatched => Enumerable.Range(0, Map.TargetFeatures).Where(target => !Map.ReachedT[target]);

    public JsonObject Choices => new()
    {
        ["many_to_one"] = ManyToOne,
        ["correlation_above"] = Matching.Cut.CorrelationAbove,
        ["sequences_minimum"] = Matching.Cut.SequencesMinimum,
        ["pairs_by_chance"] = Matching.Cut.ByChance,
        ["pairs_refuted"] = Matching.Refuted.Count,
        ["pairs_dropped"] = PairsDropped,
    };

    /// <summary>On the held-out sequences, of a matching that has not seen them: how many of its pairs are above the cut there too, and the correlations' median and deciles.</summary>
    public JsonObject Fidelity
    {
        get
        {
            var sorted = Matching.Confirmation.Order().ToArray();
            double At(double quantile) => sorted[(int)Math.Round(quantile * (sorted.Length - 1))];
            var fidelity = new JsonObject { ["matched_share"] = (double)Map.ReachedT.Count(reached => reached) / Map.TargetFeatures };
            if (sorted.Length == 0) return fidelity;
            fidelity["confirmed_share"] = (double)sorted.Count(correlation => correlation > Matching.Cut.CorrelationAbove) / sorted.Length;
            fidelity["correlation_median"] = At(0.5);
            fidelity["correlation_deciles"] = new JsonArray([.. Enumerable.Range(1, 9).Select(decile => (JsonNode)At(decile / 10.0))]);
            return fidelity;
        }
    }

    /// <summary>What it maps, and what was measured, in a file's terms.</summary>
    public TransformCard Card(SparseAutoencoder source, SparseAutoencoder target) => new(FeatureMapFile.Kind)
    {
        SourceSae = source.Hash,
        TargetSae = target.Hash,
        Data = Data.Hash,
        Rows = Data.Rows,
        Sequences = Data.Sequences,
        Choices = Choices.ToJsonString(),
        Fidelity = Fidelity.ToJsonString(),
    };
}

/// <summary>Learns which feature of a model's own dictionary is which canonical feature, from paired rows.</summary>
public static class FeatureMapFit
{
    /// <summary>How far apart the sequences of each shuffled pairing stand: four wrong partners for each sequence, none its neighbour.</summary>
    private static readonly int[] shuffleLags = [3, 7, 13, 29];

    /// <param name="source">The model's own dictionary.</param>
    /// <param name="target">The space's.</param>
    /// <param name="manyToOne">Mixtures of several own features (<see cref="FeatureMixing"/>), two passes more; else one own feature for each canonical one, with the scale of <see cref="FeaturePairSums.Scale"/>.</param>
    /// <exception cref="MalformedException">Nothing can be learned from these rows; reason <c>fit</c>.</exception>
    public static LearnedFeatureMap Learn(IPairedActivations paired, IEncoder source, IEncoder target, bool manyToOne = false, IProgress<FitProgress>? progress = null, CancellationToken stopping = default)
    {
        Check(paired.SourceWidth, source.Dictionary, "source");
        Check(paired.TargetWidth, target.Dictionary, "target");
        var data = FittingPass.Over(paired, holdOut: false, "checking", progress, _ => { }, stopping);
        data.Check(sourceWidth: 0, splits: true);

        var codes = new PairedCodes(paired, source, target);
        FeaturePairSums New() => new(source.Dictionary.Features, target.Dictionary.Features);
        var (fitted, heldOut, shuffled) = (New(), New(), Array.ConvertAll(shuffleLags, _ => New()));
        var before = new Queue<SparseCodes>();
        var rows = 0L;
        foreach (var sequence in codes.Sequences())
        {
            stopping.ThrowIfCancellationRequested();
            (SequenceSplit.IsHeldOut(sequence.Ordinal) ? heldOut : fitted).AddSequence(sequence.Source, sequence.First, sequence.Target, sequence.First, sequence.Rows);
            for (var i = 0; i < shuffleLags.Length; i++)
            {
                if (before.Count < shuffleLags[i]) continue;
                // The other sequence's rows are turned by half: a feature of a position must not meet its like at the same position.
                var other = before.ElementAt(before.Count - shuffleLags[i]);
                var length = Math.Min(sequence.Rows, other.Rows);
                shuffled[i].AddSequence(sequence.Source, sequence.First, other, 0, length, length / 2);
            }
            before.Enqueue(sequence.Target.Copy(sequence.First, sequence.Rows));
            if (before.Count > shuffleLags[^1]) before.Dequeue();
            progress?.Report(new("rows", rows += sequence.Rows, data.Rows));
        }
        progress?.Report(new("matching", 0, 0));
        var matching = FeatureMatching.Of(fitted, heldOut, shuffled);
        var map = manyToOne ? FeatureMixing.Learn(codes, FeaturePairSums.Of(fitted, heldOut), matching) : OneToOne(matching, source.Dictionary.Features, target.Dictionary.Features);
        return new(map, matching, data, fitted.PairsDropped + heldOut.PairsDropped);
    }

    private static FeatureMap OneToOne(FeatureMatching matching, int sourceFeatures, int targetFeatures) => new(
        sourceFeatures, targetFeatures, [.. matching.Pairs.Select(pair => new FeatureMapEntry(pair.Source, pair.Target, (float)pair.Scale, (float)pair.Correlation))], new float[targetFeatures]);

    private static void Check(int width, SparseAutoencoder dictionary, string side)
    {
        if (width != dictionary.Width)
            throw new MalformedException("wrong-width", $"The {side}'s activations are {width} wide; the dictionary of --{side}-sae takes {dictionary.Width}. Use the activations of the model and hook that it was trained on.");
    }
}

using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Measures a map on paired rows that it was not fitted on, beside controls on the same rows, and grades it.</summary>
/// <remarks>
/// The data is read twice: once for samples, once for sums. Memory grows with widths and features, not with rows. y target row, ŷ mapped row, c = E(y) and ĉ their features by the reference dictionary, D its decoder.
/// The same data gives the same report, to the bit.
/// </remarks>
public sealed class TransformEvaluation
{
    private readonly EvaluationData data;
    private readonly IEncoder reference;
    private readonly IReadOnlyList<IMappedView> views;
    private readonly MappedSums[] sums;
    private readonly MappedRows[] mapped;
    private readonly MappedSums shuffledSums;
    private readonly MappedRows previous = new();
    private readonly NativeSums native;
    private readonly Reconstruction reconstruction;
    private readonly int threads;
    private readonly double fvuRandom;

    private TransformEvaluation(EvaluationData data, IMappedView map, IEncoder reference, IEncoder? source, int threads)
    {
        (this.data, this.reference) = (data, reference);
        var sae = reference.Dictionary;
        views = [map, .. FidelityControls.Of(data, reference, source, threads)];
        sums = [.. views.Select(_ => new MappedSums(sae))];
        mapped = [.. views.Select(_ => new MappedRows())];
        shuffledSums = new(sae);
        native = new(sae.Width, sae.Features);
        reconstruction = new(sae);
        this.threads = threads;
        fvuRandom = FidelityControls.RandomFvu(data, reference, threads);
    }

    /// <param name="map">The map that is judged.</param>
    /// <param name="reference">Encodes with the dictionary of the space that is mapped into.</param>
    /// <param name="source">Of a map of features: encodes with the source's own dictionary.</param>
    /// <param name="progress">Told how many of the rows that count have been measured.</param>
    /// <exception cref="MalformedException">The data does not fit or says nothing; reasons <c>wrong-width</c>, <c>too-few</c>.</exception>
    public static FidelityReport Run(EvaluationData data, IMappedView map, IEncoder reference, IEncoder? source, int threads, Action<long>? progress = null, CancellationToken stopping = default)
    {
        if (reference.Dictionary.Width != data.Paired.TargetWidth)
            throw new MalformedException("wrong-width", $"the target rows have width {data.Paired.TargetWidth} and the reference dictionary {reference.Dictionary.Width}. Give target rows of the model and hook that the dictionary was trained on");
        var evaluation = new TransformEvaluation(data, map, reference, source, threads);
        evaluation.Measure(progress, stopping);
        return evaluation.Report();
    }

    private void Measure(Action<long>? progress, CancellationToken stopping)
    {
        // Before the first sequence: some other one.
        var some = data.Evaluated.Sequences[^1];
        views[0].Map(some.SourceNS, previous);
        var previousRows = some.TargetNT.Length / reference.Dictionary.Width;
        var (codes, weightsL, done) = (new SparseCodes(), new double[Resampling.Lanes], 0L);
        foreach (var chunk in data.Chunks())
        {
            stopping.ThrowIfCancellationRequested();
            WholeRows.Encode(reference, chunk.TargetNT, codes);
            var errorN = NativeErrors(chunk.TargetNT, codes);
            for (var v = 0; v < views.Count; v++) views[v].Map(chunk.SourceNS, mapped[v]);
            foreach (var (ordinal, first, rows) in chunk.Sequences)
            {
                Resampling.Weights(ordinal, weightsL);
                var rowsNT = chunk.TargetNT.AsSpan(first * reference.Dictionary.Width, rows * reference.Dictionary.Width);
                native.Add(rowsNT, codes, first, errorN, weightsL);
                for (var v = 0; v < views.Count; v++) sums[v].Add(rowsNT, codes, first, mapped[v], views[v].MapsRows, first, rows, weightsL);
                shuffledSums.Add(rowsNT, codes, first, previous, views[0].MapsRows, 0, previousRows, weightsL);
                previous.CopyFrom(mapped[0], first, rows, views[0].MapsRows ? reference.Dictionary.Width : 0);
                previousRows = rows;
                progress?.Invoke(done += rows);
            }
        }
    }

    private double[] NativeErrors(float[] targetNT, SparseCodes codes)
    {
        var width = reference.Dictionary.Width;
        var (errorN, decodedT) = (new double[codes.Rows], new float[width]);
        for (var row = 0; row < codes.Rows; row++)
        {
            var y = targetNT.AsSpan(row * width, width);
            reconstruction.Decode(y, codes.FeaturesOf(row), codes.ValuesOf(row), decodedT);
            errorN[row] = Energy.OfDifference(y, decodedT);
        }
        return errorN;
    }

    private FidelityReport Report()
    {
        var measured = FidelityLanes.Measured(native);
        if (measured.Length == 0)
            throw new MalformedException("too-few", $"no feature of the reference dictionary fires in {FidelityLanes.FiringsMinimum} rows and {FidelityLanes.FiringSequencesMinimum} sequences of the {data.Rows} target rows that count. Give more rows, or the dictionary of the target's hook");
        var fvuNativeL = FidelityLanes.FvuNative(native);
        if (!double.IsFinite(fvuNativeL[0])) throw new MalformedException("too-few", "the target rows are all the same. Give rows of real traffic");
        var lanes = sums.Select(sum => FidelityLanes.Of(native, sum, measured)).ToArray();
        var shuffled = FidelityLanes.Of(native, shuffledSums, measured);
        FidelityLanes[] rivals = [.. views.Zip(lanes).Skip(1).Where(entry => entry.First.Name != FidelityControls.Identity).Select(entry => entry.Second), shuffled];
        var scores = Resampling.Interval(Grading.Scores(lanes[0], rivals, fvuNativeL)).Within(0, 1);
        var likeness = SpaceLikeness.Of(data.Evaluated, views, reference.Dictionary, threads);
        return new(
            Grading.Of(scores.Value, fvuNativeL[0], fvuRandom), scores, data.HeldOutOnly, data.Seen, data.Rows, data.Sequences, reference.Dictionary.Features, measured.Length,
            Resampling.Interval(fvuNativeL), fvuRandom, native.FiredL[0] / native.RowsL[0], views[0].MapsRows,
            lanes[0].Figures(views[0].MapsRows, likeness[0].Svcca, likeness[0].Cka),
            [
                .. Enumerable.Range(1, views.Count - 1).Select(v => new ViewFidelity(views[v].Name, lanes[v].Figures(views[v].MapsRows, likeness[v].Svcca, likeness[v].Cka))),
                new ViewFidelity(FidelityControls.Shuffled, shuffled.Figures(mapsRows: false, null, null)),
            ],
            [.. measured.Select((feature, at) => new FeatureFidelity(feature, lanes[0].Correlations[at], native.FiringsF[feature] / native.RowsL[0], sums[0].FiringsF[feature] / native.RowsL[0]))]);
    }
}

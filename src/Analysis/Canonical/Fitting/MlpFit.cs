using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>Learns the autoencoder map (<see cref="LatentAutoencoder"/>) by Adam, from the linear maps on, on minibatches of whole sequences, until a held-out tenth of the sequences gets no better.</summary>
/// <remarks>
/// One implementation, on the processor, in every build profile: a map is learned once for a pair of models, offline, and the same rows and seed should give the same file wherever it is learned, which a GPU's sums do not.
/// Both sides are centred and scaled by one number each, which goes into the first and last layer afterwards. Memory: a block of rows, the weights four times, some minibatches.
/// </remarks>
internal sealed class MlpFit
{
    private const int BatchRows = 512;
    private const float Rate = 1e-3f;
    private const int Patience = 5;
    private const double StartPenaltyShare = 1e-3;

    /// <summary>One sequence of so many says when to stop.</summary>
    private const int StoppingOneIn = 10;

    private readonly IPairedActivations paired;
    private readonly FitOptions options;
    private readonly CancellationToken stopping;
    private readonly SideScale source, target;
    private readonly FittingData data;
    private readonly LatentAutoencoder model;
    private readonly Random random;
    private readonly int batchRows;

    private MlpFit(IPairedActivations paired, FitOptions options, IProgress<FitProgress>? progress, CancellationToken stopping)
    {
        (this.paired, this.options, this.stopping) = (paired, options, stopping);
        var longest = 0;
        var (there, back) = (new Moments(paired.SourceWidth, paired.TargetWidth), new Moments(paired.TargetWidth, paired.SourceWidth));
        var products = new Products<double>(options.Threads);
        data = FittingPass.Over(paired, options.HoldOut, "rows", progress, sequence =>
        {
            longest = Math.Max(longest, sequence.Rows);
            if (sequence.HeldOut) return;
            for (var row = 0; row < sequence.Rows; row++)
            {
                var sourceS = sequence.SourceNS.Slice(row * paired.SourceWidth, paired.SourceWidth);
                var targetT = sequence.TargetNT.Slice(row * paired.TargetWidth, paired.TargetWidth);
                there.Add(sourceS, targetT, products);
                back.Add(targetT, sourceS, products);
            }
        }, stopping);
        data.Check(paired.SourceWidth, splits: true);
        there.End(products);
        back.End(products);
        var (centredThere, centredBack) = (there.Centred(), back.Centred());
        source = new(centredThere.SourceMeanS, centredThere.SourceEnergy / data.Rows);
        target = new(centredBack.SourceMeanS, centredBack.SourceEnergy / data.Rows);
        // A sequence longer than a minibatch is one alone.
        batchRows = Math.Max(BatchRows, longest);
        random = new(options.Seed);
        model = new(paired.SourceWidth, options.Latent ?? 4 * Math.Max(paired.SourceWidth, paired.TargetWidth), paired.TargetWidth, batchRows, random, new(options.Threads));
        model.StartLinear(StartOf(centredThere, source.Factor / target.Factor, products), StartOf(centredBack, target.Factor / source.Factor, products));
    }

    /// <summary>The ridge map of scaled rows; only a start, so its penalty is not chosen with care.</summary>
    private static Matrix<double> StartOf(CentredMoments moments, double factor, Products<double> products)
    {
        var aST = RidgeFit.Solve(moments, Math.Max(StartPenaltyShare * RidgeFit.Unit(moments), double.Epsilon), products);
        foreach (ref var value in aST.Values) value *= factor;
        return aST;
    }

    public static LearnedTransform Learn(IPairedActivations paired, FitOptions options, IProgress<FitProgress>? progress, CancellationToken stopping) =>
        new MlpFit(paired, options, progress, stopping).Learn(progress);

    private LearnedTransform Learn(IProgress<FitProgress>? progress)
    {
        var best = (Error: double.PositiveInfinity, Epoch: 0, Tensors: Array.Empty<TransformTensor>());
        for (var epoch = 1; epoch <= options.Epochs && epoch - best.Epoch <= Patience; epoch++)
        {
            // Lower and lower, by half a cosine over the epochs that may come.
            var rate = Rate * (float)(0.5 + 0.5 * Math.Cos(Math.PI * (epoch - 1) / options.Epochs));
            foreach (var (block, batch) in Batches(ordinal => !IsStopping(ordinal), random)) model.Train(Fill(block, batch), rate);
            var error = 0.0;
            foreach (var (block, batch) in Batches(IsStopping, null)) error += model.MapError(Fill(block, batch));
            progress?.Report(new("epochs", epoch, options.Epochs));
            if (error < best.Error) best = (error, epoch, Tensors());
        }
        return TransformFit.Learned("mlp", best.Tensors, data, HeldOutR2(best.Tensors), new() { ["latent"] = model.EncodeSource.Columns, ["seed"] = options.Seed, ["epoch"] = best.Epoch, ["epochs"] = options.Epochs });
    }

    private bool IsHeldOut(long ordinal) => options.HoldOut && SequenceSplit.IsHeldOut(ordinal);

    private static bool IsStopping(long ordinal) => SequenceSplit.FoldOf(ordinal, StoppingOneIn) == 0;

    /// <summary>Whole sequences, as many as fit into a minibatch; in a random order within their block, where one is wanted.</summary>
    private IEnumerable<(PairedBlock Block, List<(int First, int Rows)> Batch)> Batches(Func<long, bool> belongs, Random? order)
    {
        var ordinal = 0L;
        foreach (var block in paired.Blocks())
        {
            stopping.ThrowIfCancellationRequested();
            var first = ordinal;
            var sequences = block.Sequences.Where((_, i) => !IsHeldOut(first + i) && belongs(first + i)).ToArray();
            ordinal += block.Sequences.Count;
            order?.Shuffle(sequences);
            var batch = new List<(int First, int Rows)>();
            foreach (var sequence in sequences)
            {
                if (batch.Sum(other => other.Rows) + sequence.Rows > batchRows)
                {
                    yield return (block, batch);
                    batch = [];
                }
                batch.Add(sequence);
            }
            if (batch.Count > 0) yield return (block, batch);
        }
    }

    private int Fill(PairedBlock block, List<(int First, int Rows)> batch)
    {
        var to = 0;
        foreach (var (first, rows) in batch)
            for (var row = first; row < first + rows; row++, to++)
            {
                source.Scale(block.SourceNS.AsSpan(row * paired.SourceWidth, paired.SourceWidth), model.SourceBS.Row(to));
                target.Scale(block.TargetNT.AsSpan(row * paired.TargetWidth, paired.TargetWidth), model.TargetBT.Row(to));
            }
        return to;
    }

    private TransformTensor[] Tensors()
    {
        var latent = model.EncodeSource.Columns;
        var (w1, b1) = source.Unscaled(model.EncodeSource);
        var (w2, b2) = target.Rescaled(model.DecodeTarget);
        var (w1i, b1i) = target.Unscaled(model.EncodeTarget);
        var (w2i, b2i) = source.Rescaled(model.DecodeSource);
        return
        [
            new("W1", [paired.SourceWidth, latent], w1), new("b1", [latent], b1), new("W2", [latent, paired.TargetWidth], w2), new("b2", [paired.TargetWidth], b2),
            new("W1i", [paired.TargetWidth, latent], w1i), new("b1i", [latent], b1i), new("W2i", [latent, paired.SourceWidth], w2i), new("b2i", [paired.SourceWidth], b2i),
        ];
    }

    /// <summary>Of the map as it will be applied.</summary>
    private double? HeldOutR2(TransformTensor[] tensors)
    {
        if (data.HeldOutRows == 0) return null;
        var map = new MlpTransform(tensors[0].Values, tensors[1].Values, tensors[2].Values, tensors[3].Values, null, "");
        var (error, energy, sumT) = (0.0, 0.0, new double[paired.TargetWidth]);
        FittingPass.Over(paired, holdOut: true, "rows", null, sequence =>
        {
            if (!sequence.HeldOut) return;
            error += Energy.OfDifference(sequence.TargetNT, map.Apply(sequence.SourceNS));
            energy += Energy.Of(sequence.TargetNT);
            for (var i = 0; i < sequence.TargetNT.Length; i++) sumT[i % sumT.Length] += sequence.TargetNT[i];
        }, stopping);
        return 1 - error / (energy - sumT.Sum(sum => sum * sum) / data.HeldOutRows);
    }
}

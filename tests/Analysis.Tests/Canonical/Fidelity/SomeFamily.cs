using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Tests.Canonical.Fitting;

namespace DriftWatch.Analysis.Tests.Canonical.Fidelity;

/// <summary>Models that read one stream of sparse features, each through its own dictionary: what a map between them can reach is known.</summary>
internal sealed class SomeFamily
{
    public const int Features = 96, Width = 64, Sequences = 200, RowsEach = 16, Rows = Sequences * RowsEach;

    private readonly float[] streamNF;
    private readonly float[] ownNF;
    private readonly int[] sequenceOfN = [.. Enumerable.Range(0, Rows).Select(row => row / RowsEach)];
    private readonly float[] directionsFD;
    private readonly FastRandom random;

    public SomeFamily(long seed)
    {
        random = new(seed, 1);
        (streamNF, ownNF) = (Stream(), Stream());
        directionsFD = Directions(Width);
        Reference = new(Ideal(directionsFD, Width), 1);
        ReferenceND = RowsOf(streamNF, directionsFD, Width);
    }

    public CpuEncoder Reference { get; }
    public float[] ReferenceND { get; }

    /// <summary>The same features, turned.</summary>
    public float[] Rotated() => Turned(ReferenceND);

    /// <summary>The same features in directions of their own, in fewer dimensions, and the dictionary that knows them.</summary>
    public (float[] RowsND, int Width, CpuEncoder Dictionary) Independent()
    {
        const int narrow = 36;
        var directions = Directions(narrow);
        return (RowsOf(streamNF, directions, narrow), narrow, new(Ideal(directions, narrow), 1));
    }

    /// <summary>Every other feature is the reference's, turned; the others fire by themselves.</summary>
    public float[] Half()
    {
        var mixedNF = new float[Rows * Features];
        for (var i = 0; i < mixedNF.Length; i++) mixedNF[i] = i % Features % 2 == 0 ? streamNF[i] : ownNF[i];
        return Turned(RowsOf(mixedNF, directionsFD, Width));
    }

    public float[] Unrelated() => RowsOf(ownNF, Directions(Width), Width);

    /// <summary>By the sequences that the map's card says were held out, or by all.</summary>
    public FidelityReport Evaluate(float[] sourceND, int width, ITransform map, CpuEncoder? reference = null, int sequencesOfBlock = 64, bool otherData = false) =>
        Evaluate(sourceND, width, new ActivationView("map", map, reference ?? Reference), null, reference ?? Reference, sequencesOfBlock, otherData ? null : map.Card);

    public FidelityReport Evaluate(float[] sourceND, int width, IMappedView view, CpuEncoder? source, CpuEncoder reference, int sequencesOfBlock = 64, TransformCard? card = null) =>
        TransformEvaluation.Run(EvaluationData.Survey(Pairs(sourceND, width, sequencesOfBlock), card ?? new("some")), view, reference, source, 1);

    /// <summary>Ridge regression on the sequences that are not held out.</summary>
    public ITransform Ridge(float[] sourceND, int width, bool holdOut = true)
    {
        using var file = new MemoryStream();
        TransformFit.Learn(Pairs(sourceND, width), new("affine") { HoldOut = holdOut, Threads = 1 }).Write(file);
        file.Position = 0;
        return TransformFile.Read(file, "some.safetensors");
    }

    public PairedArrays Pairs(float[] sourceND, int width, int sequencesOfBlock = 64) => new(sourceND, width, ReferenceND, Width, sequenceOfN, sequencesOfBlock);

    /// <summary>Zipf-like rates, 15 % and less, three features a row; magnitudes around 3.</summary>
    private float[] Stream()
    {
        var stream = new float[Rows * Features];
        for (var i = 0; i < stream.Length; i++)
            if (random.NextDouble() < 0.15 / Math.Sqrt(1 + i % Features)) stream[i] = (float)Math.Max(1, 3 + 0.5 * random.NextGaussian());
        return stream;
    }

    private float[] Directions(int width)
    {
        var directions = new float[Features * width];
        for (var f = 0; f < Features; f++)
        {
            var direction = directions.AsSpan(f * width, width);
            for (var i = 0; i < width; i++) direction[i] = (float)random.NextGaussian();
            var norm = (float)Math.Sqrt(Energy.Of(direction));
            for (var i = 0; i < width; i++) direction[i] /= norm;
        }
        return directions;
    }

    private static float[] RowsOf(float[] streamNF, float[] directionsFD, int width)
    {
        var rows = new float[Rows * width];
        for (var row = 0; row < Rows; row++)
            for (var f = 0; f < Features; f++)
                if (streamNF[row * Features + f] is var z and > 0)
                    for (var i = 0; i < width; i++) rows[row * width + i] += z * directionsFD[f * width + i];
        return rows;
    }

    private float[] Turned(float[] rowsND) => [.. new AffineTransform([.. RandomOrthogonal.Matrix(Width, Width, random).Select(q => (float)q)], new float[Width], null, "turned").Apply(rowsND)];

    /// <summary>Reads along the true directions.</summary>
    private static SparseAutoencoder Ideal(float[] directionsFD, int width) => new()
    {
        Kind = AutoencoderKind.JumpReLU,
        Width = width,
        Features = Features,
        EncoderDF = [.. Enumerable.Range(0, width * Features).Select(i => directionsFD[i % Features * width + i / Features])],
        DecoderFD = directionsFD,
        EncoderBiasF = new float[Features],
        DecoderBiasD = new float[width],
        ThresholdF = [.. Enumerable.Repeat(1.8f, Features)],
    };
}

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>Two encoders into one latent and two decoders out of it, one of each a side, and a step of their training (after arXiv 2503.04429).</summary>
/// <remarks>
/// z = ReLU(x Eₛ) or ReLU(y Eₜ). Losses, each a mean square per number: the maps there and back, x → z → ŷ ≈ y and y → z → x̂ ≈ x; reconstruction, x → z → x and y → z → y,
/// which makes the latent one that both sides share; and the cycle, x → ŷ → x and y → x̂ → y. Only Eₛ and Dₜ are applied later.
/// </remarks>
internal sealed class LatentAutoencoder
{
    private const float ReconstructionWeight = 0.1f;
    private const float CycleWeight = 0.1f;

    private readonly DenseLayer encodeSource, decodeTarget, encodeTarget, decodeSource;
    private readonly Buffers source, target;

    public LatentAutoencoder(int sourceWidth, int latentWidth, int targetWidth, int batchRows, Random random, Products<float> products)
    {
        encodeSource = new(sourceWidth, latentWidth, random, products);
        decodeTarget = new(latentWidth, targetWidth, random, products);
        encodeTarget = new(targetWidth, latentWidth, random, products);
        decodeSource = new(latentWidth, sourceWidth, random, products);
        source = new(batchRows, sourceWidth, latentWidth);
        target = new(batchRows, targetWidth, latentWidth);
    }

    /// <summary>Starts as linear maps, x A there and y B back, instead of at random: the narrower side's coordinates, each as its positive and its negative part, are the latent. Units beyond are heard of later. A latent of less than two units a coordinate starts at random.</summary>
    public void StartLinear(Matrix<double> aST, Matrix<double> bTS)
    {
        var narrower = Math.Min(aST.Rows, aST.Columns);
        if (EncodeSource.Columns < 2 * narrower) return;
        var ofSource = aST.Rows == narrower;
        Split(encodeSource.Weights, ofSource ? null : aST, narrower);
        Join(decodeTarget.Weights, ofSource ? aST : null, narrower);
        Split(encodeTarget.Weights, ofSource ? bTS : null, narrower);
        Join(decodeSource.Weights, ofSource ? null : bTS, narrower);
    }

    /// <summary>Units n and narrower + n: the positive and negative part of column n. Null is the unit matrix.</summary>
    private static void Split(Matrix<float> encoder, Matrix<double>? map, int narrower)
    {
        for (var i = 0; i < encoder.Rows - 1; i++)
            for (var n = 0; n < narrower; n++) encoder[i, narrower + n] = -(encoder[i, n] = Of(map, i, n));
    }

    private static void Join(Matrix<float> decoder, Matrix<double>? map, int narrower)
    {
        decoder.Values.Clear();
        for (var n = 0; n < narrower; n++)
            for (var o = 0; o < decoder.Columns; o++) decoder[narrower + n, o] = -(decoder[n, o] = Of(map, n, o));
    }

    private static float Of(Matrix<double>? map, int row, int column) => map is null ? row == column ? 1 : 0 : (float)map[row, column];

    /// <summary>Where a batch's rows go, [batchRows, width], scaled to a mean square of about one.</summary>
    public Matrix<float> SourceBS => source.X;
    public Matrix<float> TargetBT => target.X;

    public Matrix<float> EncodeSource => encodeSource.Weights;
    public Matrix<float> DecodeTarget => decodeTarget.Weights;
    public Matrix<float> EncodeTarget => encodeTarget.Weights;
    public Matrix<float> DecodeSource => decodeSource.Weights;

    /// <summary>Σ‖y − ŷ‖² of the rows that are there.</summary>
    public double MapError(int rows)
    {
        Encode(encodeSource, source.X, source.Z, rows);
        decodeTarget.Forward(source.Z, target.Mapped, rows);
        var error = 0.0;
        for (var row = 0; row < rows; row++) error += Encoding.Energy.OfDifference(target.Mapped.Row(row), target.X.Row(row));
        return error;
    }

    /// <summary>One step of Adam on the rows that are there.</summary>
    public void Train(int rows, float rate)
    {
        // There, back and onto itself; then the cycles, each from the other side's map.
        Encode(encodeSource, source.X, source.Z, rows);
        Encode(encodeTarget, target.X, target.Z, rows);
        decodeTarget.Forward(source.Z, target.Mapped, rows);
        decodeSource.Forward(target.Z, source.Mapped, rows);
        foreach (var side in new[] { source, target }) side.ClearGradients();

        Cycle(target, encodeTarget, source, decodeSource, rows);
        Cycle(source, encodeSource, target, decodeTarget, rows);
        Map(source, target, decodeTarget, rows);
        Map(target, source, decodeSource, rows);
        Reconstruct(source, decodeSource, rows);
        Reconstruct(target, decodeTarget, rows);
        Masked(source.DZ, source.Z, rows);
        encodeSource.Backward(source.X, source.DZ, null, rows);
        Masked(target.DZ, target.Z, rows);
        encodeTarget.Backward(target.X, target.DZ, null, rows);

        foreach (var layer in new[] { encodeSource, decodeTarget, encodeTarget, decodeSource }) layer.Step(rate);
    }

    /// <summary>From what was mapped to <paramref name="through"/> back to <paramref name="to"/>'s own rows; leaves the gradient by what was mapped.</summary>
    private static void Cycle(Buffers through, DenseLayer encode, Buffers to, DenseLayer decode, int rows)
    {
        Encode(encode, through.Mapped, through.CycleZ, rows);
        decode.Forward(through.CycleZ, to.Output, rows);
        Difference(to.Output, to.X, to.Output, CycleWeight, rows);
        through.CycleDZ.Values.Clear();
        decode.Backward(through.CycleZ, to.Output, through.CycleDZ, rows);
        Masked(through.CycleDZ, through.CycleZ, rows);
        encode.Backward(through.Mapped, through.CycleDZ, through.DMapped, rows);
    }

    private static void Map(Buffers from, Buffers to, DenseLayer decode, int rows)
    {
        Difference(to.Mapped, to.X, to.Output, 1, rows);
        var sum = to.DMapped.Values;
        var direct = to.Output.Values;
        for (var i = 0; i < rows * to.Output.Columns; i++) sum[i] += direct[i];
        decode.Backward(from.Z, to.DMapped, from.DZ, rows);
    }

    private static void Reconstruct(Buffers side, DenseLayer decode, int rows)
    {
        decode.Forward(side.Z, side.Output, rows);
        Difference(side.Output, side.X, side.Output, ReconstructionWeight, rows);
        decode.Backward(side.Z, side.Output, side.DZ, rows);
    }

    private static void Encode(DenseLayer encode, Matrix<float> x, Matrix<float> z, int rows)
    {
        encode.Forward(x, z, rows);
        foreach (ref var value in z.Values[..(rows * z.Columns)]) value = Math.Max(value, 0);
    }

    /// <summary>The gradient of the weighted mean square of a − b.</summary>
    private static void Difference(Matrix<float> a, Matrix<float> b, Matrix<float> to, float weight, int rows)
    {
        var factor = 2 * weight / (rows * a.Columns);
        var ofA = a.Values;
        var ofB = b.Values;
        var result = to.Values;
        for (var i = 0; i < rows * a.Columns; i++) result[i] = factor * (ofA[i] - ofB[i]);
    }

    private static void Masked(Matrix<float> dz, Matrix<float> z, int rows)
    {
        var ofZ = z.Values;
        var result = dz.Values;
        for (var i = 0; i < rows * z.Columns; i++)
            if (ofZ[i] == 0) result[i] = 0;
    }

    /// <summary>One side's rows X, its latent, what was mapped to it, and the gradients by them.</summary>
    private sealed class Buffers(int rows, int width, int latent)
    {
        public Matrix<float> X { get; } = new(rows, width);
        public Matrix<float> Z { get; } = new(rows, latent);
        public Matrix<float> DZ { get; } = new(rows, latent);
        public Matrix<float> Mapped { get; } = new(rows, width);
        public Matrix<float> DMapped { get; } = new(rows, width);
        public Matrix<float> Output { get; } = new(rows, width);
        public Matrix<float> CycleZ { get; } = new(rows, latent);
        public Matrix<float> CycleDZ { get; } = new(rows, latent);

        public void ClearGradients()
        {
            DZ.Values.Clear();
            DMapped.Values.Clear();
        }
    }
}

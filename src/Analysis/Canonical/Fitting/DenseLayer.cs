namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>y = x W + b with gradients and Adam (Kingma and Ba 2015), in float32 on all cores; W [In, Out].</summary>
internal sealed class DenseLayer
{
    private const float Beta1 = 0.9f;
    private const float Beta2 = 0.999f;
    private const float Epsilon = 1e-8f;

    private readonly Products<float> products;
    private readonly Matrix<float> gradient;
    private readonly Matrix<float> mean;
    private readonly Matrix<float> square;
    private int steps;

    /// <summary>He's start: the variance of the sums stays what it was.</summary>
    public DenseLayer(int input, int output, Random random, Products<float> products)
    {
        this.products = products;
        (Weights, gradient, mean, square) = (New(), New(), New(), New());
        var scale = Math.Sqrt(2.0 / input);
        for (var i = 0; i < input * output; i++) Weights.Values[i] = (float)(scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));

        // The last row is b.
        Matrix<float> New() => new(input + 1, output);
    }

    /// <summary>[In + 1, Out]: W, and b below it.</summary>
    public Matrix<float> Weights { get; }

    private int Input => Weights.Rows - 1;

    public void Forward(Matrix<float> xBI, Matrix<float> yBO, int rows)
    {
        for (var row = 0; row < rows; row++) Weights.Row(Input).CopyTo(yBO.Row(row));
        products.Add(yBO.View(rows), 1, xBI.View(rows), Weights.View(Input));
    }

    /// <summary>Adds the loss's gradient by W and b to what is there, and the one by x to <paramref name="dxBI"/> where it is wanted.</summary>
    public void Backward(Matrix<float> xBI, Matrix<float> dyBO, Matrix<float>? dxBI, int rows)
    {
        products.Add(gradient.View(Input), 1, xBI.Transposed(rows), dyBO.View(rows));
        for (var row = 0; row < rows; row++)
        {
            var dbO = gradient.Row(Input);
            var dyO = dyBO.Row(row);
            for (var o = 0; o < dbO.Length; o++) dbO[o] += dyO[o];
        }
        if (dxBI is not null) products.Add(dxBI.View(rows), 1, dyBO.View(rows), Weights.Transposed(Input));
    }

    public void Step(float rate)
    {
        steps++;
        var (meanShare, squareShare) = (1 - MathF.Pow(Beta1, steps), 1 - MathF.Pow(Beta2, steps));
        Parallel.For(0, Weights.Rows, row =>
        {
            var w = Weights.Row(row);
            var g = gradient.Row(row);
            var m = mean.Row(row);
            var v = square.Row(row);
            for (var i = 0; i < w.Length; i++)
            {
                m[i] = Beta1 * m[i] + (1 - Beta1) * g[i];
                v[i] = Beta2 * v[i] + (1 - Beta2) * g[i] * g[i];
                w[i] -= rate * (m[i] / meanShare) / (MathF.Sqrt(v[i] / squareShare) + Epsilon);
            }
            g.Clear();
        });
    }
}

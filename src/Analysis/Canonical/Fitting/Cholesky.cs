using System.Numerics;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>M = UᵀU of a symmetric positive definite matrix, U upper triangular, in blocks, and what it solves.</summary>
/// <remarks>Our own, since choosing a penalty needs it some fifty times on matrices of the models' width, which a library without a fast product takes hours for.</remarks>
internal sealed class Cholesky
{
    private const int BlockMaximum = 96;

    /// <summary>A column of which no larger share of its variance is its own is determined by the columns before it.</summary>
    private const double OwnShareMinimum = 1e-10;

    private readonly Matrix<double> u;
    private readonly Products<double> products;

    /// <param name="symmetric">Only its upper half is read. Not changed.</param>
    /// <param name="ridge">Added to the diagonal.</param>
    public Cholesky(Matrix<double> symmetric, double ridge, Products<double> products)
    {
        this.products = products;
        u = symmetric.Copy();
        var size = u.Rows;
        var wholeN = new double[size];
        for (var i = 0; i < size; i++) wholeN[i] = u[i, i] += ridge;
        for (var first = 0; first < size; first += BlockMaximum) Eliminate(first, Math.Min(BlockMaximum, size - first), wholeN);
    }

    /// <summary>Columns that the others determine (but for rounding): the matrix is singular when there are any, and nothing can be solved.</summary>
    public int Dependent { get; private set; }

    /// <summary>X with M X = B, in the place of B [size, n].</summary>
    public void Solve(Matrix<double> b)
    {
        var (size, columns) = (u.Rows, b.Columns);
        for (var first = 0; first < size; first += BlockMaximum)
        {
            var (count, below) = (Math.Min(BlockMaximum, size - first), Math.Min(first + BlockMaximum, size));
            SolveBlock(b, 0, first, count, transposed: true);
            products.Add(b.View().Part(below, 0, size - below, columns), -1, u.View().Part(first, below, count, size - below).Transposed, b.View().Part(first, 0, count, columns));
        }
        for (var first = (size - 1) / BlockMaximum * BlockMaximum; first >= 0; first -= BlockMaximum)
        {
            var count = Math.Min(BlockMaximum, size - first);
            SolveBlock(b, 0, first, count, transposed: false);
            products.Add(b.View().Part(0, 0, first, columns), -1, u.View().Part(0, first, first, count), b.View().Part(first, 0, count, columns));
        }
    }

    private void Eliminate(int first, int count, double[] wholeN)
    {
        var (size, below) = (u.Rows, first + count);
        for (var j = first; j < below; j++)
        {
            var ofJ = u.Row(j)[j..below];
            for (var k = first; k < j; k++) Subtract(ofJ, u[k, j], u.Row(k)[j..below]);
            // Written so that NaN is dependent too. An infinite pivot leaves the column out.
            var root = ofJ[0] > OwnShareMinimum * wholeN[j] ? Math.Sqrt(ofJ[0]) : double.PositiveInfinity;
            if (double.IsInfinity(root)) Dependent++;
            ofJ[0] = root;
            foreach (ref var value in ofJ[1..]) value /= root;
        }
        SolveBlock(u, below, first, count, transposed: true);
        var right = u.View().Part(first, below, count, size - below);
        products.Add(u.View().Part(below, below, size - below, size - below), -1, right.Transposed, right, upperOnly: true);
    }

    /// <summary>The block's own triangle, or its transpose, solved for the columns <paramref name="left"/> and on of its rows of B, which are whole vectors.</summary>
    private void SolveBlock(Matrix<double> b, int left, int first, int count, bool transposed)
    {
        const int Strip = 128;
        Parallel.For(0, (b.Columns - left + Strip - 1) / Strip, strip =>
        {
            var (from, to) = (left + strip * Strip, Math.Min(b.Columns, left + (strip + 1) * Strip));
            for (var step = 0; step < count; step++)
            {
                var row = transposed ? first + step : first + count - 1 - step;
                var ofRow = b.Row(row)[from..to];
                for (var k = transposed ? first : row + 1; k < (transposed ? row : first + count); k++) Subtract(ofRow, transposed ? u[k, row] : u[row, k], b.Row(k)[from..to]);
                foreach (ref var value in ofRow) value /= u[row, row];
            }
        });
    }

    private static void Subtract(Span<double> to, double factor, ReadOnlySpan<double> from)
    {
        var (i, factors) = (0, new Vector<double>(factor));
        for (; i + Vector<double>.Count <= to.Length; i += Vector<double>.Count) (new Vector<double>(to[i..]) - factors * new Vector<double>(from[i..])).CopyTo(to[i..]);
        for (; i < to.Length; i++) to[i] -= factor * from[i];
    }
}

using System.Runtime.Intrinsics.X86;

namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>Asks for a strip's next piece while work goes on with this one: weights are read in an order that the processor does not foresee, and come from memory.</summary>
internal unsafe struct Prefetch
{
    private const int Line = 16;

    private readonly int linesOfTurn;
    private readonly float* end;
    private float* next;

    /// <param name="turns">Of work, over which the piece is divided.</param>
    public Prefetch((int Strip, int From) piece, ScreenedWeights weights, int turns)
    {
        if (!Sse.IsSupported || piece.Strip >= weights.Strips) return;
        var features = weights.Strip(piece.Strip);
        var length = features.Count * Pieces.LengthFrom(piece.From, weights.Stride);
        next = features.At(0, piece.From);
        end = next + length;
        linesOfTurn = length / Line / Math.Max(1, turns) + 1;
    }

    public void Go(int turns)
    {
        for (var line = turns * linesOfTurn; line > 0 && next < end; line--, next += Line) Sse.Prefetch1(next);
    }

    public static void All(float* start, int length)
    {
        if (!Sse.IsSupported) return;
        for (var i = 0; i < length; i += Line) Sse.Prefetch1(start + i);
    }
}

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>What two features did together.</summary>
/// <param name="Product">Σ f_s·f_t over rows.</param>
/// <param name="SourceSquare">Σ f_s² over the rows in which both fire.</param>
/// <param name="Sequences">Sequences in which both fire in one row.</param>
internal readonly record struct PairSum(int Source, int Target, double Product, double SourceSquare, int Sequences);

/// <summary>Sums by pair of features, only for pairs that fired together: open addressing, linear probing.</summary>
/// <remarks>
/// Bounded: at <paramref name="budget"/> pairs those that fired together in the fewest sequences are dropped until half are left. A pair that comes back begins anew, so sums of
/// rare pairs may be too small (never too large): it can make a pair look less alike, and not more. The order of what is added decides everything; no hash is random.
/// </remarks>
internal sealed class PairTable(int targetFeatures, int budget)
{
    private const long Empty = -1;

    private long[] key = Filled(1 << 12);
    private double[] product = new double[1 << 12], sourceSquare = new double[1 << 12];
    private int[] sequences = new int[1 << 12];

    public int Count { get; private set; }

    /// <summary>Pairs that were dropped for the budget.</summary>
    public long Dropped { get; private set; }

    public void Add(int source, int target, double productMore, double squareMore, int sequencesMore)
    {
        if (Count >= budget) Prune();
        if (Count * 2 >= key.Length) Resize(key.Length * 2);
        var slot = SlotOf((long)source * targetFeatures + target);
        product[slot] += productMore;
        sourceSquare[slot] += squareMore;
        sequences[slot] += sequencesMore;
    }

    public PairSum Of(int source, int target)
    {
        var wanted = (long)source * targetFeatures + target;
        for (var slot = HomeOf(wanted); key[slot] != Empty; slot = (slot + 1) & (key.Length - 1))
            if (key[slot] == wanted) return At(slot);
        return new(source, target, 0, 0, 0);
    }

    /// <summary>Ascending by source, then target.</summary>
    public IEnumerable<PairSum> Pairs()
    {
        var slots = new int[Count];
        var keys = new long[Count];
        var at = 0;
        for (var slot = 0; slot < key.Length; slot++)
        {
            if (key[slot] == Empty) continue;
            (keys[at], slots[at++]) = (key[slot], slot);
        }
        Array.Sort(keys, slots);
        return slots.Select(At);
    }

    private PairSum At(int slot) => new((int)(key[slot] / targetFeatures), (int)(key[slot] % targetFeatures), product[slot], sourceSquare[slot], sequences[slot]);

    private int HomeOf(long wanted) => (int)(((ulong)wanted * 0x9E3779B97F4A7C15) >> 32) & (key.Length - 1);

    private int SlotOf(long wanted)
    {
        var slot = HomeOf(wanted);
        while (key[slot] != wanted)
        {
            if (key[slot] == Empty)
            {
                key[slot] = wanted;
                Count++;
                break;
            }
            slot = (slot + 1) & (key.Length - 1);
        }
        return slot;
    }

    private void Prune()
    {
        var bySequences = new SortedDictionary<int, int>();
        for (var slot = 0; slot < key.Length; slot++)
            if (key[slot] != Empty) bySequences[sequences[slot]] = bySequences.GetValueOrDefault(sequences[slot]) + 1;
        var (left, least) = (Count, 0);
        foreach (var (together, pairs) in bySequences)
        {
            if (left <= budget / 2) break;
            (left, least) = (left - pairs, together + 1);
        }
        Dropped += Count - left;
        Resize(key.Length, least);
    }

    private void Resize(int capacity, int least = 0)
    {
        var (keys, products, squares, counts) = (key, product, sourceSquare, sequences);
        (key, product, sourceSquare, sequences, Count) = (Filled(capacity), new double[capacity], new double[capacity], new int[capacity], 0);
        for (var slot = 0; slot < keys.Length; slot++)
        {
            if (keys[slot] == Empty || counts[slot] < least) continue;
            var to = SlotOf(keys[slot]);
            (product[to], sourceSquare[to], sequences[to]) = (products[slot], squares[slot], counts[slot]);
        }
    }

    private static long[] Filled(int capacity)
    {
        var keys = new long[capacity];
        Array.Fill(keys, Empty);
        return keys;
    }
}

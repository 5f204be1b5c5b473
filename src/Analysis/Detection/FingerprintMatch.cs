using System.Buffers.Binary;

namespace DriftWatch.Analysis.Detection;

/// <summary>Does this drift look like that one?</summary>
/// <remarks>
/// Cosine of the window's drift vector with the fingerprint, over all features: 1 is the same direction, 0 none in common.
/// Its p-value is the share of permutations of the features with a cosine as large: the fingerprint's entries are dealt to other features that fire about as often
/// (<see cref="Strata"/> groups by the baseline's rate, since what is rare moves by other factors than what is common), and never to features that could not be compared,
/// which would make any overlap look like a finding. (1 + k)/(1 + n) of n permutations; it stops early at k = <see cref="Exceedances"/>
/// (Besag and Clifford 1991), so an ordinary window costs a few hundred of them, each O(entries).
/// Drawn from the fingerprint's hash: the same window gives the same p-value on every machine.
/// </remarks>
/// <param name="P">1 where no permutation was asked for.</param>
/// <param name="Shared">Features that moved the same way in both, those that matter most first.</param>
public sealed record FingerprintMatch(double Cosine, double P, IReadOnlyList<int> Shared)
{
    private const int Strata = 8;
    private const int StratumMinimum = 8;
    private const int Exceedances = 50;

    /// <summary>So many permutations for each 1/p that is asked: a p-value at the limit is known to a quarter.</summary>
    private const int PermutationsPerP = 20;

    /// <param name="rateF">What features are grouped by: the baseline's firing.</param>
    /// <param name="p">How small a p-value must be told from 0.</param>
    /// <param name="cosineMinimum">No permutations up to this cosine.</param>
    public static FingerprintMatch Of(Fingerprint fingerprint, DriftVector vector, IReadOnlyList<long> rateF, double p, double cosineMinimum)
    {
        var driftF = vector.DriftF;
        var products = fingerprint.Drift.Select(entry => (Feature: entry.Key, Product: entry.Value * driftF[entry.Key])).ToArray();
        var norm = vector.Norm * Math.Sqrt(fingerprint.Drift.Values.Sum(drift => drift * drift));
        var sum = products.Sum(entry => entry.Product);
        var cosine = norm > 0 ? sum / norm : 0;
        var shared = products.Where(entry => entry.Product > 0).OrderByDescending(entry => entry.Product).ThenBy(entry => entry.Feature).Select(entry => entry.Feature).ToArray();
        return new(cosine, cosine > cosineMinimum ? PermutedP(fingerprint, vector, rateF, sum, (long)Math.Ceiling(PermutationsPerP / p)) : 1, shared);
    }

    private static double PermutedP(Fingerprint fingerprint, DriftVector vector, IReadOnlyList<long> rateF, double observed, long permutations)
    {
        var strata = StrataOf(fingerprint, vector, rateF);
        var state = BinaryPrimitives.ReadUInt64BigEndian(Convert.FromHexString(fingerprint.Hash));
        // Sums in another order differ in their last bits: the same assignment must count as a tie.
        var limit = observed - 1e-9 * Math.Abs(observed);
        var (done, reached) = (0L, 0);
        while (done < permutations && reached < Exceedances)
        {
            var sum = 0.0;
            foreach (var (entries, drifts) in strata)
            {
                // The first steps of a Fisher-Yates shuffle; what it leaves behind is a fair start for the next.
                for (var i = 0; i < entries.Length; i++)
                {
                    var j = i + (int)Math.BigMul(SplitMix64.Next(ref state), (ulong)(drifts.Length - i), out _);
                    (drifts[i], drifts[j]) = (drifts[j], drifts[i]);
                    sum += entries[i] * drifts[i];
                }
            }
            done++;
            if (sum >= limit) reached++;
        }
        return reached == Exceedances ? (double)reached / done : (1.0 + reached) / (1.0 + done);
    }

    /// <summary>Per group of features of about the same rate: the fingerprint's entries in it, and the window's drift of all its features.</summary>
    private static (double[] Entries, double[] Drifts)[] StrataOf(Fingerprint fingerprint, DriftVector vector, IReadOnlyList<long> rateF)
    {
        var features = vector.Compared.Union(fingerprint.Drift.Keys).OrderBy(feature => rateF[feature]).ThenBy(feature => feature).ToArray();
        var count = Math.Clamp(features.Length / StratumMinimum, 1, Strata);
        return [.. Enumerable.Range(0, count).Select(stratum => features[(features.Length * stratum / count)..(features.Length * (stratum + 1) / count)]).Select(stratum => (
            stratum.Where(fingerprint.Drift.ContainsKey).Select(feature => fingerprint.Drift[feature]).ToArray(),
            stratum.Select(feature => vector.DriftF[feature]).ToArray()))];
    }
}

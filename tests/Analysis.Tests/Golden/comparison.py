"""Writes comparison.json: what SciPy and NumPy say about features that differ between two sides.

Each number is computed the plain way, from the sequences themselves, not from the sums that DriftWatch keeps. Only magnitudes are
first put into DriftWatch's bins (a quarter of an octave) and count as spread evenly within one.
Run: python3 comparison.py   (Python 3, NumPy, SciPy; seeded, the same file every time)
"""
import json
import math
import os

import numpy as np
from scipy import stats

random = np.random.default_rng(20261121)
RATE = 0.05


def side(sequences, rates, loudness):
    n = random.integers(6, 30, size=sequences)
    mood = random.uniform(0.2, 1.8, size=(sequences, len(rates)))   # Tokens of a sequence move together.
    counts = random.binomial(n[:, None], np.clip(np.array(rates) * mood, 0, 1))
    # Multiples of a quarter, so that a mean over rows is exact.
    magnitudes = np.round(4 * np.array(loudness) * 2 ** random.normal(0, 0.5, size=counts.shape)) / 4 + 0.25
    return n, counts, magnitudes


def octaves(magnitudes):
    """log2 at the middle of the bin; bins divide an octave at 1, 1.25, 1.5, 1.75."""
    power = 2.0 ** np.floor(np.log2(magnitudes))
    quarter = np.floor((magnitudes / power - 1) * 4)
    return np.log2(power) + (np.log2(1 + quarter / 4) + np.log2(1 + (quarter + 1) / 4)) / 2


def variance_at(y, n, ratio):
    return len(y) / (len(y) - 1) * np.sum((y - ratio * n) ** 2) / np.sum(n) ** 2


def rate_test(ya, na, yb, nb):
    ra, rb = ya.sum() / na.sum(), yb.sum() / nb.sum()
    fired, share = (ya > 0).sum() + (yb > 0).sum(), len(yb) / (len(ya) + len(yb))
    expected = fired * min(share, 1 - share)
    if (ya > 0).any() and (yb > 0).any() and expected >= 30:
        pooled = (ya.sum() + yb.sum()) / (na.sum() + nb.sum())
        z = (rb - ra) / math.sqrt(variance_at(ya, na, pooled) + variance_at(yb, nb, pooled))
        return float(2 * (stats.norm.sf(abs(z)) if abs(z) < 2 else stats.t.sf(abs(z), expected - 1)))
    has_a, has_b = int((ya > 0).sum()), int((yb > 0).sum())
    more = has_b / len(yb) > has_a / len(ya)
    table = [[has_b, len(yb) - has_b], [has_a, len(ya) - has_a]] if more else [[has_a, len(ya) - has_a], [has_b, len(yb) - has_b]]
    return min(1.0, 2 * float(stats.fisher_exact(table, alternative="greater")[1]))


def interval(ya, na, yb, nb):
    ra, rb = ya.sum() / na.sum(), yb.sum() / nb.sum()
    if ra == 0 or rb == 0:
        return None
    error = math.sqrt(variance_at(ya, na, ra) / ra ** 2 + variance_at(yb, nb, rb) / rb ** 2)
    return [rb / ra * math.exp(sign * float(stats.norm.ppf(0.975)) * error) for sign in (-1, 1)]


def magnitude_test(a, b):
    if min(len(a), len(b)) < 30:
        return None
    within = 0.25 ** 2 / 12
    sd = [math.sqrt(np.var(x, ddof=1) + within) for x in (a, b)]
    p = float(stats.ttest_ind_from_stats(np.mean(b), sd[1], len(b), np.mean(a), sd[0], len(a), equal_var=False)[1])
    difference, error = float(np.mean(b) - np.mean(a)), math.sqrt(sd[0] ** 2 / len(a) + sd[1] ** 2 / len(b))
    z = float(stats.norm.ppf(0.975))
    return {"octaves": difference, "low": difference - z * error, "high": difference + z * error, "p": p}


def adjusted(p):
    """Benjamini-Hochberg adjusted p-values."""
    p = np.asarray(p)
    order = np.argsort(p)
    raised = p[order] * len(p) / np.arange(1, len(p) + 1)
    result = np.empty(len(p))
    result[order] = np.minimum(1, np.minimum.accumulate(raised[::-1])[::-1])
    return result


#            same  more  less  new    silent louder rare same  rare more  same
rates_a = [0.10, 0.05, 0.20, 0.00, 0.03, 0.15, 0.002, 0.0008, 0.05]
rates_b = [0.10, 0.12, 0.08, 0.02, 0.00, 0.15, 0.002, 0.015, 0.05]
loud_a = [1, 1, 3, 1, 1, 1, 1, 1, 2]
loud_b = [1, 1, 3, 1, 1, 2, 1, 1, 2]
(na, ca, ma), (nb, cb, mb) = side(180, rates_a, loud_a), side(90, rates_b, loud_b)
features, p = [], []
for f in range(len(rates_a)):
    ya, yb = ca[:, f], cb[:, f]
    magnitude = magnitude_test(octaves(ma[ya > 0, f]), octaves(mb[yb > 0, f]))
    test = rate_test(ya, na, yb, nb)
    p.append(("rate", f, test))
    if magnitude:
        p.append(("magnitude", f, magnitude["p"]))
    features.append({"p": test, "interval": interval(ya, na, yb, nb), "magnitude": magnitude})
rejected = adjusted([value for _, _, value in p]) <= RATE
named = {kind: sorted({f for (k, f, _), yes in zip(p, rejected) if yes and k == kind}) for kind in ("rate", "magnitude")}
result = {"falseDiscoveryRate": RATE, "features": features, "named": named}
for name, (n, counts, magnitudes) in {"a": (na, ca, ma), "b": (nb, cb, mb)}.items():
    result[name] = {"rows": n.tolist(), "counts": counts.tolist(), "magnitudes": magnitudes.tolist()}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "comparison.json"), "w", encoding="utf-8") as file:
    file.write("{\n" + ",\n".join(f'"{name}": ' + json.dumps(value, separators=(",", ":")) for name, value in result.items()) + "\n}\n")

"""Writes statistics.json: what SciPy and NumPy say about the numbers that DriftWatch's detectors use.

Each number is computed the plain way, from the sequences or rows themselves, not from the sums that DriftWatch keeps.
Run: python3 statistics.py   (Python 3, NumPy, SciPy; seeded, the same file every time)
"""
import json
import math
import os
from fractions import Fraction

import numpy as np
from scipy import stats

random = np.random.default_rng(20261120)


def normal_p():
    return [{"z": z, "p": float(2 * stats.norm.sf(abs(z)))} for z in [0, 1e-9, -0.5, 1, 1.96, -3, 4.5, 6, 8, -10, 15, 20, 30, 37]]


def none_chosen_p():
    cases = []
    for total, chosen, marked in [(10, 4, 3), (10, 4, 6), (10, 4, 7), (50, 25, 1), (300, 100, 10), (1200, 1000, 12), (5000, 4000, 40),
                                  (20000, 500, 300), (100000, 90000, 25), (1000000, 400000, 60), (60, 10, 0)]:
        exact = float(Fraction(math.comb(total - chosen, marked), math.comb(total, marked)))
        scipy = float(stats.hypergeom(total, chosen, marked).pmf(0))
        assert abs(scipy - exact) <= 1e-6 * exact, (total, chosen, marked, scipy, exact)
        cases.append({"total": total, "chosen": chosen, "marked": marked, "p": exact})
    return cases


def adjusted(p):
    """Benjamini-Hochberg adjusted p-values, as scipy.stats.false_discovery_control gives them."""
    p = np.asarray(p)
    order = np.argsort(p)
    raised = p[order] * len(p) / np.arange(1, len(p) + 1)
    result = np.empty(len(p))
    result[order] = np.minimum(1, np.minimum.accumulate(raised[::-1])[::-1])
    if hasattr(stats, "false_discovery_control"):
        assert np.allclose(result, stats.false_discovery_control(p))
    return result


def benjamini_hochberg():
    cases = []
    for size, real in [(1, 0), (1, 1), (5, 0), (20, 4), (20, 20), (200, 0), (200, 15), (500, 3)]:
        for rate in [0.01, 0.1]:
            z = random.normal(size=size)
            z[:real] += random.uniform(2, 7, size=real)
            p = np.round(2 * stats.norm.sf(np.abs(z)), 9)
            rejected = p[adjusted(p) <= rate]
            cases.append({"p": p.tolist(), "rate": rate, "limit": float(rejected.max()) if len(rejected) else 0, "rejected": len(rejected)})
    return cases


def variance_at(y, n, ratio):
    """Of the ratio sum(y)/sum(n), sequences independent: the linearised variance of a ratio of cluster totals, around any ratio."""
    deviations = y - ratio * n
    sequences = len(y)
    return float(sequences / (sequences - 1) * np.sum(deviations ** 2) / np.sum(n) ** 2)


def side(sequences, rate, whole):
    n = random.integers(1, 12, size=sequences)
    chance = np.clip(random.beta(0.5, 0.5 * (1 - rate) / rate, size=sequences), 0, 1)   # Tokens of a sequence move together.
    y = random.binomial(n, chance)
    return (y, n) if whole else (np.round(y * random.uniform(0.1, 2, size=sequences), 6), np.round(n * random.uniform(1, 3, size=sequences), 6))


def clustered_z():
    cases = []
    for sequences, rates in [((30, 60), (0.1, 0.1)), ((50, 200), (0.3, 0.1)), ((400, 1000), (0.02, 0.02)), ((400, 1000), (0.05, 0.01)), ((2, 3), (0.5, 0.2))]:
        for whole in [True, False]:
            window, baseline = (side(count, rate, whole) for count, rate in zip(sequences, rates))
            pooled = (window[0].sum() + baseline[0].sum()) / (window[1].sum() + baseline[1].sum())
            variances = [variance_at(*window, pooled), variance_at(*baseline, pooled)]
            difference = window[0].sum() / window[1].sum() - baseline[0].sum() / baseline[1].sum()
            cases.append({
                "window": {"y": window[0].tolist(), "n": window[1].tolist()},
                "baseline": {"y": baseline[0].tolist(), "n": baseline[1].tolist()},
                "whole": whole,
                "windowVariance": variances[0],
                "baselineVariance": variances[1],
                "z": float(difference / np.sqrt(sum(variances))),
            })
    # A side in which a rare feature does not fire at all still has a variance.
    window, baseline = side(40, 0.1, True), (np.zeros(80, dtype=int), np.full(80, 5))
    pooled = window[0].sum() / (window[1].sum() + baseline[1].sum())
    variances = [variance_at(*window, pooled), variance_at(*baseline, pooled)]
    cases.append({
        "window": {"y": window[0].tolist(), "n": window[1].tolist()}, "baseline": {"y": baseline[0].tolist(), "n": baseline[1].tolist()}, "whole": True,
        "windowVariance": variances[0], "baselineVariance": variances[1], "z": float(window[0].sum() / window[1].sum() / np.sqrt(sum(variances))),
    })
    return cases


def fvu():
    cases = []
    for lengths, width, mean, noise in [([3, 5, 1, 8], 4, 0, 0.3), ([20] * 10, 7, 2, 0.1), ([1, 2, 3], 3, -5, 1), ([6, 6], 2, 0, 0)]:
        rows = (mean + random.normal(size=(sum(lengths), width)) * random.uniform(0.5, 2, size=width)).astype(np.float32)
        estimates = (rows + noise * random.normal(size=rows.shape)).astype(np.float32)
        x, estimate = rows.astype(np.float64), estimates.astype(np.float64)
        variance = np.sum((x - x.mean(axis=0)) ** 2)
        cases.append({
            "lengths": lengths, "width": width, "rows": rows.ravel().tolist(), "estimates": estimates.ravel().tolist(),
            "fvu": float(np.sum((x - estimate) ** 2) / variance),
        })
    return cases


def firing():
    cases = []
    for sequences, features in [(1, 3), (20, 5), (60, 8)]:
        fires = [random.random(size=(random.integers(1, 9), features)) < np.linspace(0, 0.8, features) * random.random() for _ in range(sequences)]
        counts, lengths = np.array([f.sum(axis=0) for f in fires]), np.array([len(f) for f in fires])
        cases.append({
            "features": features,
            "sequences": [[np.flatnonzero(row).tolist() for row in f] for f in fires],
            "rows": counts.sum(axis=0).tolist(),
            "rowsSquared": (counts ** 2).sum(axis=0).tolist(),
            "rowsByLength": (counts * lengths[:, None]).sum(axis=0).tolist(),
            "firingSequences": (counts > 0).sum(axis=0).tolist(),
            "l0": float(counts.sum() / lengths.sum()),
        })
    return cases


def clopper_pearson():
    cases = []
    for hits, trials in [(0, 1), (1, 1), (0, 30), (1, 30), (3, 100), (50, 100), (99, 100), (100, 100), (2, 2880), (17, 20000), (0, 100000), (99999, 100000)]:
        for confidence in [0.9, 0.95, 0.999]:
            interval = stats.binomtest(hits, trials).proportion_ci(confidence, method="exact")
            cases.append({"hits": hits, "trials": trials, "confidence": confidence, "low": float(interval.low), "high": float(interval.high)})
    return cases


def student_p():
    return [{"t": t, "freedom": freedom, "p": float(2 * stats.t.sf(abs(t), freedom))} for freedom in [1, 14, 29.5, 200, 5000] for t in [0, 0.3, -2, 3.5, 6, -12]]


def ratio_interval():
    cases = []
    for sequences in [40, 400]:
        window, baseline = prompts(sequences, 0.08), prompts(3 * sequences, 0.05)
        log_ratio = math.log(window[0].sum() / window[1].sum()) - math.log(baseline[0].sum() / baseline[1].sum())
        error = math.sqrt(sum(variance_at(y, n, y.sum() / n.sum()) / (y.sum() / n.sum()) ** 2 for y, n in [window, baseline]))
        z = float(stats.norm.ppf(0.975))
        cases.append({"window": {"y": window[0].tolist(), "n": window[1].tolist()}, "baseline": {"y": baseline[0].tolist(), "n": baseline[1].tolist()}, "low": math.exp(log_ratio - z * error), "high": math.exp(log_ratio + z * error)})
    return cases


def prompts(sequences, rate):
    n = random.integers(5, 60, size=sequences)
    return random.binomial(n, rate * random.uniform(0, 2, size=sequences)), n


def e_values():
    """Beta-binomial probability with the mean moved up, over that of the urn."""
    cases = []
    for a, b in [(1, 20000), (21, 19980), (201.6, 19799.4), (6000, 114000)]:
        for n, x in [(200, 0), (200, 3), (2000, 2), (2000, 40), (2000, 150)]:
            for more in [0.001, 0.005, 0.05]:
                moved = more * (a + b)
                value = stats.betabinom.logpmf(x, n, a + moved, b - moved) - stats.betabinom.logpmf(x, n, a, b)
                cases.append({"a": a, "b": b, "n": n, "x": x, "more": more, "logE": float(value)})
    return cases


def fisher_p():
    """One-sided: as many hits or more."""
    cases = []
    for hits, trials, other_hits, other_trials in [(0, 20, 3, 160), (1, 8, 0, 64), (8, 20, 5, 160), (10, 20, 160, 160), (64, 64, 0, 2048), (12, 64, 300, 2048), (20, 20, 0, 5)]:
        p = stats.fisher_exact([[hits, trials - hits], [other_hits, other_trials - other_hits]], alternative="greater")[1]
        cases.append({"hits": hits, "trials": trials, "otherHits": other_hits, "otherTrials": other_trials, "p": float(p)})
    return cases


numbers = {
    "normalP": normal_p(),
    "noneChosenP": none_chosen_p(),
    "benjaminiHochberg": benjamini_hochberg(),
    "clusteredZ": clustered_z(),
    "fvu": fvu(),
    "firing": firing(),
    "studentP": student_p(),
    "ratioInterval": ratio_interval(),
    "eValues": e_values(),
    "clopperPearson": clopper_pearson(),
    "fisherP": fisher_p(),
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "statistics.json"), "w", encoding="utf-8") as file:
    file.write("{\n" + ",\n".join(f'"{name}": ' + "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]" for name, cases in numbers.items()) + "\n}\n")

"""Writes two_sample.json: what SciPy and NumPy say about the two-sample statistics and count models.

Run: python3 two_sample.py   (Python 3, NumPy, SciPy; seeded, the same file every time)
"""
import json
import os

import numpy as np
from scipy import stats

random = np.random.default_rng(20261121)


def pairs():
    """Two samples each: continuous, with ties, of equal and unequal size, alike and not."""
    for n, m, shift, scale in [(2, 3, 0, 1), (5, 7, 0, 1), (12, 9, 1.5, 1), (30, 30, 0.3, 2), (200, 90, 0.2, 1), (150, 150, 1, 1)]:
        for ties in [False, True]:
            a, b = random.normal(size=n), shift + scale * random.normal(size=m)
            yield (np.round(a, 1), np.round(b, 1)) if ties else (np.round(a, 6), np.round(b, 6))


def kolmogorov_smirnov():
    return [{"a": a.tolist(), "b": b.tolist(), "d": float(stats.ks_2samp(a, b).statistic), "asymptotic": float(stats.ks_2samp(a, b, method="asymp").pvalue),
             "exact": float(stats.ks_2samp(a, b, method="exact").pvalue)} for a, b in pairs()]


def kolmogorov_smirnov_p():
    """What ks_2samp(method="asymp") makes of a D; kstwo is the distribution it uses."""
    cases = []
    for n, m in [(20, 20), (100, 300), (280, 280), (300, 300), (500, 2000), (2000, 20000), (50000, 50000)]:
        size = np.round(n * m / (n + m))
        for z in [0.3, 0.5, 0.8, 1, 1.3, 1.45, 1.5, 1.6, 1.95, 2.05, 3, 5, 9]:
            d = float(z / np.sqrt(size))
            if d < 1:
                cases.append({"n": n, "m": m, "d": d, "p": float(stats.kstwo.sf(d, size))})
    return cases


def wasserstein():
    cases = []
    for a, b in pairs():
        a, b = np.sort(a), np.sort(b)
        weights = np.round(random.uniform(0.1, 3, size=len(a)), 3), np.round(random.uniform(0.1, 3, size=len(b)), 3)
        cases.append({"a": a.tolist(), "b": b.tolist(), "weightsA": weights[0].tolist(), "weightsB": weights[1].tolist(),
                      "plain": float(stats.wasserstein_distance(a, b)), "weighted": float(stats.wasserstein_distance(a, b, *weights))})
    return cases


def mean_discrepancy():
    cases = []
    for n, m, width, shift, gamma in [(2, 2, 1, 0, 1), (10, 15, 3, 0, 0.5), (20, 8, 5, 1, 0.1), (12, 12, 2, 3, 2)]:
        x, y = np.round(random.normal(size=(n, width)), 6), np.round(shift + random.normal(size=(m, width)), 6)
        k = lambda u, v: np.exp(-gamma * ((u[:, None, :] - v[None, :, :]) ** 2).sum(axis=2))
        xx, yy, xy = k(x, x), k(y, y), k(x, y)
        value = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1)) - 2 * xy.mean()
        cases.append({"x": x.ravel().tolist(), "y": y.ravel().tolist(), "width": width, "gamma": gamma, "value": float(value)})
    return cases


def stability_index():
    cases = []
    for (a, b), bins in zip(pairs(), [10, 10, 4, 10, 10, 5, 10, 10, 10, 20, 10, 10]):
        edges = np.unique(np.quantile(a, np.arange(1, bins) / bins))
        p, q = (np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1) for side in (a, b))   # A value on an edge belongs below it.
        shares = np.maximum(1e-4, p / p.sum()), np.maximum(1e-4, q / q.sum())
        cases.append({"a": a.tolist(), "b": b.tolist(), "bins": bins, "edges": edges.tolist(), "before": p.tolist(), "now": q.tolist(),
                      "index": float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))})
    return cases


def proportion():
    """The chi-squared test of the 2 by 2 table without Yates' correction is the same test."""
    cases = []
    for y1, n1, y0, n0 in [(5, 100, 3, 200), (0, 50, 4, 60), (700, 10000, 600, 10000), (1, 2000, 900, 254000), (10, 10, 10, 20)]:
        p = float(stats.chi2_contingency([[y1, n1 - y1], [y0, n0 - y0]], correction=False)[1])
        cases.append({"y1": y1, "n1": n1, "y0": y0, "n0": n0, "p": p})
    return cases


def log_chances():
    poisson = [{"model": "poisson", "k": k, "a": mu, "logP": float(stats.poisson.logpmf(k, mu))} for k in [0, 1, 7, 200, 5000] for mu in [1e-6, 0.3, 12, 4000]]
    binomial = [{"model": "binomial", "k": k, "n": n, "a": p, "logP": float(stats.binom.logpmf(k, n, p))}
                for n in [1, 20, 127, 100000] for k in sorted({0, 1, n // 3, n}) for p in [1e-5, 0.2, 0.97]]
    beta = [{"model": "betaBinomial", "k": k, "n": n, "a": a, "b": b, "logP": float(stats.betabinom.logpmf(k, n, a, b))}
            for n in [1, 20, 127, 5000] for k in sorted({0, 1, n // 3, n}) for a, b in [(0.05, 3), (1, 1), (2, 700), (300, 40)]]
    return poisson + binomial + beta


numbers = {
    "kolmogorovSmirnov": kolmogorov_smirnov(),
    "kolmogorovSmirnovP": kolmogorov_smirnov_p(),
    "wasserstein": wasserstein(),
    "meanDiscrepancy": mean_discrepancy(),
    "stabilityIndex": stability_index(),
    "proportion": proportion(),
    "logChances": log_chances(),
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "two_sample.json"), "w", encoding="utf-8") as file:
    file.write("{\n" + ",\n".join(f'"{name}": ' + "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]" for name, cases in numbers.items()) + "\n}\n")

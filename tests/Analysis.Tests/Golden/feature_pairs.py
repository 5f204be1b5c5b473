"""Writes feature_pairs.json: what SciPy and NumPy say about assignments, correlations of sparse activations and non-negative least squares.

Run: python3 feature_pairs.py   (Python 3, NumPy, SciPy; seeded, the same file every time)
"""
import json
import os

import numpy as np
from scipy.optimize import linear_sum_assignment, nnls

random = np.random.default_rng(20261121)


def dense():
    """Every edge is there, no weight is negative."""
    cases = []
    for rows, columns in [(1, 1), (4, 4), (7, 12), (12, 7), (30, 30), (30, 45)]:
        weights = np.round(random.uniform(size=(rows, columns)) ** 2, 4)
        chosen, target = linear_sum_assignment(-weights)
        target_of = np.full(rows, -1)
        target_of[chosen] = target
        cases.append({"weights": weights.tolist(), "target": target_of.tolist(), "sum": float(weights[chosen, target].sum())})
    return cases


def sparse():
    """Edges that are not there weigh 0, as going without does."""
    cases = []
    for rows, columns, density in [(30, 30, 0.1), (50, 40, 0.05), (50, 50, 0.3), (40, 40, 0.02)]:
        weights = np.round(random.uniform(0.05, 1, size=(rows, columns)), 4) * (random.uniform(size=(rows, columns)) < density)
        chosen, target = linear_sum_assignment(-weights)
        cases.append({"weights": weights.tolist(), "sum": float(weights[chosen, target].sum())})
    return cases


def correlation():
    """Activations [rows, features] of two sides, mostly zero, some of them of the same cause."""
    rows, common = 120, random.exponential(size=(120, 5)) * (random.uniform(size=(120, 5)) < 0.3)
    source = np.round(np.hstack([common * [1, 2, 3, 1, 1], random.exponential(size=(rows, 3)) * (random.uniform(size=(rows, 3)) < 0.2)]), 4)
    target = np.round(np.hstack([common[:, ::-1] * 1.5 + 0.2 * (common[:, ::-1] > 0) * random.exponential(size=(rows, 5)), random.exponential(size=(rows, 4)) * (random.uniform(size=(rows, 4)) < 0.2)]), 4)
    source, target = source.astype(np.float32), target.astype(np.float32)
    wide, other = source.astype(float), target.astype(float)
    both = np.corrcoef(wide.T, other.T)[: wide.shape[1], wide.shape[1]:]
    together = (wide[:, :, None] > 0) & (other[:, None, :] > 0)
    squares = (wide[:, :, None] ** 2 * together).sum(0)
    scale = np.divide(wide.T @ other, squares, out=np.zeros_like(squares), where=squares > 0)
    return {"rowsOfSequence": 8, "source": source.tolist(), "target": target.tolist(), "correlation": both.tolist(), "scale": scale.tolist()}


def least_squares():
    cases = []
    for k in [1, 2, 4, 8]:
        x = np.maximum(0, random.normal(size=(50, k))) + 0.3 * random.uniform(size=(50, 1))
        y = x @ np.maximum(0, random.normal(size=k)) - 0.4 * x[:, 0] + 0.3 * random.normal(size=50)
        weights, _ = nnls(x, y)
        cases.append({"gram": (x.T @ x).tolist(), "product": (x.T @ y).tolist(), "weights": weights.tolist()})
    return cases


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "feature_pairs.json"), "w") as file:
    json.dump({"dense": dense(), "sparse": sparse(), "correlation": correlation(), "leastSquares": least_squares()}, file)

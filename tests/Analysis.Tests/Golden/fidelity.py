"""Writes fidelity.json: what NumPy says about a map's fidelity, from the definitions, all rows in memory.

SVCCA as google/svcca computes it (singular vectors to 0.99 of the variance on each side, mean canonical correlation), linear CKA as Kornblith et al. 2019.
Run: python3 fidelity.py   (Python 3, NumPy; seeded, the same file every time)
"""
import json
import os

import numpy as np

random = np.random.default_rng(20261121)
SEQUENCES, LENGTH, SOURCE, TARGET, FEATURES = 16, 15, 7, 6, 20


def exact(values):
    """Short numbers, which float32 keeps to 1e-7."""
    return np.round(values, 3)


def reduced(x):
    u, s, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    kept = np.searchsorted(np.cumsum(s ** 2) / np.sum(s ** 2), 0.99) + 1
    return u[:, :kept]


def svcca(x, y):
    return float(np.linalg.svd(reduced(x).T @ reduced(y), compute_uv=False).mean())


def cka(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return float(np.linalg.norm(x.T @ y) ** 2 / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y))


def spread(x):
    return float(((x - x.mean(0)) ** 2).sum())


def likeness():
    cases = []
    for rows, p, q, noise in [(60, 5, 4, 0.3), (200, 3, 8, 1.0), (40, 6, 6, 0.0), (150, 12, 9, 3.0)]:
        x = exact(random.normal(size=(rows, p)) * np.arange(1, p + 1) + 5)
        y = exact(x @ random.normal(size=(p, q)) + noise * random.normal(size=(rows, q)) - 3)
        cases.append({"p": p, "q": q, "x": x.ravel().tolist(), "y": y.ravel().tolist(), "svcca": svcca(x, y), "cka": cka(x, y)})
    return cases


def evaluation():
    n = SEQUENCES * LENGTH
    x = exact(random.normal(size=(n, SOURCE)) + random.normal(size=SOURCE))
    y = exact(x @ random.normal(size=(SOURCE, TARGET)) * 0.7 + 0.8 * random.normal(size=(n, TARGET)) + 2)
    a, b = exact(np.linalg.lstsq(x, y - 2, rcond=None)[0] * 0.9), exact(np.full(TARGET, 2.1))
    decoder = exact(random.normal(size=(FEATURES, TARGET)) / 3)
    encoder, bias, center = exact(decoder.T * 0.6), exact(random.normal(size=FEATURES) * 0.2 - 0.4), exact(y.mean(0))

    def encode(rows):
        return np.maximum((rows - center) @ encoder + bias, 0)

    def decode(features):
        return features @ decoder + center

    mapped = x @ a + b
    native, through = encode(y), encode(mapped)
    fires, fires_through = native > 0, through > 0
    sequences = fires.reshape(SEQUENCES, LENGTH, FEATURES).any(1).sum(0)
    measured = np.flatnonzero((fires.sum(0) >= 10) & (sequences >= 3))
    correlation = np.array([np.corrcoef(native[:, f], through[:, f])[0, 1] if through[:, f].std() > 0 else 0 for f in measured])
    both = (fires & fires_through).sum()
    return {
        "sequences": SEQUENCES, "source": SOURCE, "target": TARGET, "features": FEATURES,
        "x": x.ravel().tolist(), "y": y.ravel().tolist(), "a": a.ravel().tolist(), "b": b.tolist(),
        "encoder": encoder.ravel().tolist(), "encoderBias": bias.tolist(), "decoder": decoder.ravel().tolist(), "decoderBias": center.tolist(),
        "measured": len(measured), "r2": 1 - float(((y - mapped) ** 2).sum()) / spread(y),
        "fvuNative": float(((y - decode(native)) ** 2).sum()) / spread(y),
        "fvuMapped": float(((mapped - decode(through)) ** 2).sum()) / spread(mapped),
        "fvuThrough": float(((y - decode(through)) ** 2).sum()) / spread(y),
        "correlationMean": float(np.maximum(correlation, 0).mean()), "correlationMedian": float(np.median(correlation)),
        "deciles": [float(np.quantile(correlation, d / 10)) for d in range(1, 10)], "matched": float((correlation > 0.5).mean()),
        "precision": float(both / fires_through.sum()), "recall": float(both / fires.sum()), "f1": float(2 * both / (fires.sum() + fires_through.sum())),
        "svcca": svcca(mapped, y), "cka": cka(mapped, y),
    }


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fidelity.json"), "w") as file:
    json.dump({"likeness": likeness(), "evaluation": evaluation()}, file)

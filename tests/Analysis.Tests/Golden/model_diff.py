"""Writes model_diff.json: a small crosscoder of two models on paired rows, and what NumPy says of each latent from the definitions, with whole target matrices.

Relative decoder norm and cosine of the two decoder rows, and latent scaling both ways: beta of error (own contribution put back), reconstruction and rows on either side, nu, rows in which it fires,
explained variance of each model. Everything in the scale of training: rows, reconstructions and decoder rows of a head are multiplied with its factor.
Run: python3 model_diff.py   (Python 3, NumPy; seeded, the same file every time)
"""
import json
import os

import numpy as np

random = np.random.default_rng(20261123)
ROWS, WIDTH, LATENTS = 90, 6, 9
SCALES = np.array([1.7, 0.6], np.float32)


def f32(values):
    return np.asarray(values, np.float32)


encoder = f32(random.normal(size=(2, WIDTH, LATENTS)) / 2)
bias = f32(random.normal(size=LATENTS) * 0.3)
decoder = f32(random.normal(size=(2, LATENTS, WIDTH)))
decoder[0, 0] *= f32(0.01)   # B's alone
decoder[1, 1] *= f32(0.01)   # A's alone
decoder[1, 2] = decoder[0, 2] * SCALES[0] / SCALES[1]   # shared, to the bit but for the scale
decoder[0, 3] = 0
decoder_bias = f32(random.normal(size=(2, WIDTH)) * 0.2)
threshold = f32(random.uniform(0.1, 0.8, size=(2, LATENTS)))
rows = f32(random.normal(size=(2, ROWS, WIDTH)) + random.normal(size=(1, ROWS, WIDTH)))

wide = [m.astype(np.float64) for m in (encoder, bias, decoder, decoder_bias, threshold, rows, SCALES)]
e, b, d, db, th, x, s = wide
h = np.einsum("mrd,mdl->rl", x, e) + b
assert np.abs(h[None] - th[:, None]).min() > 1e-5, "a value lies at its threshold"
f = np.where(h[None] > th[:, None], np.maximum(h, 0)[None], 0)   # [model, row, latent]
hat = np.einsum("mrl,mld->mrd", f, d) + db[:, None]
x, hat, d = x * s[:, None, None], hat * s[:, None, None], d * s[:, None, None]


def beta(y, fj, dj):
    return float(dj @ (y.T @ fj) / ((fj @ fj) * (dj @ dj)))


def scaled(j, own, other):
    """Latent j as `own` writes it, looked for in `other`."""
    fj, dj = f[own][:, j], d[own, j]
    if not (fj @ fj) * (dj @ dj) > 0:
        return {"rows": int((fj > 0).sum()), "betas": None}
    of = lambda m: {"error": beta(x[m] - hat[m] + np.outer(f[m][:, j], d[m, j]), fj, dj), "reconstruction": beta(hat[m], fj, dj), "activation": beta(x[m], fj, dj)}
    return {"rows": int((fj > 0).sum()), "betas": {"other": of(other), "own": of(own)}}


def norm(v):
    return float(np.sqrt(v @ v))


latents = []
for j in range(LATENTS):
    a, c = norm(d[0, j]), norm(d[1, j])
    latents.append({"normA": a, "normB": c, "relative": 0.5 * ((c - a) / max(a, c) + 1), "cosine": float(d[0, j] @ d[1, j] / (a * c)) if a * c > 0 else None, "inB": scaled(j, 1, 0), "inA": scaled(j, 0, 1)})
fvu = [float(((x[m] - hat[m]) ** 2).sum() / ((x[m] - x[m].mean(0)) ** 2).sum()) for m in (0, 1)]
l0 = [float((f[m] > 0).sum(1).mean()) for m in (0, 1)]
flat = {"encoder": encoder, "bias": bias, "decoder": decoder, "decoderBias": decoder_bias, "threshold": threshold, "rowsA": rows[0], "rowsB": rows[1], "scales": SCALES}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "model_diff.json"), "w", encoding="utf-8") as file:
    json.dump({"width": WIDTH, "latents": latents, "fvu": fvu, "l0": l0, **{k: [float(str(v)) for v in m.ravel()] for k, m in flat.items()}}, file, separators=(",", ":"))
    file.write("\n")

"""Writes latent_scaling.json: beta and nu of latent scaling as NumPy computes them from the definition, with the whole target matrix for each latent.

Cases: one set of activations with a decoder row per model (a crosscoder), one dictionary that encodes each model's rows by itself, and two dictionaries.
Run: python3 latent_scaling.py   (Python 3, NumPy; seeded, the same file every time)
"""
import json
import os

import numpy as np

random = np.random.default_rng(20261122)
ROWS, WIDTH, LATENTS = 60, 5, 7


def codes():
    return np.where(random.random((ROWS, LATENTS)) < 0.4, np.round(random.uniform(0.5, 3, (ROWS, LATENTS)), 3), 0).astype(np.float32)


def directions(scale=1.0):
    return (scale * random.normal(size=(LATENTS, WIDTH))).astype(np.float32)


def beta(y, f, d):
    return float(d @ (y.T @ f) / ((f @ f) * (d @ d)))


def case(name, f_a, f_b, d_a, d_b, related, leftover):
    """leftover: how much of latent 0 of B there is in A's error."""
    bias = random.normal(size=WIDTH).astype(np.float32)
    hat_a, hat_b = (f_a @ d_a + bias).astype(np.float32), (f_b @ d_b + bias).astype(np.float32)
    x_b = (hat_b + 0.1 * random.normal(size=hat_b.shape)).astype(np.float32)
    x_a = (hat_a + 0.1 * random.normal(size=hat_a.shape) + leftover * f_b[:, :1] * d_b[:1]).astype(np.float32)
    xa, xb, ha, hb, fa, fb, da, db = (m.astype(np.float64) for m in (x_a, x_b, hat_a, hat_b, f_a, f_b, d_a, d_b))
    latents = []
    for j in range(LATENTS):
        f, d = fb[:, j], db[j]
        own_a = np.outer(fa[:, j], da[j]) if related else np.zeros_like(xa)
        own_b = np.outer(f, d)
        nu = {
            "error": beta(xa - ha + own_a, f, d) / beta(xb - hb + own_b, f, d),
            "reconstruction": beta(ha, f, d) / beta(hb, f, d) if beta(hb, f, d) > 0 else None,
            "activation": beta(xa, f, d) / beta(xb, f, d) if beta(xb, f, d) > 0 else None,
        }
        latents.append({"rows": int((f > 0).sum()), "own": beta(own_a, f, d), "fit": beta(xb - hb + own_b, f, d), **nu})
    flat = {key: [float(str(v)) for v in value.ravel()] for key, value in {"rowA": x_a, "rowB": x_b, "reconstructionA": hat_a, "reconstructionB": hat_b, "codesA": f_a, "codesB": f_b, "decoderA": d_a, "decoderB": d_b}.items()}
    return {"name": name, "width": WIDTH, "related": related, **flat, "latents": latents}


shared, short = codes(), directions()
short_a = short.copy()
short_a[0] *= 0.01
cases = [
    case("crosscoder", shared, shared, short_a, short, True, 0.8),
    case("one dictionary", codes(), codes(), short, short, True, 0.0),
    case("two dictionaries", codes(), codes(), directions(), directions(), False, 0.5),
]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "latent_scaling.json"), "w", encoding="utf-8") as file:
    file.write("[\n" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in cases) + "\n]\n")

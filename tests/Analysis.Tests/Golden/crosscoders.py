"""Small crosscoders in the layout of jkminder's dictionary_learning and what PyTorch computes from its formulas: Golden/crosscoders/. Debian's python3: torch 1.13.

There is no package to run, so this proves that the formulas of dictionary.py (encode with threshold, get_activations, decode, normalisation of rows and of codes) were read rightly, not that every file looks so.
Rows were drawn so that no value lies within 1e-4 of its threshold.
"""
import json
import os

import torch

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "crosscoders")
os.makedirs(here, exist_ok=True)
generator = torch.Generator().manual_seed(11)
L, D, F, ROWS = 2, 6, 12, 16
expected = {}


def normal(*shape):
    return torch.randn(*shape, generator=generator)


def case(name, code=None, threshold=None, scaled=False, prefix="", alphas=(1.0, 0.1)):
    weights = {"encoder.weight": normal(L, D, F) / 2, "encoder.bias": normal(F) * 0.2, "decoder.weight": normal(L, F, D), "decoder.bias": normal(L, D) * 0.3}
    kinds = ["CROSSCODER", "SAE", "MIXED", "NONE", "DECOUPLED"]
    norms = weights["decoder.weight"].norm(dim=2)
    together = weights["decoder.weight"].norm(dim=(0, 2))
    c = {"CROSSCODER": norms.sum(0), "SAE": together, "MIXED": alphas[0] * together + alphas[1] * norms.sum(0), "NONE": torch.ones(F), "DECOUPLED": norms}[code or "CROSSCODER"]
    if code is not None:
        weights["code_normalization_id"] = torch.tensor(kinds.index(code) + 1)
    if threshold is not None:
        weights["k"] = torch.tensor(4, dtype=torch.int)
        weights["threshold"] = torch.tensor(threshold)
    if threshold is not None or scaled:
        mean, std = (normal(L, D), normal(L, D).abs() + 0.5) if scaled else (torch.full((L, D), float("nan")), torch.full((L, D), float("nan")))
        g = 3.0 / torch.sqrt((std ** 2).sum() + 1e-8) if scaled else torch.tensor(1.0)
        weights |= {"target_rms": torch.tensor(3.0), "activation_mean": mean, "activation_std": std, "activation_global_scale": g}
    for _ in range(1000):
        x = normal(ROWS, L, D) * 2
        y = (x - mean) * g if scaled else x
        h = torch.einsum("bld,ldf->bf", y.double(), weights["encoder.weight"].double()) + weights["encoder.bias"].double()
        f = h.relu()
        distance = h.abs().min()
        if threshold is not None:
            score = f[:, None] * c if code == "DECOUPLED" else (f * c)[:, None]
            limit = torch.tensor(threshold).reshape(1, -1, 1).double()
            distance = min(distance, (score - limit).abs().min())
            f = f[:, None] * (score > limit)
        if distance > 1e-4:
            break
    else:
        raise SystemExit("no rows are far enough from the thresholds")
    f = f if f.dim() == 3 else f[:, None]
    f = f.expand(ROWS, L, F)
    total = c.sum(0) if code == "DECOUPLED" else c
    out = torch.einsum("blf,lfd->bld", f, weights["decoder.weight"].double()) + weights["decoder.bias"]
    if scaled:
        out = out / (g + 1e-8) + mean
    torch.save({prefix + key: value for key, value in weights.items()}, f"{here}/{name}.pt")
    expected[name] = {"heads": L, "width": D, "latents": F, **{key: [float(f"{v:.9g}") for v in value.reshape(-1).tolist()] for key, value in {"x": x, "features": f * total, "reconstruction": out}.items()}}


case("relu")   # Older files: no code_normalization_id, nothing that scales rows.
case("relu-mixed", code="MIXED", scaled=True)
case("batchtopk", code="CROSSCODER", threshold=4.0, scaled=True)
case("batchtopk-sae", code="SAE", threshold=3.0)
case("batchtopk-none-compiled", code="NONE", threshold=0.7, prefix="_orig_mod.")
case("batchtopk-decoupled", code="DECOUPLED", threshold=[2.0, 3.0], scaled=True)
with open(f"{here}/expected.json", "w", encoding="utf-8") as out:
    json.dump(expected, out, separators=(",", ":"))

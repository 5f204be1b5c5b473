"""Writes fitting.json: what NumPy and SciPy learn from paired rows, for the tests of the transform fits.

Each map is computed the plain way, from the rows themselves: ridge as scikit-learn's Ridge(alpha) defines it (least squares on rows to which
sqrt(alpha) I is appended), scipy.linalg.orthogonal_procrustes, reduced-rank regression by the SVD of the fitted values of those rows.
Run: python3 fitting.py   (Python 3, NumPy, SciPy; seeded, the same file every time)
"""
import json
import os

import numpy as np
from scipy import linalg

random = np.random.default_rng(20261122)


def rows(n, source, target, noise):
    """Rows that float32 keeps but for 1e-7, with offsets and columns of very different size; the target is an affine map of the source and noise."""
    x = random.normal(size=(n, source)) @ random.normal(size=(source, source)) * np.geomspace(1, 30, source) + random.normal(size=source) * 20
    y = x @ random.normal(size=(source, target)) / np.sqrt(source) + random.normal(size=target) * 10 + noise * random.normal(size=(n, target))
    return np.round(x, 2), np.round(y, 2)


def centred(x, y):
    return x - x.mean(0), y - y.mean(0), x.mean(0), y.mean(0)


def ridge(xc, yc, penalty):
    augmented = np.vstack([xc, np.sqrt(penalty) * np.eye(xc.shape[1])])
    return np.linalg.lstsq(augmented, np.vstack([yc, np.zeros((xc.shape[1], yc.shape[1]))]), rcond=None)[0]


def case(kind, x, y, a, x_mean, y_mean, **more):
    b = y_mean - x_mean @ a
    return dict(kind=kind, n=len(x), source=x.shape[1], target=y.shape[1], x=x.ravel().tolist(), y=y.ravel().tolist(),
                a=[float(f"{v:.9g}") for v in a.ravel()], b=[float(f"{v:.9g}") for v in b], **more)


cases = []
for n, source, target, noise, penalty in [(60, 5, 4, 1, 0), (60, 5, 4, 1, 123.4), (90, 7, 30, 5, 2.5), (300, 27, 3, 1, 1e4)]:
    x, y = rows(n, source, target, noise)
    xc, yc, xm, ym = centred(x, y)
    cases.append(case("affine", x, y, ridge(xc, yc, penalty), xm, ym, penalty=penalty))

for n, source, target in [(80, 6, 6), (80, 6, 9), (80, 9, 6)]:
    x, y = rows(n, source, target, 1)
    xc, yc, xm, ym = centred(x, y)
    if source == target:
        q, total = linalg.orthogonal_procrustes(xc, yc)
        assert np.isclose(total / np.sum(xc ** 2), np.sum((xc @ q) * yc) / np.sum((xc @ q) ** 2))
    else:
        u, _, vt = np.linalg.svd(xc.T @ yc, full_matrices=False)
        q = u @ vt
    scale = float(np.sum((xc @ q) * yc) / np.sum((xc @ q) ** 2))
    cases.append(case("orthogonal", x, y, q, xm, ym, scale=False))
    cases.append(case("orthogonal", x, y, scale * q, xm, ym, scale=True))

for n, source, target, rank, penalty in [(70, 6, 8, 1, 0), (70, 6, 8, 3, 50), (70, 8, 5, 5, 0)]:
    x, y = rows(n, source, target, 10)
    xc, yc, xm, ym = centred(x, y)
    full = ridge(xc, yc, penalty)
    fitted = np.vstack([xc, np.sqrt(penalty) * np.eye(source)]) @ full
    v = np.linalg.svd(fitted, full_matrices=False)[2][:rank].T
    cases.append(case("low-rank", x, y, full @ v @ v.T, xm, ym, rank=rank, penalty=penalty))

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fitting.json"), "w") as file:
    json.dump({"cases": cases}, file)
    file.write("\n")

#!/usr/bin/env python3
"""What EncodeBenchmark measures, in PyTorch: addmm, then the sparse codes (threshold and nonzero, or topk). Rows on the same scale.

Debian: apt-get install python3-torch libopenblas0-pthread. usage: encode_torch.py [seconds for each measurement, default 3]
"""
import os
import statistics
import subprocess
import sys
import time
from statistics import NormalDist

import torch

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
ACTIVE, K = 48, 32


def jumprelu(rows, weights, bias, threshold):
    h = torch.addmm(bias, rows, weights)
    hit = (h > threshold).nonzero(as_tuple=True)
    return hit[0], hit[1], h[hit]


def topk(rows, weights, bias, _):
    values, indices = torch.topk(torch.addmm(bias, rows, weights), K, sorted=False)
    return indices, values.relu_()


def gemm(rows, weights, bias, _):
    return torch.addmm(bias, rows, weights)


def measure(name, encode, rows, weights, bias, threshold):
    # The dense matrix is [rows, features]; a chunk of rows keeps it at 64 MiB at most, so that it is not slower than it must be.
    chunk = max(64, min(len(rows), (64 << 20) // (4 * weights.shape[1])))

    def once():
        for part in rows.split(chunk):
            encode(part, weights, bias, threshold)

    once()
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < SECONDS:
        before = time.perf_counter()
        once()
        times.append(time.perf_counter() - before)
    median, work = statistics.median(times), 2e-9 * len(rows) * weights.numel()
    shape = f"{weights.shape[0]}→{weights.shape[1]}"
    print(f"{shape:<14} {name:<9} {torch.get_num_threads():7} {len(rows):6} {len(times):5} {len(rows) / median:10,.0f} {work / median:8.1f} {work / min(times):8.1f}", flush=True)


@torch.no_grad()
def main():
    print(f"torch {torch.__version__}")
    print(f"{'shape':<14} {'kind':<9} {'threads':>7} {'rows':>6} {'runs':>5} {'rows/s':>10} {'GFLOP/s':>8} {'best':>8}   median; best")
    for width, features, count in ((64, 1024, 8192), (768, 24_576, 2048), (2304, 16_384, 1024)):
        torch.manual_seed(1)
        weights = torch.randn(width, features) / width**0.5
        rows, bias = torch.randn(count, width), torch.zeros(features)
        threshold = NormalDist().inv_cdf(1 - ACTIVE / features)
        for name, encode in (("JumpReLU", jumprelu), ("TopK", topk), ("addmm", gemm)):
            measure(name, encode, rows, weights, bias, threshold)


if __name__ == "__main__":
    if "OPENBLAS_NUM_THREADS" in os.environ:
        main()
    else:
        # A process for each: torch.set_num_threads does not reach OpenBLAS's own threads.
        for threads in ("1", "2"):
            subprocess.run([sys.executable, *sys.argv], check=True, env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads})

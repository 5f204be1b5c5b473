#!/usr/bin/env python3
"""What GpuBenchmark measures, in PyTorch eager: rows from pinned memory, addmm, threshold and nonzero (or topk), and the sparse codes back on the host.

usage: gpu_torch.py [seconds for each measurement, default 3]
"""
import statistics
import sys
import time
from statistics import NormalDist

try:
    import torch
except ImportError:
    sys.exit("python3 has no torch: PyTorch was not measured")
if not torch.cuda.is_available():
    sys.exit("python3's torch sees no GPU: PyTorch was not measured")

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
ACTIVE, K, ROWS, BATCH = 48, 32, 8192, 4096


def jumprelu(h, threshold):
    hit = (h > threshold).nonzero(as_tuple=True)
    return hit[0].int().cpu(), hit[1].int().cpu(), h[hit].float().cpu()


def topk(h, _):
    values, indices = torch.topk(h, K, sorted=False)
    return indices.int().cpu(), values.relu_().float().cpu()


@torch.no_grad()
def main():
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name()}, {ROWS} rows a call")
    for width, features in ((768, 24_576), (2304, 16_384), (4096, 32_768)):
        torch.manual_seed(1)
        rows = torch.randn(ROWS, width).pin_memory()
        threshold = NormalDist().inv_cdf(1 - ACTIVE / features)
        for precision in ("fp32", "tf32", "bf16"):
            torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
            dtype = torch.bfloat16 if precision == "bf16" else torch.float32
            weights = (torch.randn(width, features, device="cuda") / width**0.5).to(dtype)
            bias = torch.zeros(features, device="cuda", dtype=dtype)
            for name, collect in (("JumpReLU", jumprelu), ("TopK", topk)):

                def once():
                    for part in rows.split(BATCH):
                        collect(torch.addmm(bias, part.to("cuda", non_blocking=True).to(dtype), weights), threshold)
                    torch.cuda.synchronize()

                for _ in range(3):
                    once()
                times, start = [], time.perf_counter()
                while len(times) < 5 or time.perf_counter() - start < SECONDS:
                    before = time.perf_counter()
                    once()
                    times.append(time.perf_counter() - before)
                rate = ROWS / statistics.median(times)
                print(f"{f'{width}→{features}':<14} {name:<9} {precision:<9} {rate:12,.0f} {2e-12 * rate * width * features:8.1f}", flush=True)


main()

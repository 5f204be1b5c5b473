#!/usr/bin/env python3
"""What EncodeBenchmark measures, in PyTorch: addmm, then the sparse codes (threshold and nonzero, or topk). Run by the benchmark, which asks on standard input:

size WIDTH FEATURES ROWS ACTIVE   makes weights and rows on the same scale as the benchmark's
measure KIND SECONDS              answers with the seconds of each pass over all rows

Debian: apt-get install python3-torch libopenblas0-pthread. Threads: OPENBLAS_NUM_THREADS and OMP_NUM_THREADS (torch.set_num_threads does not reach OpenBLAS's own).
"""
import sys
import time
from statistics import NormalDist

import torch

K = 32
clock = time.process_time if "--processor-time" in sys.argv else time.perf_counter


class Encoder:
    def __init__(self, width, features, count, active):
        torch.manual_seed(1)
        self.weights = torch.randn(width, features) / width**0.5
        self.rows, self.bias = torch.randn(count, width), torch.zeros(features)
        self.threshold = NormalDist().inv_cdf(1 - active / features)
        # The dense matrix is [rows, features]; a chunk of rows keeps it at 64 MiB at most, and it is kept between chunks, so that PyTorch is not slower than it must be.
        self.chunk = max(64, min(count, (64 << 20) // (4 * features)))
        self.dense = torch.empty(self.chunk, features)
        self.fires = torch.empty(self.chunk, features, dtype=torch.bool)

    def jumprelu(self, rows):
        h = torch.addmm(self.bias, rows, self.weights, out=self.dense[: len(rows)])
        hit = torch.gt(h, self.threshold, out=self.fires[: len(rows)]).nonzero(as_tuple=True)
        return hit[0], hit[1], h[hit]

    def topk(self, rows):
        values, indices = torch.topk(torch.addmm(self.bias, rows, self.weights, out=self.dense[: len(rows)]), K, sorted=False)
        return indices, values.relu_()

    def measure(self, kind, seconds):
        encode = {"JumpReLU": self.jumprelu, "TopK": self.topk}[kind]
        times, start = [], time.perf_counter()
        while not times or time.perf_counter() - start < seconds:
            before = clock()
            for part in self.rows.split(self.chunk):
                encode(part)
            times.append(clock() - before)
        return times


@torch.no_grad()
def main():
    print(f"PyTorch {torch.__version__}", flush=True)
    encoder = None
    for line in sys.stdin:
        words = line.split()
        if words[0] == "size":
            encoder = Encoder(*map(int, words[1:]))
            print("made", flush=True)
        else:
            print(*encoder.measure(words[1], float(words[2])), flush=True)


if __name__ == "__main__":
    main()

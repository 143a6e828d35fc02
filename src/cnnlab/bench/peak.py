"""How fast this machine multiplies matrices: the ceiling that a net's training is held against."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch


def matmul_peak(
    dtype: torch.dtype, device: torch.device, *, sizes: Sequence[int] = (1024, 1536, 2048), repeats: int = 2
) -> float:
    """The fastest of several products of two n×n matrices, in GFLOP/s: 2·n³ operations each.

    sizes: the n that are tried; repeats: timed products of each, after one that is not timed.
    """
    best = 0.0
    generator = torch.Generator().manual_seed(0)
    for n in sizes:
        a, b = (torch.rand(n, n, generator=generator).to(device, dtype) for _ in range(2))
        product = torch.empty(n, n, device=device, dtype=dtype)
        for i in range(repeats + 1):
            started = time.perf_counter()
            torch.mm(a, b, out=product)
            float(product[0, 0])  # waits for a GPU
            time_s = time.perf_counter() - started
            if i > 0:
                best = max(best, 2 * n**3 / time_s / 1e9)
    return best

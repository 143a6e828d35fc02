"""Loops over channels-last maps, compiled by Numba when they first run: several layers in one pass over memory.

Maps are NumPy arrays (N, H, W, C) of float32, of bfloat16 as uint16 of its bits, or of float64; arithmetic is float32,
for float64 float64. Images are shared out over threads, and whatever is summed over them is first summed for each image
alone, so that no figure depends on the number of threads. The innermost loop runs over channels, which lie side by
side. In `winners`, a byte tells each 2×2 window's largest element, 0 to 3 row by row, or OFF.

Importing raises ImportError where Numba or its OpenMP threads are not installed. They are the threads that torch has:
with others of its own Numba would fight torch for the cores.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import numba
import numba.np.ufunc.omppool  # ty: ignore[import-not-found]  # ImportError where no OpenMP is
import numpy as np
import torch
from llvmlite import ir
from numba import njit, prange, types
from numba.core import event
from numba.extending import intrinsic

#: The winner of a window whose result is 0, as ReLU is off: nothing gets its gradient.
OFF = 4

#: Multiply and add may be one rounding; nothing else is loosened, so that NaN stays NaN.
_OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy", "nogil": True}

_settings: Any = numba.config
if _settings.THREADING_LAYER == "default":
    _settings.THREADING_LAYER = "omp"


class _Compiling(event.Listener):
    """Calls once, before a loop of this module is compiled: reading kept machine code is no event."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell, self._has_told = tell, False

    def on_start(self, event: Any) -> None:
        if not self._has_told and event.data["dispatcher"].py_func.__module__ == __name__:
            self._has_told = True
            self._tell()

    def on_end(self, event: Any) -> None:
        pass


def on_compiling(tell: Callable[[], None]) -> None:
    """Have `tell` called once, before the first loop of which no machine code was kept is compiled."""
    event.register("numba:compile", _Compiling(tell))


def _loop(function: Callable[..., None], **more: Any) -> Callable[..., None]:
    """A function compiled for threads, and without them for float64, in which a view of a net is only tried.

    The machine code is kept where Python keeps its own, `__pycache__`, each file written whole or not at all.
    """
    options = _OPTIONS | more
    try:
        threaded, alone = (njit(**options, parallel=each, cache=True)(function) for each in (True, False))
    except RuntimeError:  # no folder to keep machine code in can be written
        threaded, alone = (njit(**options, parallel=each)(function) for each in (True, False))

    @wraps(function)
    def run(*arrays: np.ndarray) -> None:
        threads = torch.get_num_threads()
        numba.set_num_threads(min(threads, _settings.NUMBA_NUM_THREADS))
        if torch.get_num_threads() != threads:  # when Numba's are launched they set OpenMP's number, which is torch's
            torch.set_num_threads(threads)
        (alone if arrays[0].itemsize == 8 else threaded)(*arrays)

    return run


def _make_real(_context: Any, x: Any) -> Any:
    """A number of a map as a float."""
    if x != types.uint16:
        return x(x), lambda _ctx, _builder, _signature, given: given[0]

    def of_bfloat16(_ctx: Any, builder: Any, _signature: Any, given: Any) -> Any:
        bits = builder.shl(builder.zext(given[0], ir.IntType(32)), ir.Constant(ir.IntType(32), 16))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(x), of_bfloat16


def _make_rounded(_context: Any, value: Any, like: Any) -> Any:
    """A float as a map keeps it: in bfloat16 the nearest, of two as near the even one."""
    if like != types.uint16:
        return like(value, like), lambda ctx, builder, _signature, given: ctx.cast(builder, given[0], value, like)

    def to_bfloat16(_ctx: Any, builder: Any, _signature: Any, given: Any) -> Any:
        whole = ir.IntType(32)
        bits = builder.bitcast(given[0], whole)
        is_odd = builder.and_(builder.lshr(bits, ir.Constant(whole, 16)), ir.Constant(whole, 1))
        up = builder.lshr(builder.add(builder.add(bits, ir.Constant(whole, 0x7FFF)), is_odd), ir.Constant(whole, 16))
        is_nan = builder.fcmp_unordered("uno", given[0], given[0])
        return builder.trunc(builder.select(is_nan, ir.Constant(whole, 0x7FC0), up), ir.IntType(16))

    return types.uint16(types.float32, like), to_bfloat16


_real: Any = intrinsic(_make_real)
_rounded: Any = intrinsic(_make_rounded)


@_loop
def sum_map(x, pivot, sums):
    """Of each image and channel Σ(x - pivot) and Σ(x - pivot)²: sums (N, 2, C) of map x; pivot (C,)."""
    for n in prange(x.shape[0]):
        for c in range(x.shape[3]):
            sums[n, 0, c] = 0
            sums[n, 1, c] = 0
        for i in range(x.shape[1]):
            for j in range(x.shape[2]):
                for c in range(x.shape[3]):
                    value = _real(x[n, i, j, c]) - pivot[c]
                    sums[n, 0, c] += value
                    sums[n, 1, c] += value * value


@_loop
def pool_scaled(x, scale, shift, y, raw, winners):
    """The largest of scale · x + shift in each 2×2 window, or 0 where it is below: y and winners (N, h, w, C).

    raw, like y, gets what x is at the winner. scale, shift (C,), of any sign.
    """
    zero = scale.dtype.type(0)
    for n in prange(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for c in range(y.shape[3]):
                    a, b = scale[c], shift[c]
                    best = _real(x[n, 2 * i, 2 * j, c])
                    largest, winner = a * best + b, np.uint8(0)
                    value = _real(x[n, 2 * i, 2 * j + 1, c])
                    scaled = a * value + b
                    wins = scaled > largest
                    best, largest = value if wins else best, scaled if wins else largest
                    winner = np.uint8(1) if wins else winner
                    value = _real(x[n, 2 * i + 1, 2 * j, c])
                    scaled = a * value + b
                    wins = scaled > largest
                    best, largest = value if wins else best, scaled if wins else largest
                    winner = np.uint8(2) if wins else winner
                    value = _real(x[n, 2 * i + 1, 2 * j + 1, c])
                    scaled = a * value + b
                    wins = scaled > largest
                    best, largest = value if wins else best, scaled if wins else largest
                    winner = np.uint8(3) if wins else winner
                    is_off = largest <= 0
                    y[n, i, j, c] = _rounded(zero if is_off else largest, y[n, i, j, c])
                    raw[n, i, j, c] = _rounded(best, raw[n, i, j, c])
                    winners[n, i, j, c] = np.uint8(OFF) if is_off else winner


@_loop
def sum_gradient(g, raw, winners, mean, sums):
    """Of each image and channel Σg and Σ g · (raw - mean) over the windows that are on: sums (N, 2, C); mean (C,)."""
    zero = mean.dtype.type(0)
    for n in prange(g.shape[0]):
        for c in range(g.shape[3]):
            sums[n, 0, c] = 0
            sums[n, 1, c] = 0
        for i in range(g.shape[1]):
            for j in range(g.shape[2]):
                for c in range(g.shape[3]):
                    value = _real(g[n, i, j, c])
                    value = zero if winners[n, i, j, c] == OFF else value
                    sums[n, 0, c] += value
                    sums[n, 1, c] += value * (_real(raw[n, i, j, c]) - mean[c])


@_loop
def spread_gradient(x, g, winners, scale, slope, offset, for_x):
    """for_x, like x: slope · x + offset everywhere, and scale · g more at each window's winner; all three (C,)."""
    zero = scale.dtype.type(0)
    height, width = g.shape[1], g.shape[2]
    for n in prange(x.shape[0]):
        for i in range(height):
            for j in range(width):
                for c in range(x.shape[3]):
                    value, winner = _real(g[n, i, j, c]) * scale[c], winners[n, i, j, c]
                    a, b, like = slope[c], offset[c], for_x[n, 2 * i, 2 * j, c]
                    at = a * _real(x[n, 2 * i, 2 * j, c]) + b + (value if winner == 0 else zero)
                    for_x[n, 2 * i, 2 * j, c] = _rounded(at, like)
                    at = a * _real(x[n, 2 * i, 2 * j + 1, c]) + b + (value if winner == 1 else zero)
                    for_x[n, 2 * i, 2 * j + 1, c] = _rounded(at, like)
                    at = a * _real(x[n, 2 * i + 1, 2 * j, c]) + b + (value if winner == 2 else zero)
                    for_x[n, 2 * i + 1, 2 * j, c] = _rounded(at, like)
                    at = a * _real(x[n, 2 * i + 1, 2 * j + 1, c]) + b + (value if winner == 3 else zero)
                    for_x[n, 2 * i + 1, 2 * j + 1, c] = _rounded(at, like)
        for i in range(x.shape[1]):  # the last row and column of a map of odd sides lie in no window
            for j in range(2 * width if i < 2 * height else 0, x.shape[2]):
                for c in range(x.shape[3]):
                    for_x[n, i, j, c] = _rounded(slope[c] * _real(x[n, i, j, c]) + offset[c], for_x[n, i, j, c])


@_loop
def pool_positive(rows, larger, is_lower, y, winners):
    """The largest of a map in each 2×2 window, or 0 where it is below, NaN above all: y and winners (N, h, w, C).

    rows (N, H, W·C): the map. larger, is_lower (N, W·C): room for floats and bytes. Of two rows the larger numbers come
    first, then of two columns, so that most of it runs over long rows even where channels are few.
    """
    zero, channels = larger.dtype.type(0), y.shape[3]
    for n in prange(y.shape[0]):
        for i in range(y.shape[1]):
            has_nan = False
            for k in range(rows.shape[2]):
                upper, lower = _real(rows[n, 2 * i, k]), _real(rows[n, 2 * i + 1, k])
                wins = (lower > upper) | (lower != lower)
                larger[n, k] = lower if wins else upper
                is_lower[n, k] = wins
                has_nan |= (upper != upper) | (lower != lower)
            for j in range(y.shape[2]):
                for c in range(channels):
                    k = 2 * j * channels + c
                    left, right = larger[n, k], larger[n, k + channels]
                    of_left, of_right = is_lower[n, k], is_lower[n, k + channels]
                    # Of equal ones the first, row by row, as torch has it. Products with 0 and 1 in place of choices:
                    # a processor that guesses choices is wrong about most of these.
                    wins = np.uint8((right > left) | ((right == left) & (of_right < of_left)))
                    largest = max(zero, max(right, left))
                    is_on = np.uint8(largest > 0)
                    winner = 2 * of_left + wins * (1 + 2 * of_right - 2 * of_left)
                    y[n, i, j, c] = _rounded(largest, y[n, i, j, c])
                    winners[n, i, j, c] = is_on * winner + (1 - is_on) * OFF
            for j in range(y.shape[2] if has_nan else 0):
                for c in range(channels):
                    k = 2 * j * channels + c
                    for at in (k, k + channels):
                        if larger[n, at] != larger[n, at]:
                            y[n, i, j, c] = _rounded(larger[n, at], y[n, i, j, c])
                            winners[n, i, j, c] = 2 * is_lower[n, at] + (at != k)


@_loop
def spread_to_winners(g, winners, for_x):
    """for_x (N, H, W, C): g at each window's winner, 0 elsewhere; all as whole numbers of their bits.

    A product with 0 or 1 in place of a choice, as in `pool_positive`.
    """
    height, width = g.shape[1], g.shape[2]
    for n in prange(for_x.shape[0]):
        for i in range(height):
            for j in range(width):
                for c in range(for_x.shape[3]):
                    value, winner = g[n, i, j, c], winners[n, i, j, c]
                    for_x[n, 2 * i, 2 * j, c] = value * (winner == 0)
                    for_x[n, 2 * i, 2 * j + 1, c] = value * (winner == 1)
                    for_x[n, 2 * i + 1, 2 * j, c] = value * (winner == 2)
                    for_x[n, 2 * i + 1, 2 * j + 1, c] = value * (winner == 3)
        for i in range(for_x.shape[1]):
            for j in range(2 * width if i < 2 * height else 0, for_x.shape[2]):
                for c in range(for_x.shape[3]):
                    for_x[n, i, j, c] = 0


@partial(_loop, fastmath={"contract", "reassoc"})  # sums of a row of pixels, not of channels
def multiply_patches(images, width, is_corner, products):
    """Of each image and all its 3×3 patches P, of nine pixels: Σ P·Pᵀ, and in a tenth row ΣP: products (N, 10, 9).

    images (N, (H + 2)·width): row after row, with the border that the patches at the edges reach into. is_corner
    (H·width - 2,): 1 where an upper left corner of a patch lies, 0 where a patch would reach over the end of its row.
    """
    zero, count = is_corner.dtype.type(0), is_corner.shape[0]
    for n in prange(images.shape[0]):
        r0, r1, r2 = images[n, :count], images[n, 1 : 1 + count], images[n, 2 : 2 + count]
        r3, r4 = images[n, width : width + count], images[n, width + 1 : width + 1 + count]
        r5, r6 = images[n, width + 2 : width + 2 + count], images[n, 2 * width : 2 * width + count]
        r7, r8 = images[n, 2 * width + 1 : 2 * width + 1 + count], images[n, 2 * width + 2 : 2 * width + 2 + count]
        for p in range(9):
            from_p = p // 3 * width + p % 3
            pixels = images[n, from_p : from_p + count]
            total, s0, s1, s2, s3, s4, s5, s6, s7, s8 = zero, zero, zero, zero, zero, zero, zero, zero, zero, zero
            for k in range(count):
                value = is_corner[k] * pixels[k]
                total += value
                s0 += value * r0[k]
                s1 += value * r1[k]
                s2 += value * r2[k]
                s3 += value * r3[k]
                s4 += value * r4[k]
                s5 += value * r5[k]
                s6 += value * r6[k]
                s7 += value * r7[k]
                s8 += value * r8[k]
            products[n, 9, p] = total
            products[n, p, 0], products[n, p, 1], products[n, p, 2] = s0, s1, s2
            products[n, p, 3], products[n, p, 4], products[n, p, 5] = s3, s4, s5
            products[n, p, 6], products[n, p, 7], products[n, p, 8] = s6, s7, s8


@_loop
def convolve_and_pool(images, weights, scale, shift, y, winners):
    """A 3×3 convolution of one channel and `pool_scaled` of its map, which is never stored: y, winners (N, h, w, C).

    images (N, H + 2, W + 2) as in `multiply_patches`; weights (9, C), without a bias; scale, shift (C,).
    """
    zero = scale.dtype.type(0)
    for n in prange(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for c in range(y.shape[3]):
                    at_0, at_1, at_2, at_3 = zero, zero, zero, zero
                    for t in range(9):
                        weight, up, left = weights[t, c], t // 3, t % 3
                        at_0 += weight * images[n, 2 * i + up, 2 * j + left]
                        at_1 += weight * images[n, 2 * i + up, 2 * j + 1 + left]
                        at_2 += weight * images[n, 2 * i + 1 + up, 2 * j + left]
                        at_3 += weight * images[n, 2 * i + 1 + up, 2 * j + 1 + left]
                    a, b = scale[c], shift[c]
                    largest, winner = a * at_0 + b, np.uint8(0)
                    scaled = a * at_1 + b
                    wins = scaled > largest
                    largest, winner = scaled if wins else largest, np.uint8(1) if wins else winner
                    scaled = a * at_2 + b
                    wins = scaled > largest
                    largest, winner = scaled if wins else largest, np.uint8(2) if wins else winner
                    scaled = a * at_3 + b
                    wins = scaled > largest
                    largest, winner = scaled if wins else largest, np.uint8(3) if wins else winner
                    is_off = largest <= 0
                    y[n, i, j, c] = _rounded(zero if is_off else largest, y[n, i, j, c])
                    winners[n, i, j, c] = np.uint8(OFF) if is_off else winner


@_loop
def sum_winning_patches(images, g, winners, parts, sums):
    """Of each image and channel Σ g · patch over the windows' winners, and in a tenth row Σg: sums (N, 10, C).

    images as in `multiply_patches`. parts (N, 4, C) is room to work in. No row is taken as an array of its own in the
    inner loops: counting who holds it takes longer than they do.
    """
    zero = parts.dtype.type(0)
    for n in prange(g.shape[0]):
        for t in range(10):
            for c in range(g.shape[3]):
                sums[n, t, c] = 0
        for i in range(g.shape[1]):
            for j in range(g.shape[2]):
                for c in range(g.shape[3]):
                    value, winner = _real(g[n, i, j, c]), winners[n, i, j, c]
                    parts[n, 0, c] = value if winner == 0 else zero
                    parts[n, 1, c] = value if winner == 1 else zero
                    parts[n, 2, c] = value if winner == 2 else zero
                    parts[n, 3, c] = value if winner == 3 else zero
                    sums[n, 9, c] += zero if winner == OFF else value
                for t in range(9):
                    up, left = t // 3, t % 3
                    at_0, at_1 = images[n, 2 * i + up, 2 * j + left], images[n, 2 * i + up, 2 * j + 1 + left]
                    at_2, at_3 = images[n, 2 * i + 1 + up, 2 * j + left], images[n, 2 * i + 1 + up, 2 * j + 1 + left]
                    for c in range(g.shape[3]):
                        sums[n, t, c] += (
                            parts[n, 0, c] * at_0
                            + parts[n, 1, c] * at_1
                            + parts[n, 2, c] * at_2
                            + parts[n, 3, c] * at_3
                        )

"""Neighbouring layers in one: the same function with less to read and write, in training on a CPU.

Where Numba is installed (the extra `speed`) its loops do it, of channels-last maps; elsewhere PyTorch's own functions.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_aten = torch.ops.aten

#: The numbers that the loops read: all others go to PyTorch.
_COMPUTED = (torch.float32, torch.bfloat16, torch.float64)


#: Who wants to know when loops are compiled.
_tellers: list[Callable[[], None]] = []


#: Whether this process was forked from one in which Numba's threads had been launched.
_has_lost_threads = False


def loops() -> Any:
    """The module `compiled`, or None where Numba or its OpenMP threads are missing.

    None, too, in a process that was forked from one in which a loop had run: Numba's threads, launched then, do not
    live on in a fork, and one that wants them is ended. Forked before, a process launches its own.
    """
    return None if _has_lost_threads else _compiled()


def _after_fork() -> None:
    global _has_lost_threads
    numba_threads = sys.modules.get("numba.np.ufunc.parallel")
    _has_lost_threads |= numba_threads is not None and numba_threads._is_initialized


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@cache
def _compiled() -> Any:
    try:
        module = import_module("cnnlab.training.compiled")
    except ImportError:
        return None
    for tell in _tellers:
        module.on_compiling(tell)
    return module


def tell_of_compiling(tell: Callable[[], None]) -> None:
    """Have `tell` called before loops are compiled, which takes seconds on a machine's first training.

    A setting of the whole process, so the command line makes it, before anything is trained.
    """
    _tellers[:] = [tell]


def numba_version() -> str | None:
    """The version of the Numba whose loops run, None where they do not."""
    return None if loops() is None else version("numba")


class PoolRelu(nn.Module):
    """`ReLU` and `MaxPool2d(2)` in either order: where the window's maximum is, and whether it is positive.

    On another device, or of maps that are not channels-last, the layers run one by one. They are the net's own; this
    only holds them.
    """

    def __init__(self, pool: nn.MaxPool2d, relu: nn.ReLU) -> None:
        super().__init__()
        self.pool, self.relu = pool, relu

    @classmethod
    def of(cls, pool: nn.Module | None, relu: nn.Module | None) -> PoolRelu | None:
        """The two layers as one, or None where they do not fit or Numba is missing."""
        if not isinstance(pool, nn.MaxPool2d) or not _halves(pool) or type(relu) is not nn.ReLU or loops() is None:
            return None
        return cls(pool, relu)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, ⌊H/2⌋, ⌊W/2⌋)."""
        return _PoolRelu.apply(x) if _fits(x) else self.relu(self.pool(x))


class NormPoolRelu(nn.Module):
    """`BatchNorm2d`, then `ReLU` and `MaxPool2d(2)` in either order.

    Batch norm's affine is monotone in each channel, so that it can be done where it is pooled. Values and gradients are
    the three layers' but for rounding (in bfloat16 there is less of it: the normalised map is never rounded). The
    backward pass writes γ/σ times the gradient to each window's winner and adds what the mean and the variance owe,
    which is an affine function of the raw map:

        ∂L/∂x = γ/σ · (scatter(g) - Σg/m - x̂ · Σ(g x̂)/m),   x̂ = (x - μ)/σ

    (Ioffe, Szegedy 2015, §3). PyTorch's functions do it only while every γ is positive, when the raw map's maximum is
    the winner. In eval mode, on another device, and where neither can, the layers run one by one. They are the net's
    own; this only holds them.
    """

    def __init__(self, norm: nn.BatchNorm2d, pool: nn.MaxPool2d, relu: nn.ReLU) -> None:
        super().__init__()
        self.norm, self.pool, self.relu = norm, pool, relu

    @classmethod
    def of(cls, norm: nn.Module | None, pool: nn.Module | None, relu: nn.Module | None) -> NormPoolRelu | None:
        """The three layers as one, or None where they do not fit: plain 2×2 pooling, batch norm with all parts."""
        if type(norm) is not nn.BatchNorm2d or not isinstance(pool, nn.MaxPool2d) or type(relu) is not nn.ReLU:
            return None
        fits = norm.affine and norm.track_running_stats and norm.momentum is not None and _halves(pool)
        return cls(norm, pool, relu) if fits else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, ⌊H/2⌋, ⌊W/2⌋)."""
        norm = self.norm
        is_looped = _fits(x) and self.is_trained
        if not is_looped and (not norm.training or x.device.type != "cpu" or not bool((norm.weight > 0).all())):
            return self.relu(self.pool(norm(x)))
        function = _LoopedNormPoolRelu if is_looped else _NormPoolRelu
        return function.apply(x, norm.weight, norm.bias, *self.count_batch())

    @property
    def is_trained(self) -> bool:
        """Whether batch norm takes the batch's statistics, and its numbers are of a kind that the loops read."""
        return self.norm.training and self.norm.weight.dtype in (torch.float32, torch.float64)

    def count_batch(self) -> tuple[Tensor, Tensor, float, float]:
        """One batch more: the running mean and variance that it moves, by how much, and the ε of the norm."""
        norm = self.norm
        assert norm.running_mean is not None  # `of` took no other
        assert norm.running_var is not None
        assert norm.momentum is not None
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
        return norm.running_mean, norm.running_var, norm.momentum, norm.eps


class ConvNormPoolRelu(nn.Module):
    """A 3×3 convolution of one channel and `NormPoolRelu`, without the map between them.

    The batch's mean and variance of each channel follow from its nine weights w and the patches P of nine pixels alone:
    μ = w·ΣP/m + b, and m σ² = wᵀ Σ(PPᵀ) w about the mean. So does what they owe backwards; the rest of the weights'
    gradient is a sum over the windows' winners. Nothing is computed for the image: where that wants a gradient, the
    layers run one by one, as they do where `NormPoolRelu`'s would.

    The convolution's bias gets the gradient 0, as batch norm takes away whatever it adds.
    """

    def __init__(self, conv: nn.Conv2d, rest: NormPoolRelu) -> None:
        super().__init__()
        self.conv, self.rest = conv, rest

    @classmethod
    def of(cls, conv: nn.Module | None, rest: nn.Module | None) -> ConvNormPoolRelu | None:
        """The layers as one, or None where they do not fit or Numba is missing."""
        if type(conv) is not nn.Conv2d or not isinstance(rest, NormPoolRelu) or loops() is None:
            return None
        fits = (
            conv.in_channels == 1
            and conv.kernel_size == (3, 3)
            and conv.stride == (1, 1)
            and conv.dilation == (1, 1)
            and conv.groups == 1
            and conv.padding_mode == "zeros"
            and not isinstance(conv.padding, str)
        )
        return cls(conv, rest) if fits else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, H, W) → (N, C, ⌊h/2⌋, ⌊w/2⌋), h and w the convolution's."""
        conv, norm = self.conv, self.rest.norm
        if x.requires_grad or not _fits(x) or conv.weight.stride(1) != 1 or not self.rest.is_trained:
            return self.rest(conv(x))
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else conv.weight.dtype
        if dtype not in _COMPUTED or x.dtype != norm.weight.dtype or conv.weight.dtype != norm.weight.dtype:
            return self.rest(conv(x))
        vertical, horizontal = (int(each) for each in conv.padding)
        padded = F.pad(x, (horizontal, horizontal, vertical, vertical)) if vertical or horizontal else x
        if min(padded.shape[2:]) < 4:  # no window
            return self.rest(conv(x))
        return _ConvNormPoolRelu.apply(
            padded[:, 0].to(dtype), conv.weight, conv.bias, norm.weight, norm.bias, dtype, *self.rest.count_batch()
        )


def _halves(pool: nn.MaxPool2d) -> bool:
    """Whether a layer is plain 2×2 max pooling."""
    return (
        type(pool) is nn.MaxPool2d
        and pool.kernel_size in (2, (2, 2))
        and pool.stride in (2, (2, 2))
        and pool.padding in (0, (0, 0))
        and pool.dilation in (1, (1, 1))
        and not pool.return_indices
        and not pool.ceil_mode
    )


def _fits(x: Tensor) -> bool:
    """Whether loops can read a map (N, C, H, W): on the CPU, channels-last, with a window at least."""
    is_plain = x.device.type == "cpu" and x.dim() == 4 and x.dtype in _COMPUTED and loops() is not None
    return is_plain and x.numel() > x.shape[1] and min(x.shape[2:]) >= 2 and _is_nhwc(x)


def _is_nhwc(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last)


def _array(x: Tensor) -> np.ndarray:
    """A channels-last map (N, C, H, W) as the loops see it, in the same memory."""
    x = x.detach().permute(0, 2, 3, 1)
    return (x.view(torch.uint16) if x.dtype == torch.bfloat16 else x).numpy()


def _map(n: int, channels: int, height: int, width: int, dtype: torch.dtype) -> Tensor:
    """A channels-last map that nothing is written to yet."""
    return torch.empty((n, channels, height, width), dtype=dtype, memory_format=torch.channels_last)


def _real(x: Tensor) -> type[np.float32] | type[np.float64]:
    """What the loops compute in for such numbers."""
    return np.float64 if x.dtype == torch.float64 else np.float32


def _double(x: Tensor) -> np.ndarray:
    return x.detach().double().numpy()


def _move_averages(
    running_mean: Tensor, running_var: Tensor, momentum: float, mean: np.ndarray, var: np.ndarray, m: int
) -> None:
    """Move running averages by a batch's mean and variance (C,) over m numbers; the variance as of a sample."""
    for running, of_batch in ((running_mean, mean), (running_var, var * m / (m - 1))):
        running.mul_(1 - momentum).add_(torch.from_numpy(of_batch).to(running.dtype), alpha=momentum)


class _PoolRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        y = _map(n, channels, height // 2, width // 2, x.dtype)
        ctx.winners, ctx.shape = np.empty((n, height // 2, width // 2, channels), np.uint8), x.shape
        room = (np.empty((n, width * channels), each) for each in (_real(x), np.uint8))
        loops().pool_positive(_array(x).reshape(n, height, -1), *room, _array(y), ctx.winners)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        for_x = _map(*ctx.shape, gradient.dtype)
        bits = f"u{gradient.element_size()}"
        loops().spread_to_winners(_array(gradient).view(bits), ctx.winners, _array(for_x).view(bits))
        return for_x


class _NormPoolRelu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        momentum: float,
        eps: float,
    ) -> Tensor:
        mean, var = _aten.batch_norm_update_stats(x, running_mean, running_var, momentum)
        pooled, winners = _aten.max_pool2d_with_indices(x, [2, 2], [2, 2])
        y = torch.batch_norm(pooled, weight, bias, mean, var, False, 0.0, eps, False).relu_()
        ctx.save_for_backward(x, pooled, winners, y, mean, var, weight)
        ctx.eps = eps
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, pooled, winners, y, mean, var, weight = ctx.saved_tensors
        is_nhwc = y.is_contiguous(memory_format=torch.channels_last)
        gradient = gradient.contiguous(memory_format=torch.channels_last if is_nhwc else torch.contiguous_format)
        gradient = _aten.threshold_backward(gradient, y, 0)
        to_winners, for_weight, for_bias = _aten.native_batch_norm_backward(
            gradient, pooled, weight, mean, var, None, None, False, ctx.eps, [True, True, True]
        )
        inverse = torch.rsqrt(var + ctx.eps)
        m = x.numel() / x.shape[1]
        slope = -weight * inverse**2 * for_weight / m
        offset = -weight * inverse * for_bias / m - slope * mean
        zero, one = torch.zeros_like(mean), torch.ones_like(var)
        for_x = torch.batch_norm(x, slope, offset, zero, one, False, 0.0, 0.0, False)  # slope · x + offset
        for_x.add_(
            _aten.max_pool2d_with_indices_backward(to_winners, x, [2, 2], [2, 2], [0, 0], [1, 1], False, winners)
        )
        return for_x, for_weight, for_bias, None, None, None, None


class _LoopedNormPoolRelu(torch.autograd.Function):
    @staticmethod
    @np.errstate(all="ignore")  # NaN is the loop's to tell
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        momentum: float,
        eps: float,
    ) -> Tensor:
        n, channels, height, width = x.shape
        m, real, maps = n * height * width, _real(x), _array(x)
        # About a number of the map itself, so that a mean far from 0 costs the variance no digits.
        pivot = _double(x[0, :, 0, 0]).astype(real)
        sums = np.empty((n, 2, channels), real)
        loops().sum_map(maps, pivot, sums)
        off, square = sums.sum(axis=0, dtype=np.float64) / m
        mean, var = pivot + off, np.maximum(square - off**2, 0)
        _move_averages(running_mean, running_var, momentum, mean, var, m)

        inverse = 1 / np.sqrt(var + eps)
        scale = _double(weight) * inverse
        shift = _double(bias) - mean * scale
        y = _map(n, channels, height // 2, width // 2, x.dtype)
        raw, winners = torch.empty_like(y), np.empty((n, height // 2, width // 2, channels), np.uint8)
        loops().pool_scaled(maps, scale.astype(real), shift.astype(real), _array(y), _array(raw), winners)
        ctx.save_for_backward(x, raw)
        ctx.winners, ctx.mean, ctx.inverse, ctx.scale = winners, mean, inverse, scale
        return y

    @staticmethod
    @once_differentiable
    @np.errstate(all="ignore")
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, raw = ctx.saved_tensors
        m, real = x.numel() / x.shape[1], _real(x)
        gradient = _array(gradients[0].contiguous(memory_format=torch.channels_last))
        sums = np.empty((len(x), 2, x.shape[1]), real)
        loops().sum_gradient(gradient, _array(raw), ctx.winners, ctx.mean.astype(real), sums)
        for_bias, for_weight = sums.sum(axis=0, dtype=np.float64)
        for_weight *= ctx.inverse
        slope = -ctx.scale * ctx.inverse * for_weight / m
        offset = -ctx.scale * for_bias / m - slope * ctx.mean
        for_x = torch.empty_like(x)
        coefficients = (each.astype(real) for each in (ctx.scale, slope, offset))
        loops().spread_gradient(_array(x), gradient, ctx.winners, *coefficients, _array(for_x))
        for_weight, for_bias = (torch.from_numpy(each.astype(real)) for each in (for_weight, for_bias))
        return for_x, for_weight, for_bias, None, None, None, None


class _ConvNormPoolRelu(torch.autograd.Function):
    @staticmethod
    @np.errstate(all="ignore")  # NaN is the loop's to tell
    def forward(
        ctx: Any,
        images: Tensor,
        filters: Tensor,
        filter_bias: Tensor | None,
        weight: Tensor,
        bias: Tensor,
        dtype: torch.dtype,
        running_mean: Tensor,
        running_var: Tensor,
        momentum: float,
        eps: float,
    ) -> Tensor:
        # images (N, H + 2, W + 2) and filters are rounded to what is computed in, as autocast does, and multiplied and
        # added as floats, as hardware does.
        n, rows, columns = images.shape
        height, width, channels, m = rows - 2, columns - 2, len(filters), n * (rows - 2) * (columns - 2)
        real = _real(filters)
        pixels = np.ascontiguousarray(images.to(filters.dtype).numpy())
        weights = np.ascontiguousarray(_double(filters.to(dtype)).reshape(channels, 9).T)
        constant = np.zeros(channels) if filter_bias is None else _double(filter_bias.to(dtype))
        is_corner = (np.arange(height * columns - 2) % columns < width).astype(real)
        sums = np.empty((n, 10, 9), real)
        loops().multiply_patches(pixels.reshape(n, -1), columns, is_corner, sums)
        products = sums.sum(axis=0, dtype=np.float64)
        patches, products = products[9], products[:9]
        middle = patches / m
        mean = middle @ weights  # without the convolution's bias
        var = np.maximum(np.einsum("pc,pq,qc->c", weights, products / m - np.outer(middle, middle), weights), 0)
        _move_averages(running_mean, running_var, momentum, mean + constant, var, m)

        inverse = 1 / np.sqrt(var + eps)
        scale = _double(weight) * inverse
        shift = _double(bias) - mean * scale
        y = _map(n, channels, height // 2, width // 2, dtype)
        winners = np.empty((n, height // 2, width // 2, channels), np.uint8)
        arguments = (each.astype(real) for each in (weights, scale, shift))
        loops().convolve_and_pool(pixels, *arguments, _array(y), winners)
        ctx.save_for_backward(filters)
        ctx.pixels, ctx.weights, ctx.winners, ctx.has_bias = pixels, weights, winners, filter_bias is not None
        ctx.mean, ctx.inverse, ctx.scale, ctx.patches, ctx.products, ctx.m = mean, inverse, scale, patches, products, m
        return y

    @staticmethod
    @once_differentiable
    @np.errstate(all="ignore")
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (filters,) = ctx.saved_tensors
        gradient = _array(gradients[0].contiguous(memory_format=torch.channels_last))
        n, channels, real = len(gradient), len(filters), _real(filters)
        sums, room = np.empty((n, 10, channels), real), np.empty((n, 4, channels), real)
        loops().sum_winning_patches(ctx.pixels, gradient, ctx.winners, room, sums)
        total = sums.sum(axis=0, dtype=np.float64)
        winning, for_bias = total[:9], total[9]
        for_weight = ((ctx.weights * winning).sum(axis=0) - ctx.mean * for_bias) * ctx.inverse
        slope = -ctx.scale * ctx.inverse * for_weight / ctx.m
        offset = -ctx.scale * for_bias / ctx.m - slope * ctx.mean
        for_filters = ctx.scale * winning + slope * (ctx.products @ ctx.weights) + np.outer(ctx.patches, offset)
        for_weight, for_bias = (torch.from_numpy(each.astype(real)) for each in (for_weight, for_bias))
        for_filters = torch.empty_like(filters).copy_(torch.from_numpy(for_filters.T).reshape(filters.shape))
        for_constant = torch.zeros_like(for_bias) if ctx.has_bias else None
        return None, for_filters, for_constant, for_weight, for_bias, None, None, None, None, None

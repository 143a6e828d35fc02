"""Batch norm, max pooling and ReLU in one: the same function with less to read and write."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_aten = torch.ops.aten


class NormPoolRelu(nn.Module):
    """`BatchNorm2d`, then `ReLU` and `MaxPool2d(2)` in either order, in training on a CPU.

    While every scale γ is positive, batch norm's affine is monotone and commutes with the maximum: the batch's mean and
    variance are taken from the whole map, the pool runs on the raw map, and affine and ReLU on the quarter left.
    Values and gradients are the three layers' but for rounding (in bfloat16 there is less of it: the normalised map is
    never rounded). The backward pass writes γ/σ times the gradient to each window's winner and adds what the mean and
    the variance owe, which is an affine function of the raw map:

        ∂L/∂x = γ/σ · (scatter(g) - Σg/m - x̂ · Σ(g x̂)/m),   x̂ = (x - μ)/σ

    (Ioffe, Szegedy 2015, §3). With a γ that is not positive, in eval mode or on another device, the layers run one by
    one. They are the net's own; this only holds them.
    """

    def __init__(self, norm: nn.BatchNorm2d, pool: nn.MaxPool2d, relu: nn.ReLU) -> None:
        super().__init__()
        self.norm, self.pool, self.relu = norm, pool, relu

    @classmethod
    def of(cls, norm: nn.Module | None, pool: nn.Module | None, relu: nn.Module | None) -> NormPoolRelu | None:
        """The three layers as one, or None where they do not fit: plain 2×2 pooling, batch norm with all parts."""
        if type(norm) is not nn.BatchNorm2d or type(pool) is not nn.MaxPool2d or type(relu) is not nn.ReLU:
            return None
        fits = (
            norm.affine
            and norm.track_running_stats
            and norm.momentum is not None
            and pool.kernel_size in (2, (2, 2))
            and pool.stride in (2, (2, 2))
            and pool.padding in (0, (0, 0))
            and pool.dilation in (1, (1, 1))
            and not pool.return_indices
            and not pool.ceil_mode
        )
        return cls(norm, pool, relu) if fits else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, ⌊H/2⌋, ⌊W/2⌋)."""
        norm = self.norm
        if not norm.training or x.device.type != "cpu" or not bool((norm.weight > 0).all()):
            return self.relu(self.pool(norm(x)))
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
        return _NormPoolRelu.apply(
            x, norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.momentum, norm.eps
        )


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

"""The lesson's equations in plain NumPy, to be read beside it: the oracle of the tests, the words of the pages.

Written for the eye and not for speed. Arrays are (N, C, H, W) in the lesson's letters, pairs are (height, width), and
everything is computed in the arrays' own precision (float64 in the tests).

    K, s, p, d    kernel (an array) or its size, stride, padding, dilation
    X, Y          what enters a layer and what leaves it; dY is the loss's gradient with respect to Y, dX that with
                  respect to X, and so on

A backward function takes dY first and then what its gradient needs of the forward pass's arguments. Where an equation
reads X outside the image it finds zero, the padding.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Pair = int | tuple[int, int]


def output_size(size: int, kernel_size: int, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """⌊(H + 2p - d(K-1) - 1) / s⌋ + 1 along one axis; for d = 1 the lesson's ⌊(H + 2p - K) / s⌋ + 1.

    May be ≤ 0: then the kernel is larger than the padded image.
    """
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


def conv2d(
    X: Array,
    K: Array,
    bias: Array | None = None,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Array:
    """Y[n, o, i, j] = bias[o] + Σ_{c,u,v} K[o, c, u, v] · X[n, c, s·i + d·u - p, s·j + d·v - p].

    With s = d = 1 and p = 0 the lesson's Σ K[u, v] · X[i + u, j + v], summed over channels: a cross-correlation, the
    kernel is not flipped. X (N, C_in, H, W), K (C_out, C_in/groups, K_h, K_w), bias (C_out,), returns
    (N, C_out, H_out, W_out). With groups, the g-th C_out/groups filters see the g-th C_in/groups channels only.
    Raises ValueError where the channels do not fit or the kernel is larger than the padded image.
    """
    if X.shape[1] != K.shape[1] * groups or K.shape[0] % groups:
        raise ValueError(
            f"conv2d: got {X.shape[1]} channels for {K.shape[0]} filters of {K.shape[1]} channels in {groups} groups; "
            "expected channels = filter channels · groups, and filters a multiple of groups"
        )
    windows = _Windows(X.shape, K.shape[2:], stride, padding, dilation)
    X = _padded(X, windows.padding)
    N, C_out = len(X), K.shape[0]
    Y = np.zeros((N, groups, C_out // groups, *windows.size), dtype=np.result_type(X, K))
    K = _grouped(K, groups)
    for (u, v), seen in windows:
        Y += np.einsum("ngcij,goc->ngoij", _channel_groups(X[seen], groups), K[..., u, v])
    Y = Y.reshape(N, C_out, *windows.size)
    return Y if bias is None else Y + bias[:, None, None]


def conv2d_backward(
    dY: Array,
    X: Array,
    K: Array,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[Array, Array, Array]:
    """(dX, dK, dbias): of each product K · X in Y, either factor's gradient is dY times the other factor.

    dK[o, c, u, v] = Σ_{n,i,j} dY[n, o, i, j] · X[n, c, s·i + d·u - p, s·j + d·v - p]; dX sums dY · K, for each pixel,
    over the windows that it lies in; dbias[o] = Σ_{n,i,j} dY[n, o, i, j].
    """
    windows = _Windows(X.shape, K.shape[2:], stride, padding, dilation)
    padded = _padded(X, windows.padding)
    dX, dK = np.zeros_like(padded), np.zeros_like(_grouped(K, groups))
    grouped_K, grouped_dY = _grouped(K, groups), _channel_groups(dY, groups)
    for (u, v), seen in windows:
        dK[..., u, v] = np.einsum("ngoij,ngcij->goc", grouped_dY, _channel_groups(padded[seen], groups))
        to_pixels = np.einsum("ngoij,goc->ngcij", grouped_dY, grouped_K[..., u, v])
        dX[seen] += to_pixels.reshape(padded[seen].shape)
    return windows.unpadded(dX), dK.reshape(K.shape), dY.sum(axis=(0, 2, 3))


def max_pool2d(
    X: Array, kernel_size: Pair, *, stride: Pair | None = None, padding: Pair = 0, dilation: Pair = 1
) -> Array:
    """Y[n, c, i, j] = max_{u,v} X[n, c, s·i + d·u - p, s·j + d·v - p], where padding never wins.

    stride: the kernel's size where None.
    """
    return _max_pool2d(X, kernel_size, stride, padding, dilation)[0]


def max_pool2d_backward(
    dY: Array, X: Array, kernel_size: Pair, *, stride: Pair | None = None, padding: Pair = 0, dilation: Pair = 1
) -> Array:
    """Give each window's gradient to its winner, the first in reading order where several are equal."""
    _, winner = _max_pool2d(X, kernel_size, stride, padding, dilation)
    windows = _Windows(X.shape, kernel_size, stride, padding, dilation)
    dX = np.zeros_like(_padded(X, windows.padding))
    for number, (_, seen) in enumerate(windows):
        dX[seen] += np.where(winner == number, dY, 0)
    return windows.unpadded(dX)


def avg_pool2d(
    X: Array, kernel_size: Pair, *, stride: Pair | None = None, padding: Pair = 0, count_include_pad: bool = True
) -> Array:
    """Y[n, c, i, j] = Σ_{u,v} X[n, c, s·i + u - p, s·j + v - p] / (K_h · K_w).

    stride: the kernel's size where None. count_include_pad=False divides by how many of the window's places lie inside
    the image instead.
    """
    windows = _Windows(X.shape, kernel_size, stride, padding, 1)
    padded = _padded(X, windows.padding)
    return _sum_of_places(padded, windows) / _pool_divisor(X, windows, count_include_pad)


def avg_pool2d_backward(
    dY: Array,
    X: Array,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Pair = 0,
    count_include_pad: bool = True,
) -> Array:
    """Share each window's gradient out equally among its places; what padding gets is lost.

    With count_include_pad=False it is shared among places inside the image only.
    """
    windows = _Windows(X.shape, kernel_size, stride, padding, 1)
    dX = np.zeros_like(_padded(X, windows.padding))
    share = dY / _pool_divisor(X, windows, count_include_pad)
    for _, seen in windows:
        dX[seen] += share
    return windows.unpadded(dX)


def linear(X: Array, W: Array, bias: Array | None = None) -> Array:
    """Y[n, o] = bias[o] + Σ_i W[o, i] · X[n, i]. X (N, in), W (out, in), bias (out,), returns (N, out)."""
    Y = X @ W.T
    return Y if bias is None else Y + bias


def linear_backward(dY: Array, X: Array, W: Array) -> tuple[Array, Array, Array]:
    """(dX, dW, dbias) = (dY W, dYᵀ X, Σ_n dY)."""
    return dY @ W, dY.T @ X, dY.sum(axis=0)


def relu(X: Array) -> Array:
    """The larger of 0 and x, value by value."""
    return np.maximum(X, 0)


def relu_backward(dY: Array, X: Array) -> Array:
    """Pass dy on where x > 0, else 0 (at x = 0 the slope is taken as 0, as in PyTorch)."""
    return np.where(X > 0, dY, 0)


def dropout(H: Array, p: float, kept: NDArray[np.bool_]) -> Array:
    """The lesson's h̃ = h / (1 - p) where `kept`, else 0: dropout in training, with its random mask as an argument.

    kept: shaped as H, each True with probability 1 - p, so that the mean of h̃ over masks is h. At inference dropout is
    the identity. Raises ValueError unless 0 ≤ p < 1.
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout: got p = {p}; expected 0 ≤ p < 1, for at p = 1 nothing is left to scale up")
    return np.where(kept, H / (1 - p), 0)


def batch_norm_training(X: Array, gamma: Array, beta: Array, *, eps: float = 1e-5) -> tuple[Array, Array, Array]:
    """(Y, μ, σ²): y = γ (x - μ) / √(σ² + ε) + β with the batch's own mean and variance.

    X (N, C) or (N, C, H, W); γ, β, μ, σ² are (C,). The m values of a channel are those of all images and places; σ²
    divides by m. (Ioffe, Szegedy 2015, algorithm 1.)
    """
    axes = _all_but_channels(X)
    mu, variance = X.mean(axis=axes), X.var(axis=axes)
    return batch_norm_inference(X, gamma, beta, mu, variance, eps=eps), mu, variance


def batch_norm_inference(
    X: Array, gamma: Array, beta: Array, running_mean: Array, running_variance: Array, *, eps: float = 1e-5
) -> Array:
    """y = γ (x - μ) / √(σ² + ε) + β with running averages as μ and σ²: no image's answer depends on its batch."""
    x_hat = (X - _per_channel(running_mean, X)) / np.sqrt(_per_channel(running_variance, X) + eps)
    return _per_channel(gamma, X) * x_hat + _per_channel(beta, X)


def running_averages(
    running_mean: Array, running_variance: Array, mu: Array, variance: Array, m: int, *, momentum: float = 0.1
) -> tuple[Array, Array]:
    """Both averages after one more batch: (1 - momentum) · old + momentum · new.

    mu, variance: as `batch_norm_training` returns them; m: values a channel in the batch, at least 2. As in PyTorch the
    variance that is remembered divides by m - 1, though the one that normalizes divides by m.
    """
    unbiased = variance * m / (m - 1)
    return (
        (1 - momentum) * running_mean + momentum * mu,
        (1 - momentum) * running_variance + momentum * unbiased,
    )


def batch_norm_training_backward(dY: Array, X: Array, gamma: Array, *, eps: float = 1e-5) -> tuple[Array, Array, Array]:
    """(dX, dγ, dβ): dx = γ / √(σ² + ε) · (dy - mean(dy) - x̂ · mean(dy · x̂)), dγ = Σ dy · x̂, dβ = Σ dy, by channel.

    The two means are there because μ and σ² depend on every x.
    """
    axes = _all_but_channels(X)
    mu, variance = X.mean(axis=axes), X.var(axis=axes)
    x_hat = (X - _per_channel(mu, X)) / np.sqrt(_per_channel(variance, X) + eps)
    d_gamma, d_beta = (dY * x_hat).sum(axis=axes), dY.sum(axis=axes)
    m = X.size / X.shape[1]
    centred = dY - _per_channel(d_beta / m, X) - x_hat * _per_channel(d_gamma / m, X)
    return _per_channel(gamma / np.sqrt(variance + eps), X) * centred, d_gamma, d_beta


def batch_norm_inference_backward(
    dY: Array, X: Array, gamma: Array, running_mean: Array, running_variance: Array, *, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """(dX, dγ, dβ): dx = γ / √(σ² + ε) · dy, dγ = Σ dy · x̂, dβ = Σ dy, by channel; μ and σ² are constants."""
    axes = _all_but_channels(X)
    inverse = 1 / np.sqrt(running_variance + eps)
    x_hat = (X - _per_channel(running_mean, X)) * _per_channel(inverse, X)
    return dY * _per_channel(gamma * inverse, X), (dY * x_hat).sum(axis=axes), dY.sum(axis=axes)


def softmax(Z: Array) -> Array:
    """e^{z_k} / Σ_j e^{z_j} along the last axis, the largest z subtracted first so that nothing overflows."""
    exponentials = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def cross_entropy(Z: Array, labels: NDArray[np.integer]) -> float:
    """Mean over the batch of -log softmax(z)[label], in nats. Z (N, classes), labels (N,)."""
    Z = Z - Z.max(axis=-1, keepdims=True)
    log_softmax = Z - np.log(np.exp(Z).sum(axis=-1, keepdims=True))
    return float(-log_softmax[np.arange(len(Z)), labels].mean())


def cross_entropy_backward(Z: Array, labels: NDArray[np.integer]) -> Array:
    """(softmax(z) - one-hot(label)) / N, the gradient dZ: what the net said less what it should have said."""
    dZ = softmax(Z)
    dZ[np.arange(len(Z)), labels] -= 1
    return dZ / len(Z)


class _Windows:
    """The windows that a sliding kernel sees, one kernel place after another.

    Iterating gives ((u, v), seen), where `padded[seen]` (N, C, H_out, W_out) holds, for every output position, the
    pixel under place (u, v) of the kernel.
    """

    def __init__(
        self, shape: tuple[int, ...], kernel: Pair, stride: Pair | None, padding: Pair, dilation: Pair
    ) -> None:
        self.image, self.kernel = _pair(shape[2:]), _pair(kernel)
        self.stride = self.kernel if stride is None else _pair(stride)
        self.padding, self.dilation = _pair(padding), _pair(dilation)
        self.size = tuple(
            output_size(H, K, stride=s, padding=p, dilation=d)
            for H, K, s, p, d in zip(self.image, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        )
        if min(self.size) < 1:
            raise ValueError(
                f"a {self.kernel[0]}×{self.kernel[1]} kernel with dilation {self.dilation} does not fit an image of "
                f"{self.image[0]}×{self.image[1]} padded by {self.padding}; expected a smaller kernel or more padding"
            )

    def __iter__(self) -> Iterator[tuple[tuple[int, int], tuple[slice, ...]]]:
        for u in range(self.kernel[0]):
            for v in range(self.kernel[1]):
                rows, columns = (
                    slice(d * at, d * at + s * (size - 1) + 1, s)
                    for at, d, s, size in zip((u, v), self.dilation, self.stride, self.size, strict=True)
                )
                yield (u, v), (slice(None), slice(None), rows, columns)

    def unpadded(self, padded: Array) -> Array:
        """The image's own pixels of a padded one."""
        (top, left), (H, W) = self.padding, self.image
        return padded[:, :, top : top + H, left : left + W]


def _max_pool2d(
    X: Array, kernel_size: Pair, stride: Pair | None, padding: Pair, dilation: Pair
) -> tuple[Array, NDArray[np.intp]]:
    """The largest value of every window, and which place of the kernel held it (counted in reading order)."""
    windows = _Windows(X.shape, kernel_size, stride, padding, dilation)
    padded = _padded(X, windows.padding, -np.inf)
    candidates = np.stack([padded[seen] for _, seen in windows])
    return candidates.max(axis=0), candidates.argmax(axis=0)


def _pool_divisor(X: Array, windows: _Windows, count_include_pad: bool) -> Array:
    """How many places each window is the average of."""
    inside = np.ones((1, 1, *windows.image), X.dtype)
    return _sum_of_places(_padded(inside, windows.padding, float(count_include_pad)), windows)


def _sum_of_places(padded: Array, windows: _Windows) -> Array:
    return np.sum([padded[seen] for _, seen in windows], axis=0)


def _padded(X: Array, padding: tuple[int, int], value: float = 0.0) -> Array:
    top, left = padding
    return np.pad(X, ((0, 0), (0, 0), (top, top), (left, left)), constant_values=value)


def _grouped(K: Array, groups: int) -> Array:
    """(C_out, C_in/groups, K_h, K_w) → (groups, C_out/groups, C_in/groups, K_h, K_w)."""
    return K.reshape(groups, -1, *K.shape[1:])


def _channel_groups(X: Array, groups: int) -> Array:
    """(N, C, H, W) → (N, groups, C/groups, H, W)."""
    return X.reshape(len(X), groups, -1, *X.shape[2:])


def _all_but_channels(X: Array) -> tuple[int, ...]:
    return (0, *range(2, X.ndim))


def _per_channel(values: Array, X: Array) -> Array:
    """(C,) → a shape that broadcasts over X's channels."""
    return values.reshape(1, -1, *[1] * (X.ndim - 2))


def _pair(value: Pair | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])

"""The lesson's equations against torch and its autograd, in float64."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from cnnlab import formulas
from cnnlab.formulas import Array, output_size

over_many = settings(max_examples=120, derandomize=True, deadline=None)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny arrays: a second thread only waits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def read_only(array: Array) -> Array:
    """So that a formula that writes into what it was given fails."""
    array.flags.writeable = False
    return array


def normal(seed: int, *shapes: tuple[int, ...]) -> list[Array]:
    """One array for each shape."""
    generator = np.random.default_rng(seed)
    return [read_only(generator.standard_normal(shape)) for shape in shapes]


def agree(ours: Any, torchs: torch.Tensor | None) -> None:
    assert torchs is not None
    expected = torchs.detach().numpy()
    assert np.shape(ours) == expected.shape
    difference = np.abs(ours - expected).max(initial=0)
    assert difference <= 1e-10 * max(1, np.abs(expected).max(initial=0))


def gradients(function: Callable[..., torch.Tensor], dY: Array, *inputs: Array) -> tuple[torch.Tensor, ...]:
    """Autograd's gradients of `function`, given that of its value."""
    leaves = [torch.tensor(array, requires_grad=True) for array in inputs]
    return torch.autograd.grad(function(*leaves), leaves, torch.tensor(dY))


def all_agree(ours: tuple[Array, ...], torchs: tuple[torch.Tensor, ...]) -> None:
    for one, other in zip(ours, torchs, strict=True):
        agree(one, other)


# ---- sliding windows: what hypothesis draws


def pair_of(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def pairs(low: int, high: int) -> st.SearchStrategy[int | tuple[int, int]]:
    """What every option may be: one number for both axes, or one for each."""
    one = st.integers(low, high)
    return one | st.tuples(one, one)


def images(draw: st.DrawFn, smallest: list[int], channels: int) -> tuple[int, ...]:
    """An image's shape, never square, so that swapped axes show."""
    H, W = (draw(st.integers(size, size + 6)) for size in smallest)
    assume(H != W)
    return draw(st.integers(1, 3)), channels, H, W


def smallest_sides(kernel: Any, padding: Any, dilation: Any) -> list[int]:
    """The smallest height and width where the kernel fits and no window is all padding."""
    each = zip(pair_of(kernel), pair_of(padding), pair_of(dilation), strict=True)
    return [max(d, d * (K - 1) + 1 - 2 * p) for K, p, d in each]


@dataclass(frozen=True)
class Convolution:
    image: tuple[int, ...]
    kernel: tuple[int, ...]
    bias: bool
    options: dict[str, Any]
    seed: int

    def arrays(self) -> tuple[Array, Array, Array | None]:
        X, K, bias = normal(self.seed, self.image, self.kernel, self.kernel[:1])
        return X, K, bias if self.bias else None

    def with_torch(self) -> torch.Tensor:
        X, K, bias = (None if array is None else torch.tensor(array) for array in self.arrays())
        assert X is not None
        assert K is not None
        return F.conv2d(X, K, bias, **self.options)


@st.composite
def convolutions(draw: st.DrawFn) -> Convolution:
    sides = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride, padding, dilation = draw(pairs(1, 3)), draw(pairs(0, 3)), draw(pairs(1, 3))
    groups, C_in, C_out = (draw(st.integers(1, 3)) for _ in range(3))
    return Convolution(
        image=images(draw, smallest_sides(sides, padding, dilation), groups * C_in),
        kernel=(groups * C_out, C_in, *sides),
        bias=draw(st.booleans()),
        options={"stride": stride, "padding": padding, "dilation": dilation, "groups": groups},
        seed=draw(seeds),
    )


@dataclass(frozen=True)
class Pooling:
    image: tuple[int, ...]
    options: dict[str, Any]
    seed: int

    def image_of(self, kind: str) -> Array:
        """Normal numbers; or all negative, where zeros in the padding would win; or few different ones, for ties."""
        (X,) = normal(self.seed, self.image)
        return read_only({"normal": X, "negative": -1 - np.abs(X), "ties": np.round(X)}[kind])


@st.composite
def poolings(draw: st.DrawFn, *, dilated: bool) -> Pooling:
    kernel = draw(pairs(1, 4))
    dilation = draw(pairs(1, 3)) if dilated else 1
    # torch takes padding up to half the kernel
    padding = draw(st.tuples(*(st.integers(0, K // 2) for K in pair_of(kernel))))
    options = {"kernel_size": kernel, "stride": draw(st.none() | pairs(1, 4)), "padding": padding}
    return Pooling(
        image=images(draw, smallest_sides(kernel, padding, dilation), draw(st.integers(1, 3))),
        options=options | ({"dilation": dilation} if dilated else {}),
        seed=draw(seeds),
    )


# ---- output size


def test_output_size_is_that_of_torchs_layers_also_where_windows_do_not_tile_the_image():
    for H, K, s, p, d in itertools.product(range(1, 13), range(1, 6), range(1, 5), range(4), range(1, 4)):
        ours = output_size(H, K, stride=s, padding=p, dilation=d)
        image, layer = torch.empty(1, 1, H, 1), nn.Conv2d(1, 1, (K, 1), (s, 1), (p, 0), (d, 1), device="meta")
        if d * (K - 1) + 1 > H + 2 * p:
            assert ours <= 0, f"a kernel larger than the padded image has no output: {H=} {K=} {s=} {p=} {d=}"
            continue
        sizes = {"Conv2d": layer(image.to("meta")).shape[2]}
        if 2 * p <= K and d <= H:
            sizes["MaxPool2d"] = nn.MaxPool2d((K, 1), (s, 1), (p, 0), (d, 1))(image).shape[2]
            if d == 1:
                sizes["AvgPool2d"] = nn.AvgPool2d((K, 1), (s, 1), (p, 0))(image).shape[2]
        assert set(sizes.values()) == {ours}, f"{sizes} for {H=} {K=} {s=} {p=} {d=}"


def test_output_size_gives_the_lessons_sizes():
    assert output_size(28, 3) == 26
    assert output_size(28, 3, padding=1) == 28
    assert output_size(28, 5, padding=2) == 28
    c1 = output_size(32, 5)
    s2 = output_size(c1, 2, stride=2)
    c3 = output_size(s2, 5)
    s4 = output_size(c3, 2, stride=2)
    assert (c1, s2, c3, s4) == (28, 14, 10, 5)


# ---- convolution


@over_many
@given(convolutions())
def test_conv2d_equals_torchs(case):
    agree(formulas.conv2d(*case.arrays(), **case.options), case.with_torch())


def test_conv2d_is_the_lessons_sum_with_the_kernel_not_flipped():
    X, K = normal(0, (5, 7), (2, 3))
    Y = formulas.conv2d(X[None, None], K[None, None])[0, 0]
    assert Y.shape == (4, 5)
    for i, j in np.ndindex(4, 5):
        assert Y[i, j] == pytest.approx(sum(K[u, v] * X[i + u, j + v] for u in range(2) for v in range(3)))


@over_many
@given(convolutions())
def test_conv2d_backward_equals_autograd(case):
    X, K, _ = case.arrays()
    dY, bias = normal(case.seed + 1, tuple(case.with_torch().shape), case.kernel[:1])
    torchs = gradients(lambda *inputs: F.conv2d(*inputs, **case.options), dY, X, K, bias)
    all_agree(formulas.conv2d_backward(dY, X, K, **case.options), torchs)


@pytest.mark.parametrize(
    ("image", "kernel", "groups"),
    [
        pytest.param((1, 3, 5, 6), (4, 2, 3, 3), 1, id="3 channels for filters of 2"),
        pytest.param((1, 1, 5, 6), (4, 2, 3, 3), 1, id="1 channel is not repeated"),
        pytest.param((1, 2, 5, 6), (4, 2, 3, 3), 2, id="2 channels for 2 groups of 2"),
        pytest.param((1, 4, 5, 6), (3, 2, 3, 3), 2, id="3 filters in 2 groups"),
    ],
)
def test_conv2d_refuses_channels_that_do_not_fit(image, kernel, groups):
    X, K = normal(0, image, kernel)
    with pytest.raises(RuntimeError):
        F.conv2d(torch.tensor(X), torch.tensor(K), groups=groups)
    with pytest.raises(ValueError, match=f"got {image[1]} channels for {kernel[0]} filters .* {groups} groups"):
        formulas.conv2d(X, K, groups=groups)


@pytest.mark.parametrize(
    ("kernel", "options"),
    [
        ((5, 1), {}),
        ((1, 7), {}),
        ((3, 1), {"dilation": (2, 1)}),
        ((5, 1), {"padding": (0, 3)}),
        ((6, 1), {"stride": 4}),
    ],
)
def test_a_kernel_larger_than_the_padded_image_is_refused(kernel, options):
    X, K, bigger = normal(0, (1, 1, 4, 6), (1, 1, *kernel), (1, 1, 6, 8))
    with pytest.raises(ValueError, match=f"{kernel[0]}×{kernel[1]} kernel .* does not fit an image of 4×6"):
        formulas.conv2d(X, K, **options)
    with pytest.raises(ValueError, match="does not fit"):
        formulas.max_pool2d(X, kernel, **options)
    if "dilation" not in options:
        with pytest.raises(ValueError, match="does not fit"):
            formulas.avg_pool2d(X, kernel, **options)
    formulas.conv2d(bigger, K, **options)


# ---- pooling


@over_many
@given(poolings(dilated=True), st.sampled_from(["normal", "negative"]))
def test_max_pool2d_equals_torchs_and_padding_never_wins(case, kind):
    X = case.image_of(kind)
    agree(formulas.max_pool2d(X, **case.options), F.max_pool2d(torch.tensor(X), **case.options))


@over_many
@given(poolings(dilated=True), st.sampled_from(["normal", "negative"]))
def test_max_pool2d_backward_equals_autograd(case, kind):
    check_max_pool2d_backward(case, case.image_of(kind))


@over_many
@given(poolings(dilated=True))
def test_of_equal_values_max_pool2d_backward_rewards_torchs_winner(case):
    check_max_pool2d_backward(case, case.image_of("ties"))


def check_max_pool2d_backward(case: Pooling, X: Array) -> None:
    (dY,) = normal(case.seed + 1, formulas.max_pool2d(X, **case.options).shape)
    torchs = gradients(lambda leaf: F.max_pool2d(leaf, **case.options), dY, X)
    all_agree((formulas.max_pool2d_backward(dY, X, **case.options),), torchs)


@pytest.mark.parametrize("count_include_pad", [True, False])
@over_many
@given(case=poolings(dilated=False))
def test_avg_pool2d_equals_torchs(count_include_pad, case):
    X, options = case.image_of("normal"), case.options | {"count_include_pad": count_include_pad}
    agree(formulas.avg_pool2d(X, **options), F.avg_pool2d(torch.tensor(X), **options))


@pytest.mark.parametrize("count_include_pad", [True, False])
@over_many
@given(case=poolings(dilated=False))
def test_avg_pool2d_backward_equals_autograd(count_include_pad, case):
    X, options = case.image_of("normal"), case.options | {"count_include_pad": count_include_pad}
    (dY,) = normal(case.seed + 1, formulas.avg_pool2d(X, **options).shape)
    torchs = gradients(lambda leaf: F.avg_pool2d(leaf, **options), dY, X)
    all_agree((formulas.avg_pool2d_backward(dY, X, **options),), torchs)


# ---- linear, ReLU, dropout

widths = st.integers(1, 6)


@over_many
@given(widths, widths, widths, st.booleans(), seeds)
def test_linear_equals_torchs(N, inputs, outputs, with_bias, seed):
    X, W, b = normal(seed, (N, inputs), (outputs, inputs), (outputs,))
    bias = b if with_bias else None
    torchs = F.linear(torch.tensor(X), torch.tensor(W), torch.tensor(bias) if with_bias else None)
    agree(formulas.linear(X, W, bias), torchs)


@over_many
@given(widths, widths, widths, seeds)
def test_linear_backward_equals_autograd(N, inputs, outputs, seed):
    X, W, bias, dY = normal(seed, (N, inputs), (outputs, inputs), (outputs,), (N, outputs))
    all_agree(formulas.linear_backward(dY, X, W), gradients(F.linear, dY, X, W, bias))


def test_relu_equals_torchs():
    (X,) = normal(0, (2, 3, 4, 5))
    agree(formulas.relu(X), F.relu(torch.tensor(X)))


def test_relu_backward_equals_autograd_also_at_zero():
    X, dY = normal(0, (2, 3, 4, 5), (2, 3, 4, 5))
    for image in (X, np.round(X)):  # rounded: a third of it zeros
        all_agree((formulas.relu_backward(dY, image),), gradients(F.relu, dY, image))


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9])
def test_dropouts_mean_over_all_masks_is_what_went_in(p):
    (H,) = normal(1, (6,))
    masks = [np.array(mask) for mask in itertools.product([False, True], repeat=6)]
    chances = [(1 - p) ** kept.sum() * p ** (~kept).sum() for kept in masks]
    mean = sum(chance * formulas.dropout(H, p, kept) for chance, kept in zip(chances, masks, strict=True))
    assert mean == pytest.approx(H, abs=1e-12)


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9])
def test_dropout_with_torchs_mask_equals_torchs(p):
    (H,) = normal(2, (4, 3, 5, 6))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torchs = F.dropout(torch.tensor(H), p)
    agree(formulas.dropout(H, p, kept=(torchs != 0).numpy()), torchs)


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, float("nan")])
def test_dropout_refuses_p_outside_0_to_1(p):
    with pytest.raises(ValueError, match="0 ≤ p < 1"):
        formulas.dropout(np.ones(3), p, np.ones(3, bool))


# ---- batch norm


@st.composite
def batches(draw: st.DrawFn) -> tuple[int, ...]:
    """(N, C) or (N, C, H, W), of at least two values a channel."""
    N, C, H, W = (draw(st.integers(low, 5)) for low in (2, 1, 1, 1))
    if draw(st.booleans()):
        return N, C
    return (draw(st.integers(1, N)) if H * W > 1 else N), C, H, W


def scaled(seed: int, shape: tuple[int, ...]) -> Array:
    """Images whose channels have means and spreads of their own."""
    X, shift, spread = normal(seed, shape, (shape[1],), (shape[1],))
    each = (1, -1, *[1] * (len(shape) - 2))
    return read_only(X * np.exp(spread).reshape(each) + 3 * shift.reshape(each))


eps = st.sampled_from([1e-5, 1e-3, 0.1])


@over_many
@given(batches(), eps, seeds)
def test_batch_norm_in_training_equals_torchs(shape, eps, seed):
    X, (gamma, beta) = scaled(seed, shape), normal(seed + 1, shape[1:2], shape[1:2])
    Y, mu, variance = formulas.batch_norm_training(X, gamma, beta, eps=eps)
    x, weight, bias = map(torch.tensor, (X, gamma, beta))
    agree(Y, F.batch_norm(x, None, None, weight, bias, training=True, eps=eps))
    axes = [axis for axis in range(len(shape)) if axis != 1]
    agree(mu, x.mean(dim=axes))
    agree(variance, x.var(dim=axes, correction=0))


@over_many
@given(batches(), eps, seeds)
def test_batch_norm_in_training_backward_equals_autograd(shape, eps, seed):
    X, (dY, gamma, beta) = scaled(seed, shape), normal(seed + 1, shape, shape[1:2], shape[1:2])
    torchs = gradients(
        lambda x, weight, bias: F.batch_norm(x, None, None, weight, bias, training=True, eps=eps), dY, X, gamma, beta
    )
    all_agree(formulas.batch_norm_training_backward(dY, X, gamma, eps=eps), torchs)


@dataclass(frozen=True)
class Inference:
    shape: tuple[int, ...]
    eps: float
    seed: int

    def arrays(self) -> list[Array]:
        """X, γ, β and the running averages: a mean, a variance."""
        *affine, mean, root = normal(self.seed + 1, *[self.shape[1:2]] * 4)
        return [scaled(self.seed, self.shape), *affine, mean, root**2]

    def with_torch(self, x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        mean, variance = map(torch.tensor, self.arrays()[3:])
        return F.batch_norm(x, mean, variance, gamma, beta, training=False, eps=self.eps)


inferences = st.builds(Inference, batches(), eps, seeds)


@over_many
@given(inferences)
def test_batch_norm_at_inference_equals_torchs(case):
    X, gamma, beta, mean, variance = case.arrays()
    ours = formulas.batch_norm_inference(X, gamma, beta, mean, variance, eps=case.eps)
    agree(ours, case.with_torch(*map(torch.tensor, (X, gamma, beta))))


@over_many
@given(inferences)
def test_batch_norm_at_inference_backward_equals_autograd(case):
    X, gamma, beta, mean, variance = case.arrays()
    (dY,) = normal(case.seed + 2, case.shape)
    ours = formulas.batch_norm_inference_backward(dY, X, gamma, mean, variance, eps=case.eps)
    all_agree(ours, gradients(case.with_torch, dY, X, gamma, beta))


@pytest.mark.parametrize("momentum", [0.1, 0.3])
@pytest.mark.parametrize(
    ("kind", "places"), [(nn.BatchNorm2d, (4, 5)), (nn.BatchNorm1d, ())], ids=["(N, C, H, W)", "(N, C)"]
)
def test_running_averages_after_several_batches_are_those_of_torchs_layer(kind, places, momentum):
    C = 3
    layer = kind(C, momentum=momentum, dtype=torch.float64)
    mean, variance = np.zeros(C), np.ones(C)
    for seed, N in enumerate([2, 7, 3, 5]):
        X = scaled(seed, (N, C, *places))
        layer(torch.tensor(X))
        _, mu, of_batch = formulas.batch_norm_training(X, np.ones(C), np.zeros(C))
        mean, variance = formulas.running_averages(mean, variance, mu, of_batch, X.size // C, momentum=momentum)
        agree(mean, layer.running_mean)
        agree(variance, layer.running_var)
    layer.eval()
    X = scaled(9, (1, C, *places))
    agree(formulas.batch_norm_inference(X, np.ones(C), np.zeros(C), mean, variance), layer(torch.tensor(X)))


def test_batch_norms_default_eps_and_momentum_are_torchs():
    X = scaled(0, (4, 3, 5, 6)) * 1e-3  # a variance where ε counts
    (dY,) = normal(1, X.shape)
    ones, zeros, layer = np.ones(3), np.zeros(3), nn.BatchNorm2d(3, dtype=torch.float64)
    Y, mu, variance = formulas.batch_norm_training(X, ones, zeros)
    agree(Y, layer(torch.tensor(X)))
    mean, variance = formulas.running_averages(zeros, ones, mu, variance, X.size // 3)
    agree(mean, layer.running_mean)
    agree(variance, layer.running_var)
    agree(formulas.batch_norm_training_backward(dY, X, ones)[0], *gradients(layer, dY, X))
    layer.eval()
    mean, variance = (average.numpy() for average in layer.buffers() if average.ndim)
    agree(formulas.batch_norm_inference(X, ones, zeros, mean, variance), layer(torch.tensor(X)))
    agree(formulas.batch_norm_inference_backward(dY, X, ones, mean, variance)[0], *gradients(layer, dY, X))


# ---- softmax and cross-entropy

scales = st.sampled_from([1.0, 30.0, 1e4, 1e300])


@pytest.fixture
def nothing_overflows() -> Iterator[None]:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield


def logits_and_labels(N: int, classes: int, scale: float, seed: int) -> tuple[Array, NDArray[np.int64]]:
    (Z,) = normal(seed, (N, classes))
    return read_only(Z * scale), np.random.default_rng(seed).integers(0, classes, N)


@pytest.mark.usefixtures("nothing_overflows")
@over_many
@given(widths, widths, scales, seeds)
def test_softmax_equals_torchs_also_of_huge_logits(N, classes, scale, seed):
    Z, _ = logits_and_labels(N, classes, scale, seed)
    agree(formulas.softmax(Z), F.softmax(torch.tensor(Z), dim=-1))


@pytest.mark.usefixtures("nothing_overflows")
@over_many
@given(widths, widths, scales, seeds)
def test_cross_entropy_equals_torchs_also_of_huge_logits(N, classes, scale, seed):
    Z, labels = logits_and_labels(N, classes, scale, seed)
    agree(formulas.cross_entropy(Z, labels), F.cross_entropy(torch.tensor(Z), torch.tensor(labels)))


@pytest.mark.usefixtures("nothing_overflows")
@over_many
@given(widths, widths, scales, seeds)
def test_cross_entropy_backward_equals_autograd_also_of_huge_logits(N, classes, scale, seed):
    Z, labels = logits_and_labels(N, classes, scale, seed)
    torchs = gradients(lambda leaf: F.cross_entropy(leaf, torch.tensor(labels)), np.array(1.0), Z)
    all_agree((formulas.cross_entropy_backward(Z, labels),), torchs)


# ---- precision


def test_float32_stays_float32():
    X, K, bias, W, ones = (
        array.astype(np.float32) for array in normal(0, (2, 3, 6, 7), (4, 3, 2, 2), (4,), (4, 7), (3,))
    )
    flat, labels = X[0, 0], np.arange(6) % 7
    Y, mu, variance = formulas.batch_norm_training(X, ones, ones)
    convolved, pooled = formulas.conv2d(X, K, bias), formulas.max_pool2d(X, 2)
    computed = [
        convolved,
        *formulas.conv2d_backward(convolved, X, K),
        pooled,
        formulas.max_pool2d_backward(pooled, X, 2),
        formulas.avg_pool2d(X, 2),
        formulas.avg_pool2d_backward(pooled, X, 2),
        formulas.linear(flat, W, bias),
        *formulas.linear_backward(formulas.linear(flat, W), flat, W),
        formulas.relu(X),
        formulas.relu_backward(X, X),
        formulas.dropout(X, 0.5, X > 0),
        *(Y, mu, variance),
        formulas.batch_norm_inference(X, ones, ones, mu, variance),
        *formulas.running_averages(mu, variance, mu, variance, 84),
        *formulas.batch_norm_training_backward(Y, X, ones),
        *formulas.batch_norm_inference_backward(Y, X, ones, mu, variance),
        formulas.softmax(flat),
        formulas.cross_entropy_backward(flat, labels),
    ]
    assert {array.dtype for array in computed} == {np.dtype(np.float32)}

"""The kernels in WebAssembly: made from their source as it stands, and held to NumPy without a browser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import wasmtime

from cnnlab.playground.assembly import WEB, assembled

NAMES = ("kernels.wasm", "kernels-simd.wasm")


def test_the_modules_are_what_their_source_makes() -> None:
    for name, content in assembled().items():
        assert (WEB / name).read_bytes() == content, f"{name}: run python -m cnnlab.playground.assembly"


class Kernels:
    """A module on a memory of its own, called with NumPy arrays that are copied in and out."""

    def __init__(self, name: str) -> None:
        config = wasmtime.Config()
        config.wasm_relaxed_simd = True
        self.store = wasmtime.Store(wasmtime.Engine(config))
        self.memory = wasmtime.Memory(self.store, wasmtime.MemoryType(wasmtime.Limits(16, None)))
        module = wasmtime.Module.from_file(self.store.engine, str(WEB / name))
        self.exports = wasmtime.Instance(self.store, module, [self.memory]).exports(self.store)
        self.used = 16
        self.random = np.random.default_rng(0)

    def put(self, values: np.ndarray) -> int:
        """Copy an array in; returns its address. What lies after it is not zero."""
        content = np.ascontiguousarray(values).tobytes()
        after = self.random.normal(size=16).astype("<f4").tobytes()
        at, self.used = self.used, self.used + (len(content) + 15) // 16 * 16 + len(after)
        self.memory.write(self.store, content + after, at)
        return at

    def get(self, at: int, shape: tuple[int, ...]) -> np.ndarray:
        """Copy float32 values out."""
        size = int(np.prod(shape))
        return np.frombuffer(bytes(self.memory.read(self.store, at, at + 4 * size)), "<f4").reshape(shape)

    def __call__(self, name: str, *arguments: float) -> Any:
        return self.exports[name](self.store, *arguments)

    def normal(self, *shape: int) -> np.ndarray:
        """Values as a net has them, float32."""
        return self.random.normal(size=shape).astype(np.float32)


@pytest.fixture(params=NAMES)
def kernels(request: pytest.FixtureRequest) -> Kernels:
    """Each of the two modules."""
    return Kernels(request.param)


SIZES = [(1, 1, 1), (3, 5, 7), (4, 8, 8), (5, 9, 13), (7, 32, 9), (32, 9, 30), (2, 2, 3), (6, 25, 4)]


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), SIZES)
def test_a_product_with_rows_that_begin_where_a_table_says(
    kernels: Kernels, m: int, k: int, n: int, adds: bool
) -> None:
    a, image, before = kernels.normal(m, k), kernels.normal(60 + n), kernels.normal(m, n + 2)
    starts = kernels.random.integers(0, 60, size=k)
    expected = a.astype(float) @ np.stack([image[s : s + n] for s in starts]) + (before[:, :n] if adds else 0)
    even = k + k % 2
    packed = np.zeros((-(-m // 4), even, 4), np.float32)
    for row in range(m):
        packed[row // 4, :k, row % 4] = a[row]
    table = np.append(starts, starts[-1:])[:even].astype("<i4") * 4
    c = kernels.put(before)
    kernels("rows", kernels.put(packed), kernels.put(image), kernels.put(table), c, 4 * (n + 2), m, even, n, adds)
    got = kernels.get(c, (m, n + 2))
    np.testing.assert_allclose(got[:, :n], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(got[:, n:], before[:, n:])


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), SIZES)
def test_a_product_along_the_rows_of_both(kernels: Kernels, m: int, k: int, n: int, adds: bool) -> None:
    a, image, before = kernels.normal(m, k), kernels.normal(60 + k), kernels.normal(m, n + 2)
    starts = kernels.random.integers(0, 60, size=n)
    expected = a.astype(float) @ np.stack([image[s : s + k] for s in starts]).T + (before[:, :n] if adds else 0)
    c = kernels.put(before)
    table = kernels.put(np.append(starts, starts[-1:])[: n + n % 2].astype("<i4") * 4)
    kernels("dots", kernels.put(a), 4 * k, kernels.put(image), table, c, 4 * (n + 2), m, n, k, adds)
    got = kernels.get(c, (m, n + 2))
    np.testing.assert_allclose(got[:, :n], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(got[:, n:], before[:, n:])


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 4), (2, 7), (5, 14)])
def test_rows_are_copied_and_shifted(kernels: Kernels, rows: int, columns: int, adds: bool) -> None:
    given, before = kernels.normal(rows, columns + 1), kernels.normal(rows, columns + 3)
    to = kernels.put(before)
    kernels("copy", kernels.put(given), 4 * (columns + 1), to, 4 * (columns + 3), rows, columns, 0.5, adds)
    got = kernels.get(to, before.shape)
    expected = given[:, :columns] + 0.5 + (before[:, :columns] if adds else 0)
    np.testing.assert_allclose(got[:, :columns], expected, rtol=1e-6)
    np.testing.assert_array_equal(got[:, columns:], before[:, columns:])


@pytest.mark.parametrize("count", [1, 4, 7, 50])
def test_sums_around_a_middle(kernels: Kernels, count: int) -> None:
    a, b = kernels.normal(count), kernels.normal(count)
    got = kernels("moments", kernels.put(a), kernels.put(b), count, 0.25, -0.5)
    x, y = a.astype(float) - 0.25, b.astype(float) + 0.5
    np.testing.assert_allclose(got, [x.sum(), (x * y).sum()], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("count", [1, 4, 7, 50])
def test_two_arrays_are_blended(kernels: Kernels, count: int, adds: bool) -> None:
    a, b, before = kernels.normal(count), kernels.normal(count), kernels.normal(count + 1)
    to = kernels.put(before)
    kernels("blend", kernels.put(a), kernels.put(b), to, count, 2.0, -0.5, 0.25, adds)
    got = kernels.get(to, before.shape)
    expected = 2 * a - 0.5 * b + 0.25 + (before[:count] if adds else 0)
    np.testing.assert_allclose(got[:count], expected, rtol=1e-5, atol=1e-5)
    assert got[count] == before[count]


@pytest.mark.parametrize("adds", [False, True])
def test_relu_has_no_slope_at_0_and_leaves_what_is_no_number(kernels: Kernels, adds: bool) -> None:
    x = np.array([-1, 0, -0.0, 2, np.nan, 1e-30, -1e-30, 3], np.float32)
    gradients, before = kernels.normal(8), kernels.normal(8)
    values, to = kernels.put(np.zeros(8, np.float32)), kernels.put(before)
    kernels("relu", kernels.put(x), values, 8)
    np.testing.assert_array_equal(kernels.get(values, (8,)), [0, 0, 0, 2, np.nan, np.float32(1e-30), 0, 3])
    kernels("relu_back", values, kernels.put(gradients), to, 8, adds)
    expected = np.where(x > 0, gradients, 0) + (before if adds else 0)
    np.testing.assert_allclose(kernels.get(to, (8,)), expected, rtol=1e-6)


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize(("down", "across", "columns"), [(1, 1, 2), (3, 4, 8), (2, 7, 14), (2, 5, 11)])
def test_windows_of_two_by_two(kernels: Kernels, down: int, across: int, columns: int, adds: bool) -> None:
    x = np.round(kernels.normal(2 * down, columns))  # with ties
    windows = x[:, : 2 * across].reshape(down, 2, across, 2).transpose(0, 2, 1, 3).reshape(down, across, 4)
    at, values = kernels.put(x), kernels.put(np.zeros((down, across), np.float32))
    kernels("halve", at, columns, values, down, across)
    np.testing.assert_array_equal(kernels.get(values, (down, across)), windows.max(axis=2))
    gradients, before = kernels.normal(down, across), kernels.normal(2 * down, columns)
    to = kernels.put(before)
    kernels("halve_back", at, columns, values, kernels.put(gradients), to, down, across, adds)
    expected = before.copy() if adds else np.where(np.arange(columns) < 2 * across, 0, before)
    for row in range(down):
        for column in range(across):
            first = int(windows[row, column].argmax())
            expected[2 * row + first // 2, 2 * column + first % 2] += gradients[row, column]
    np.testing.assert_allclose(kernels.get(to, before.shape), expected, rtol=1e-6)

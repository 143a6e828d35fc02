"""The page draws what PyTorch draws: orders, initial weights, and the seeds that cnnlab derives."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from cnnlab.config import NetSpec
from cnnlab.nets import build_net
from cnnlab.playground.nets import plan_net
from cnnlab.training.course import Course, steps_per_epoch
from cnnlab.training.state import derived_seed

pytestmark = pytest.mark.browser

SEEDS = (0, 7, 2**31 + 5, 2**63 - 1)


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("count", [1, 2, 17, 4000])
def test_orders_are_torchs(in_modules: Callable[..., Any], count: int) -> None:
    found = in_modules(
        """const { permutation } = await module("random.js");
        return given.seeds.map((seed) => [...permutation(BigInt(seed), given.count)]);""",
        {"seeds": [str(seed) for seed in SEEDS], "count": count},
    )
    assert found == [torch.randperm(count, generator=drawn(seed)).tolist() for seed in SEEDS]


@pytest.mark.parametrize("bound", [0.2, 1 / 3, 1 / 56])
def test_uniform_draws_are_torchs_bit_for_bit(in_modules: Callable[..., Any], bound: float) -> None:
    sizes = [1, 15, 16, 17, 1000]
    found = in_modules(
        """const { Generator, fillUniform } = await module("random.js");
        const random = new Generator(7n);
        return given.sizes.map((size) => {
          const values = new Float32Array(size);
          fillUniform(random, values, -given.bound, given.bound);
          return [...values];
        });""",
        {"sizes": sizes, "bound": bound},
    )
    random = drawn(7)
    for size, values in zip(sizes, found, strict=True):
        assert torch.equal(torch.tensor(values), torch.empty(size).uniform_(-bound, bound, generator=random)), size


def test_derived_seeds_are_pythons_without_a_secure_context(in_modules: Callable[..., Any]) -> None:
    cases = [[0, "order", 0], [123, "order", 7], [2**53 - 1, "a purpose whose text is longer than a block" * 3, 1000]]
    texts = ["", "abc", "x" * 55, "x" * 56, "x" * 64, "ü" * 100]
    found = in_modules(
        """const { derivedSeed } = await module("random.js");
        const { sha256 } = await module("../../explorer/web/sha256.js");
        const seeds = given.cases.map((each) => String(derivedSeed(...each)));
        return [isSecureContext, seeds, given.texts.map((text) => [...sha256(text)])];""",
        {"cases": cases, "texts": texts},
    )
    assert found == [
        False,
        [str(derived_seed(seed, str(purpose), epoch)) for seed, purpose, epoch in cases],
        [list(hashlib.sha256(text.encode()).digest()) for text in texts],
    ]


def counter_hash(seed: int, purpose: int, a: int, b: int) -> int:
    """The hash as the design writes it, in Python's whole numbers."""

    def mix(x: int) -> int:
        x ^= x >> 16
        x = x * 0x7FEB352D % 2**32
        x ^= x >> 15
        x = x * 0x846CA68B % 2**32
        return x ^ (x >> 16)

    h = mix((seed ^ purpose * 0x9E3779B1) % 2**32)
    h = mix((h ^ a * 0x85EBCA77) % 2**32)
    return mix((h ^ b * 0xC2B2AE3D) % 2**32)


def test_the_hash_of_a_place(in_modules: Callable[..., Any]) -> None:
    rng = np.random.default_rng(3)
    places = [[0, 0, 0, 0], *rng.integers(0, 2**32, (200, 4)).tolist()]
    found = in_modules(
        """const { hash, uniform } = await module("random.js");
        return given.map((place) => [hash(...place), uniform(...place)]);""",
        places,
    )
    assert found == [[counter_hash(*place), counter_hash(*place) / 2**32] for place in places]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lenet5", {}),
        ("simple-cnn", {}),
        ("mlp", {"hidden": (30, 20)}),
        ("conv-net", {"widths": (3, 5), "kernel_size": 5, "convs_per_block": 2, "batch_norm": False, "hidden": 0}),
    ],
)
def test_initial_weights_are_those_of_build_net(in_modules: Callable[..., Any], name: str, options: dict) -> None:
    seeds, spec, shape = [0, 1, 2**40 + 3], NetSpec(name=name, options=options), (1, 28, 28)
    tensors = plan_net(spec, shape, 10).to_page()["tensors"]
    found = in_modules(
        """const { initialWeights } = await module("initial.js");
        const text = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
        return given.seeds.map((seed) => text(new Uint8Array(initialWeights(given, seed).buffer)));""",
        {"tensors": tensors, "seeds": seeds},
    )
    for text, seed in zip(found, seeds, strict=True):
        state = build_net(spec, image_shape=shape, num_classes=10, seed=seed).state_dict()
        numbers = np.frombuffer(base64.b64decode(text), "<f4")
        for tensor in tensors:
            drawn = numbers[tensor["at"] :][: state[tensor["name"]].numel()]
            assert np.array_equal(drawn, state[tensor["name"]].numpy().ravel()), (seed, tensor["name"])


def test_steps_are_those_of_a_course(in_modules: Callable[..., Any]) -> None:
    cases = [[images, batch] for images in (1, 2, 95, 96, 97, 500, 4000) for batch in (1, 2, 32, 64, 100, 5000)]
    found = in_modules(
        """const { stepsPerEpoch, batchOf } = await module("course.js");
        return given.map(([images, size]) => {
          const steps = stepsPerEpoch(images, size);
          return [steps, [0, 1, steps - 1].map((step) => batchOf(step, images, steps))];
        });""",
        cases,
    )
    for (images, size), (steps, batches) in zip(cases, found, strict=True):
        assert steps == steps_per_epoch(images, size), (images, size)
        for step, batch in zip((0, 1, steps - 1), batches, strict=True):
            part = Course(None, images, steps, steps).batch(step)  # ty: ignore[invalid-argument-type]
            assert batch == [part.start, part.stop], (images, size, step)

"""Eight nets that between them have all layers that the page trains, and their gradients by PyTorch in float64."""

from __future__ import annotations

import base64
import copy
import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnlab.config import NetSpec
from cnnlab.nets import MLP, ConvNet, LeNet5, SimpleCNN
from cnnlab.one_script import worker_script
from cnnlab.playground.images import PageImages
from cnnlab.playground.nets import PlannedNet, plan_module
from cnnlab.playground.page import KERNELS, WEB, WORKER
from cnnlab.playground.proof import DROPOUT, training_steps, uniform
from cnnlab.playground.settings import Settings
from cnnlab.training.loop import background

#: What dropout's masks depend on.
SEED, STEP = 5, 3


_GRADIENTS = """
const { Learner } = await module("learner.js");
const { counting, quickest } = await module("kernels.js");
const bytes = (text) => Uint8Array.fromBase64(text);
const floats = (text) => new Float32Array(bytes(text).buffer);
const text = (values) => new Uint8Array(Float32Array.from(values).buffer).toBase64();
const modules = given.modules.map(({ kind, wasm }) => ({ kind, bytes: bytes(wasm) }));
const { count } = given.pass;
const counted = counting();
new Learner(given.planned, given.shape, { kernels: counted.kernels, capacity: count });
const { kernels } = await quickest(modules, counted.bytes);
const learner = new Learner(given.planned, given.shape, { kernels, capacity: count });
learner.numbers.set(floats(given.numbers));
learner.input.values.set(floats(given.images));
await learner.forward(given.pass);
const { loss } = learner.loss(given.labels);
await learner.backward();
const values = learner.layers.map((layer) => [layer.name, text(layer.gradients.subarray(0, count * layer.size))]);
const [layers, gradients] = [Object.fromEntries(values), text(learner.gradients)];
return { kind: kernels.kind, loss: loss / count, layers, gradients };
"""


_STEPS = """
const { Trainer } = await module("trainer.js");
const bytes = (text) => Uint8Array.fromBase64(text);
const numbers = new Float32Array(bytes(given.numbers).buffer);
const order = new Uint32Array(bytes(given.order).buffer);
const modules = given.modules.map(({ kind, wasm }) => ({ kind, bytes: bytes(wasm) }));
const [images, labels] = [bytes(given.images), bytes(given.labels)];
const trainer = new Trainer({ ...given, numbers, images, labels, order, modules });
await trainer.step(given.steps);
const snapshot = await trainer.snapshot();
trainer.dispose();
return new Uint8Array(snapshot.numbers.buffer).toBase64();
"""


class Residual(nn.Module):
    """Two blocks with a shortcut each: its maps as they are, and through a 1×1 convolution with a stride of 2."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(8)
        self.conv1 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 12, 3, stride=2, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(12)
        self.shortcut = nn.Conv2d(8, 12, 1, stride=2)
        self.relu0, self.relu1, self.relu2 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.pool = nn.AvgPool2d(7)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 1, 28, 28) → logits (N, 10)."""
        x = self.relu0(self.stem_norm(self.stem(x)))
        x = self.relu1(x + self.norm1(self.conv1(x)))
        x = self.relu2(self.norm2(self.conv2(x)) + self.shortcut(x))
        return self.head(self.flatten(self.pool(x)))


class Uneven(nn.Sequential):
    """Kernels, strides and paddings that differ by axis, and pools that overlap and reach over the edge."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 7, (5, 3), stride=(2, 1), padding=(2, 0)),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
            nn.Conv2d(7, 5, (2, 4), stride=(1, 2), padding=(0, 3)),
            nn.BatchNorm2d(5),
            nn.ReLU(),
            nn.AvgPool2d((3, 2), stride=(1, 2), padding=(1, 0)),
            nn.Flatten(),
            nn.Linear(40, 10),
        )


@dataclass(frozen=True)
class Case:
    """A net to make, and the images (C, H, W) that it takes."""

    make: Callable[[], nn.Module]
    shape: tuple[int, int, int] = (1, 28, 28)

    def planned(self, name: str) -> PlannedNet:
        """The net as the page trains it, drawn under the seed 0."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module = self.make()
        return plan_module(module, NetSpec(name=name), self.shape, 10)


EIGHT_NETS = {
    "lenet5": Case(LeNet5),
    "simple-cnn": Case(SimpleCNN),
    "mlp": Case(MLP),
    "conv-net, average pool": Case(lambda: ConvNet(widths=(8, 12), pool="average", dropout=0.3)),
    "conv-net, stride, no batch norm": Case(lambda: ConvNet(widths=(8, 12), pool="stride", batch_norm=False)),
    "conv-net, three convolutions a block": Case(lambda: ConvNet(widths=(6, 8), convs_per_block=3, kernel_size=5)),
    "residual": Case(Residual),
    "uneven": Case(Uneven, (3, 17, 12)),
}


@dataclass(frozen=True)
class Batch:
    """Normalised images float32 (N, C, H, W), and labels (N)."""

    images: Tensor
    labels: Tensor

    @classmethod
    def noise(cls, count: int, shape: tuple[int, int, int]) -> Batch:
        """Images of noise: of equal pixels, as a background's, each precision finds another largest one."""
        generator = torch.Generator().manual_seed(1)
        images = torch.randn(count, *shape, generator=generator)
        return cls(images, torch.randint(10, (count,), generator=generator))


@dataclass(frozen=True)
class Gradients:
    """Of the batch's mean loss: by each layer's values (N, …), flat, by the layer's name, and by each parameter."""

    loss: float
    layers: dict[str, np.ndarray]
    parameters: dict[str, np.ndarray]


def by_pytorch(planned: PlannedNet, batch: Batch) -> Gradients:
    """The gradients in training mode, in float64."""
    net = copy.deepcopy(planned.module).double().train()
    for number, layer in enumerate(planned.layers):
        if "dropout" in layer["operation"]:
            parent, _, name = layer["name"].rpartition(".")
            setattr(net.get_submodule(parent), name, _Mask(planned.dropout, DROPOUT + number))
    values: dict[str, Tensor] = {}
    reads = {layer["name"]: layer["inputs"] for layer in planned.layers}

    def keep(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            for tensor, named in ((inputs[0], reads[name][0]), (output, name)):  # a sum is no module, but one reads it
                if named in reads and named not in values:
                    tensor.retain_grad()
                    values[named] = tensor

        return hook

    for name, module in net.named_modules():
        if name in reads:
            module.register_forward_hook(keep(name))
    loss = F.cross_entropy(net(batch.images.double().requires_grad_()), batch.labels)
    loss.backward()
    return Gradients(
        float(loss.detach()),
        {name: _flat(tensor.grad) for name, tensor in values.items()},
        {name: _flat(each.grad) for name, each in net.named_parameters()},
    )


def in_page(in_modules: Callable[..., Any], planned: PlannedNet, batch: Batch) -> tuple[str, Gradients]:
    """The same by the page's learner with the kernels that Chromium takes, and which these are."""
    given = {
        "planned": planned.to_page(),
        "numbers": _packed(planned.numbers().astype("<f4").tobytes()),
        "images": _packed(batch.images.numpy().astype("<f4").tobytes()),
        "labels": batch.labels.tolist(),
        "shape": list(batch.images.shape[1:]),
        "pass": {"count": len(batch.labels), "batch": len(batch.labels), "first": 0, "isTraining": True}
        | {"dropout": planned.dropout, "seed": SEED, "step": STEP},
        "modules": _KERNELS,
    }
    found = in_modules(_GRADIENTS, given)
    return found["kind"], Gradients(
        found["loss"],
        {name: _unpacked(text) for name, text in found["layers"].items()},
        _by_name(planned, _unpacked(found["gradients"])),
    )


def steps_in_page(
    in_modules: Callable[..., Any], planned: PlannedNet, images: PageImages, settings: Settings, steps: int
) -> dict[str, np.ndarray]:
    """The net's weights after so many steps of the page's trainer, by two workers."""
    data = images.data
    described = {"shape": data.image_shape, "mean": data.mean, "std": data.std, "fill": background(data)}
    given = {
        "record": {"data": described | images.counts | {"classes": data.classes}},
        "planned": planned.to_page() | {"proof": None},
        "numbers": _packed(planned.numbers().astype("<f4").tobytes()),
        "settings": settings.to_page(),
        "images": _packed(images.pixels()),
        "labels": _packed(images.labels()),
        "order": _packed(images.order.astype("<u4").tobytes()),
        "workerSource": worker_script(WEB, WORKER),
        "modules": _KERNELS,
        "workers": 2,
        "steps": steps,
    }
    return _by_name(planned, _unpacked(in_modules(_STEPS, given)))


def steps_by_pytorch(
    planned: PlannedNet,
    images: PageImages,
    settings: Settings,
    steps: int,
    *,
    precision: torch.dtype = torch.float32,
) -> dict[str, np.ndarray]:
    """The same by PyTorch."""
    module = copy.deepcopy(planned.module).to(precision)
    module.register_forward_pre_hook(lambda _, inputs: (inputs[0].to(precision),))
    planned = dataclasses.replace(planned, module=module)
    done = next(done for done in training_steps(planned, images, settings) if done.step == steps)
    return {name: each.detach().numpy().ravel() for name, each in done.net.named_parameters()}


def largest_deviation(found: Gradients, expected: Gradients) -> dict[str, float]:
    """By layer and parameter: the largest difference, relative to the tensor's largest gradient.

    A bias before batch norm changes nothing, so that its gradient is 0: it is held to its layer's weights.
    """
    assert set(found.layers) == set(expected.layers)
    assert set(found.parameters) == set(expected.parameters)
    pairs = [(found.layers, expected.layers), (found.parameters, expected.parameters)]
    scale = {name: float(abs(values).max()) for _, right in pairs for name, values in right.items()}
    for name in expected.parameters:
        if scale[name] < 1e-12:
            scale[name] = scale[name.removesuffix("bias") + "weight"]
    return {
        name: float(abs(left[name] - values).max()) / scale[name]
        for left, right in pairs
        for name, values in right.items()
    }


class _Mask(nn.Module):
    """Dropout by the page's hash."""

    def __init__(self, share: float, purpose: int) -> None:
        super().__init__()
        self.share, self.purpose = share, purpose

    def forward(self, x: Tensor) -> Tensor:
        drawn = uniform(SEED, self.purpose, STEP, np.arange(x.numel()))
        return x * torch.from_numpy((drawn >= self.share) / (1 - self.share)).view(x.shape)


def _flat(gradient: Tensor | None) -> np.ndarray:
    assert gradient is not None
    return gradient.detach().numpy().ravel()


def _packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _unpacked(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def _by_name(planned: PlannedNet, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """The parameters among a net's numbers."""
    return {
        tensor.name: numbers[tensor.at : tensor.at + math.prod(tensor.shape)]
        for tensor in planned.tensors
        if tensor.role == "parameter"
    }


_KERNELS = [{"kind": kind, "wasm": _packed(WEB.joinpath(name).read_bytes())} for kind, name in KERNELS.items()]

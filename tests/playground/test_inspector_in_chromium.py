"""The step about to be taken, taken apart: its sums are PyTorch's gradient in float64, its quotients come near them."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.config import NetSpec
from cnnlab.nets.convnet import ConvNet
from cnnlab.playground.nets import PlannedNet, plan_module
from cnnlab.playground.proof import DROPOUT, uniform
from cnnlab.training.state import derived_seed

pytestmark = pytest.mark.browser

SHAPE, CLASSES, IMAGES = (1, 12, 12), 10, 9
#: All images are one batch: step 3 is the whole of epoch 3.
STEP, SEED, SHARE = 3, 5, 0.3
SETTINGS = {"optimizer": "adam", "learningRate": 0.01, "weightDecay": 0.1, "batchSize": IMAGES, "seed": SEED}


class Residual(nn.Module):
    """A sum of two branches, a stride, padding, and a mean over windows."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 3, 3, padding=1)
        self.inner = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(3)
        self.down = nn.Conv2d(3, 4, 3, stride=2)
        self.mean = nn.AvgPool2d(2)
        self.head = nn.Linear(4 * 2 * 2, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        x = torch.relu(x + self.norm(self.inner(x)))
        return self.head(self.mean(self.down(x)).flatten(1))


class Masked(nn.Module):
    """Dropout by the page's hash, in double precision."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        drawn = uniform(SEED, DROPOUT + self.number, STEP, np.arange(x.numel())).reshape(x.shape)
        return x * torch.from_numpy(drawn >= SHARE) / (1 - SHARE)


NETS: dict[str, Callable[[], nn.Module]] = {
    "conv-net": lambda: ConvNet(1, SHAPE[1:], CLASSES, widths=(3, 4), hidden=6, dropout=SHARE),
    "residual": Residual,
}

ANSWER = """
  const [start, pixels, block, first, second, questions] = given;
  const { Inspector } = await module("inspector.js");
  const bytes = (text, Type) => new Type(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer);
  const labels = Uint8Array.from({ length: start.count }, (_, i) => (3 * i) % 10);
  const numbers = bytes(block, Float32Array);
  const state = { step: start.step, numbers, first: bytes(first, Float32Array), second: bytes(second, Float32Array) };
  const inspector = new Inspector({
    ...start, state, pixels: bytes(pixels, Uint8Array), training: { images: Uint32Array.from(labels.keys()), labels },
  });
  const answers = [];
  for (const question of questions) answers.push(await inspector.answer(question));
  return JSON.parse(JSON.stringify(answers, (_, value) => (ArrayBuffer.isView(value) ? [...value] : value)));
"""


class Case(NamedTuple):
    """A net that was planned under seed 0 and changed a little since, and Adam's running numbers."""

    net: nn.Module
    planned: PlannedNet
    pixels: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def answers(self, in_modules: Callable[..., Any], questions: list[dict[str, Any]]) -> list[Any]:
        def packed(values: np.ndarray) -> str:
            return base64.b64encode(values.tobytes()).decode()

        start = {
            "planned": self.planned.to_page(),
            "data": {"shape": SHAPE, "mean": [0.13], "std": [0.31], "fill": 0},
            "settings": SETTINGS | {"dropout": SHARE, "shift": 0},
            "origin": {"step": 0, "epoch": 0},
            "count": IMAGES,
            "step": STEP,
        }
        arrays = (self.pixels, self.planned.numbers(), self.first, self.second)
        return in_modules(ANSWER, [start, *map(packed, arrays), questions])


@pytest.fixture(scope="module", params=NETS)
def case(request: pytest.FixtureRequest) -> Case:
    torch.manual_seed(0)
    module = NETS[request.param]()
    planned = plan_module(module, NetSpec(name="conv-net"), SHAPE, CLASSES)
    rng = np.random.default_rng(1)
    with torch.no_grad():
        for value in module.state_dict().values():
            if value.is_floating_point():
                value += 0.1 * torch.from_numpy(rng.random(value.shape, np.float32))
    net = NETS[request.param]().double()
    net.load_state_dict(module.state_dict())
    for name, part in list(net.named_modules()):
        if isinstance(part, nn.Dropout):
            number = [layer["name"] for layer in planned.layers].index(name)
            parent, _, last = name.rpartition(".")
            net.get_submodule(parent).add_module(last, Masked(number))
    size = len(planned.numbers())
    first, second = rng.normal(size=size) * 1e-3, rng.random(size) * 1e-4
    pixels = rng.integers(0, 256, (IMAGES, *SHAPE)).astype(np.uint8)
    return Case(net, planned, pixels, first.astype(np.float32), second.astype(np.float32))


def places(shape: tuple[int, ...]) -> list[int]:
    """The first, the last and one between of a tensor's places."""
    size = int(np.prod(shape))
    return sorted({0, (7 * size) // 11, size - 1})


def test_the_sums_are_pytorchs_gradient_and_the_quotients_come_near_it(
    in_modules: Callable[..., Any], case: Case
) -> None:
    parameters = {tensor.name: tensor for tensor in case.planned.tensors if tensor.role == "parameter"}
    asked = [(name, place) for name, tensor in parameters.items() for place in places(tensor.shape)]
    about = [{"about": "weight", "tensor": name, "place": place, "image": 2} for name, place in asked]
    quotients = [{"about": "quotient", "tensor": name, "place": place} for name, place in asked]
    found = case.answers(in_modules, [{"about": "batch"}, *about, {"about": "norms"}, *quotients, about[0]])
    batch, weights, norms, slopes = found[0], found[1 : len(asked) + 1], found[len(asked) + 1], found[len(asked) + 2 :]

    order = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(derived_seed(SEED, "order", STEP)))
    x = torch.tensor(batch["input"], dtype=torch.float64).view(IMAGES, *SHAPE)
    seen = torch.from_numpy(case.pixels)[order].double()
    assert torch.allclose(x, (seen / 255 - 0.13) / 0.31, atol=1e-5)
    assert batch["labels"] == ((3 * order) % 10).tolist()

    net = copy.deepcopy(case.net).train()
    loss = F.cross_entropy(net(x), torch.tensor(batch["labels"]))
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in net.named_parameters()}
    assert norms == pytest.approx({name: float(gradient.norm()) for name, gradient in gradients.items()}, rel=1e-12)
    for (name, place), weight, slope in zip(asked, weights, slopes[:-1], strict=True):
        expected = float(gradients[name].flatten()[place])
        size = max(abs(expected), 1e-6)
        assert weight["loss"] == pytest.approx(float(loss.detach()), rel=1e-12)
        assert weight["gradient"] == pytest.approx(expected, abs=1e-9 * size)
        assert sum(weight["contributions"]) / IMAGES == pytest.approx(expected, abs=1e-9 * size)
        assert sum(weight["products"]["products"]) == pytest.approx(weight["contributions"][2], abs=1e-12)
        assert weight["opened"]["gradient"] == weight["gradient"]
        at = parameters[name].at + place
        assert weight["before"] == {"first": float(case.first[at]), "second": float(case.second[at])}
        assert weight["value"] == float(case.planned.numbers()[at])
        assert weight["isDecayed"] == (len(parameters[name].shape) > 1)
        if not any(slope["crossed"].values()):
            assert slope["quotient"] == pytest.approx(expected, abs=1e-6 * max(size, 1e-3)), (name, place)
    assert sum(any(slope["crossed"].values()) for slope in slopes[:-1]) < len(asked) / 4
    assert slopes[-1] == weights[0], "a quotient leaves everything as it was"


def test_activations_have_pytorchs_gradients_in_eval_mode(in_modules: Callable[..., Any], case: Case) -> None:
    x = torch.from_numpy(case.pixels[4:5]).double() / 255
    (found,) = case.answers(in_modules, [{"about": "activations", "input": x.flatten().tolist(), "label": 7}])
    net = copy.deepcopy(case.net).eval()
    kept: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            output.retain_grad()
            kept[name] = output

        return hook

    names = {layer["name"] for layer in case.planned.layers}
    hooks = [part.register_forward_hook(keep(name)) for name, part in net.named_modules() if name in names]
    logits = net(x)
    loss = F.cross_entropy(logits, torch.tensor([7]))
    loss.backward()
    for hook in hooks:
        hook.remove()
    probabilities = logits.detach().softmax(1)[0]
    assert found["loss"] == pytest.approx(float(loss.detach()), rel=1e-12)
    assert found["probabilities"] == pytest.approx(probabilities.tolist(), rel=1e-12)
    assert found["answer"] == pytest.approx((probabilities - F.one_hot(torch.tensor(7), 10)).tolist(), abs=1e-12)
    assert set(found["gradients"]) == names
    assert kept
    for name, output in kept.items():
        assert output.grad is not None
        assert found["gradients"][name] == pytest.approx(output.grad.flatten().tolist(), abs=1e-12), name


class Thresholded(nn.Module):
    """ReLUs right after the pixels, each times a weight and moved by a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Conv2d(1, 1, 1)
        self.head = nn.Linear(144, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.scale(x)).flatten(1))


def test_a_kink_at_the_weight_is_told(in_modules: Callable[..., Any]) -> None:
    torch.manual_seed(0)
    module = Thresholded()
    planned = plan_module(module, NetSpec(name="conv-net"), SHAPE, CLASSES)
    pixels = np.full((IMAGES, *SHAPE), 200, np.uint8)
    case = Case(module, planned, pixels, *(np.zeros(len(planned.numbers()), np.float32) for _ in range(2)))
    (batch,) = case.answers(in_modules, [{"about": "batch"}])
    with torch.no_grad():
        module.scale.weight.fill_(1)
        module.scale.bias.fill_(-batch["input"][0])
    (found,) = case.answers(in_modules, [{"about": "quotient", "tensor": "scale.weight", "place": 0}])
    assert found["crossed"] == {"relu": IMAGES * 144, "pool": 0}, "every one of them lies at 0"
    assert found["gradient"] == 0, "at 0 PyTorch's ReLU has no slope"
    x = torch.tensor(batch["input"], dtype=torch.float64).view(IMAGES, -1)
    labels = torch.tensor(batch["labels"])
    double = copy.deepcopy(module).double()
    logits = double.head(torch.zeros_like(x)).detach().requires_grad_()
    F.cross_entropy(logits, labels).backward()
    assert logits.grad is not None
    above = float((logits.grad @ double.head.weight * x).sum())
    assert found["quotient"] == pytest.approx(above / 2, rel=1e-5), "half of the slope above it"
    assert abs(found["quotient"]) > 1e-4

"""What the explorer's page carries, without a browser."""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from hashlib import sha256

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.explorer.bare_pages import bare_page
from tests.explorer.explored_nets import Normalised
from torch import nn

from cnnlab.data.normalise import normalise
from cnnlab.errors import UserError
from cnnlab.explorer.page import ExploredRun, explorer_page, web
from cnnlab.explorer.translation import translate


def refused(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def carried(page: str) -> tuple[dict, np.ndarray, bytes]:
    """The record, the numbers and the images of a page."""
    texts = dict(re.findall(r'<script type="[^"]+" id="(\w+)">(.*?)</script>', page, re.DOTALL))
    numbers = np.frombuffer(zlib.decompress(base64.b64decode(texts["numbers"])), dtype="<f4")
    return (
        json.loads(texts["record"], parse_constant=refused),
        numbers,
        zlib.decompress(base64.b64decode(texts["images"])),
    )


class Limited(nn.Module):
    """Limits that are infinite, and a weight that is no number."""

    def __init__(self, weight: float = math.nan) -> None:
        super().__init__()
        self.conv, self.lower, self.head = nn.Conv2d(1, 4, 3), nn.Hardtanh(-math.inf, 1), nn.Linear(4, 10)
        nn.init.constant_(self.head.weight[0, :1], weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.clamp(self.lower(self.conv(x)), min=0, max=math.inf).mean((2, 3)))


def test_infinite_numbers_are_carried_in_strict_json(tmp_path):
    record, numbers, _ = carried(bare_page(Limited(), tmp_path / "page.html").read_text())
    layers = {layer["name"]: layer["operation"] for layer in record["nets"][0]["layers"]}
    assert layers["lower"]["min_val"] == {"number": "-Infinity"}
    assert layers["clamp"]["max"] == {"number": "Infinity"}
    assert np.isnan(stored(layers["head"]["weight"], numbers)[0, 0])


def stored(tensor: dict, numbers: np.ndarray) -> np.ndarray:
    return numbers[tensor["at"] :][: int(np.prod(tensor["shape"]))].reshape(tensor["shape"])


@pytest.mark.parametrize(("name", "limit"), [("lenet5", 1.7e6), ("simple-cnn", 9e6)])
def test_page_is_small_and_carries_the_very_weights(explored, name, limit):
    made = explored(name)
    assert made.page.stat().st_size < limit
    record, numbers, _ = carried(made.page.read_text())
    layers = {layer["name"]: layer["operation"] for layer in record["nets"][0]["layers"]}
    for path, module in made.net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert np.array_equal(stored(layers[path]["weight"], numbers), module.weight.detach().numpy())
        if isinstance(module, nn.BatchNorm2d):
            assert np.array_equal(stored(layers[path]["variance"], numbers), module.running_var.numpy())


def test_gallery_has_the_mistakes_first_and_the_split_s_own_pixels(explored):
    made = explored("lenet5")
    record, _, images = carried(made.page.read_text())
    mistakes = [mistake.index for mistake in made.run.evaluations()["test"].mistakes]
    shown = [entry["index"] for entry in record["gallery"]]
    assert mistakes, "a net after three epochs on 400 images makes some"
    assert shown[: min(16, len(mistakes))] == mistakes[:16]
    pixels = np.frombuffer(images, dtype=np.uint8).reshape(len(shown), 1, 28, 28)
    assert np.array_equal(pixels, made.data.test.images[shown].numpy())
    with torch.no_grad():
        answers = made.net(normalise(made.data.test.images[shown], made.data.mean, made.data.std))
    assert [entry["predicted"][0] for entry in record["gallery"]] == answers.argmax(dim=1).tolist()


def test_pytorch_s_values_are_those_that_hooks_see(explored):
    made = explored("simple-cnn")
    record, numbers, _ = carried(made.page.read_text())
    (net,) = record["nets"]
    seen: dict[str, torch.Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, path=path: seen.__setitem__(path, out.clone()))
        for path, module in made.net.named_modules()
        if not list(module.children())
    ]
    shown = [entry["index"] for entry in record["gallery"]]
    with torch.no_grad():
        made.net(normalise(made.data.test.images[shown], made.data.mean, made.data.std))
    for hook in hooks:
        hook.remove()
    for layer, reference in zip(net["layers"], net["reference"]["layers"], strict=True):
        values = seen[layer["name"]].flatten(1).numpy()
        samples = stored(reference["samples"], numbers)
        np.testing.assert_allclose(samples, values[:, reference["positions"]], rtol=1e-5, atol=1e-5)
        whole = stored(reference["whole"], numbers)
        assert len(whole) >= 1
        np.testing.assert_allclose(whole, values[: len(whole)], rtol=1e-5, atol=1e-5)


def test_net_modes_gradients_and_random_state_stay_as_they_were(explored):
    made = explored("lenet5")
    made.net.train()
    before = {name: value.clone() for name, value in made.net.state_dict().items()}
    state = torch.get_rng_state()
    page = explorer_page([ExploredRun(made.run, made.net)], made.data)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training for module in made.net.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in made.net.parameters())
    assert all(torch.equal(before[name], value) for name, value in made.net.state_dict().items())
    made.net.eval()
    assert explorer_page([ExploredRun(made.run, made.net)], made.data).html == page.html, (
        "the same run gives the same page"
    )


def test_policy_allows_the_page_s_own_script_and_style_only(explored):
    page = explored("mlp").page.read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for directive, pattern in (
        ("script-src", r'<script type="module">(.*?)</script>'),
        ("style-src", r"<style>(.*?)</style>"),
    ):
        text = re.search(pattern, page, re.DOTALL)[1]
        digest = base64.b64encode(sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}, "a name, never fetched"


def test_every_module_is_inlined_once(explored):
    script = re.search(r'<script type="module">(.*?)</script>', explored("mlp").page.read_text(), re.DOTALL)[1]
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    for name in ("numbers.js", "layers.js", "net.js", "arithmetic.js", "app.js"):
        assert script.count(web(name).splitlines()[0]) == 1


def test_an_unknown_layer_is_named():
    with pytest.raises(
        UserError, match=r"layer norm \(LocalResponseNorm\): local_response_norm .* expected one of: conv"
    ):
        translate(Normalised(), (1, 28, 28), 10)


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), nn.Flatten(), nn.Linear(784, 10)), "batch"),
        (nn.Sequential(nn.ConstantPad2d(1, 0.5), nn.Flatten(), nn.Linear(900, 10)), "another constant than 0"),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 7)), "vector of 10 values"),
    ],
)
def test_what_the_page_would_compute_wrongly_is_refused(net, says):
    with pytest.raises(UserError, match=says):
        translate(net, (1, 28, 28), 10)


def _pooled(operation: dict, image: np.ndarray) -> np.ndarray:
    """A pool worked out from the windows that the page is given."""
    out = np.zeros((len(operation["rows"]), len(operation["columns"])))
    for o, rows in enumerate(operation["rows"]):
        for p, columns in enumerate(operation["columns"]):
            window = image[np.ix_(rows, columns)]
            if operation["by"] == "max":
                out[o, p] = window.max()
            else:
                divisor = operation["divisor"] or operation["row_counts"][o] * operation["column_counts"][p]
                out[o, p] = window.sum() / divisor
    return out


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.MaxPool2d(2, stride=1, dilation=3),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        nn.AvgPool2d(3, stride=2, padding=1),
        nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True),
        nn.AvgPool2d((2, 3), padding=(0, 1), count_include_pad=False),
        nn.AvgPool2d(2, divisor_override=3),
        nn.AdaptiveAvgPool2d((3, 5)),
        nn.AdaptiveMaxPool2d(4),
    ],
    ids=str,
)
def test_windows_of_every_pool_are_pytorch_s(pool):
    size = pool(torch.zeros(1, 1, 13, 14)).numel()
    (planned, *_) = translate(nn.Sequential(pool, nn.Flatten(), nn.Linear(size, 2)), (1, 13, 14), 2).layers
    image = torch.randn(13, 14, generator=torch.Generator().manual_seed(1))
    expected = pool(image[None, None])[0, 0].numpy()
    np.testing.assert_allclose(_pooled(planned.operation, image.numpy()), expected, rtol=1e-5, atol=1e-6)


def test_operands_keep_their_order():
    class Reversed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(784, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 1 - F.relu(self.head(x.flatten(1)))

    last = translate(Reversed(), (1, 28, 28), 10).layers[-1].operation
    assert last["by"] == "sub"
    assert float(last["operands"][0]["value"]) == 1
    assert last["operands"][1]["layer"] == "relu"

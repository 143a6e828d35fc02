"""A weight opens into sums that add up; the engine takes the step that was worked out; the stage shows what it owes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from cnnlab.config import NetSpec
from cnnlab.nets.convnet import ConvNet
from cnnlab.one_script import worker_script
from cnnlab.playground.nets import plan_module
from cnnlab.playground.page import WEB

pytestmark = pytest.mark.browser

SHAPE, CLASSES, IMAGES, BATCH = (1, 12, 12), 10, 20, 10
SETTINGS = {"learningRate": 0.05, "weightDecay": 0.01, "batchSize": BATCH, "dropout": 0.25, "shift": 1}
SETTINGS |= {"images": IMAGES, "wrongLabels": 0, "seed": 3}

#: The page around the two: a trainer with one worker, and the net as the explorer shows it.
MAKE = """
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const { planned, data, settings } = given;
  const { Trainer } = await module("trainer.js");
  const { Net } = await import(`${location.origin}/explorer/web/net.js`);
  const record = { data, nets: [planned], settings };
  const numbers = new Float32Array(bytes(given.numbers).buffer);
  const trainer = new Trainer({
    record, planned, numbers, settings, images: bytes(given.images), labels: bytes(given.labels),
    order: Uint32Array.from({ length: data.train }, (_, i) => i), workerSource: given.worker, modules: [], workers: 1,
  });
  const net = new Net(data, planned, numbers.slice(), new Uint8ClampedArray(bytes(given.images).subarray(0, 144)));
  net.run();
  const place = document.createElement("section");
  document.body.replaceChildren(place);
  const until = async (holds) => {
    for (let i = 0; i < 800 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
    if (!holds()) throw new Error(`not so after 8 s: ${holds}; ${place.innerText}`);
  };
  const all = (selector, key) => [...place.querySelectorAll(selector)].map((element) => Number(element.dataset[key]));
  const key = (selector, name) => {
    const element = place.querySelector(selector);
    element.focus();
    element.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
  };
"""


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    """A net that drops units and its images, all but the settings that a test adds."""

    def packed(values: np.ndarray) -> str:
        return base64.b64encode(values.tobytes()).decode()

    torch.manual_seed(0)
    net = ConvNet(1, SHAPE[1:], CLASSES, widths=(3, 4), hidden=6, dropout=0.25)
    planned = plan_module(net, NetSpec(name="conv-net"), SHAPE, CLASSES)
    rng = np.random.default_rng(2)
    data = {"shape": SHAPE, "mean": [0.4], "std": [0.3], "fill": 0, "classes": list("0123456789")}
    return {
        "planned": planned.to_page() | {"proof": None, "run": None, "weights": None},
        "data": data | {"train": IMAGES, "validation": 4, "test": 0},
        "numbers": packed(planned.numbers()),
        "images": packed(rng.integers(0, 256, (IMAGES + 4, 144)).astype(np.uint8)),
        "labels": packed(rng.integers(0, CLASSES, IMAGES + 4).astype(np.uint8)),
        "worker": worker_script(WEB, "worker.js"),
    }


OPEN = (
    MAKE
    + """
  const { WeightPanel } = await module("weight_panel.js");
  const panel = new WeightPanel(place, trainer, net, planned, record);
  await trainer.step(2);
  const quotient = () => place.querySelector("[data-quotient]");
  const look = () => ({
    weight: all("[data-weight]", "weight")[0], contributions: [...panel.answer.contributions],
    pressed: all("[aria-pressed=true]", "image"), added: all("[data-contribution]", "contribution")[0],
    products: [...panel.answer.products.products], shown: all(".weight-products [data-sum]", "sum")[0],
    gradient: all("[data-gradient]", "gradient")[0], off: all(".weight-quotient [data-off]", "off")[0],
    rows: Object.fromEntries(
      [...place.querySelectorAll("[data-step]")].map(({ dataset }) => [dataset.step, Number(dataset.value)]),
    ),
    where: place.querySelector(".weight-where").innerText,
  });
  panel.open(given.tensor, given.place);
  await until(quotient);
  const first = look();
  const { numbers: before } = await trainer.snapshot();
  const at = planned.tensors.find(({ name }) => name === given.tensor).at + given.place;

  key("[data-image][aria-pressed=true]", "ArrowLeft");
  await until(() => all("[aria-pressed=true]", "image")[0] !== first.pressed[0]);
  const second = look();

  key(".weight-cells", "ArrowRight");
  await until(() => panel.at !== given.place && panel.answer.value !== first.weight && quotient());
  const beside = look();

  panel.open(given.tensor, given.place);
  await until(() => panel.answer.value === first.weight);
  place.querySelector(".take-step").click();
  await until(() => place.querySelector("[data-made]") && panel.answer.step === 3 && quotient());
  const [made, off] = [all("[data-made]", "made")[0], all(".weight-taken [data-off]", "off")[0]];
  const taken = { made, off, where: look().where };

  const { mapLevel } = await import(`${location.origin}/explorer/web/block_panel.js`);
  const { blocksOf } = await import(`${location.origin}/explorer/web/blocks.js`);
  const block = blocksOf(net).find(({ layers }) => layers[0].name === "features.4");
  const filters = document.createElement("div");
  document.body.append(filters);
  filters.append(...mapLevel(block, block.layers[0], 2, () => {}));
  panel.listen(filters, new AbortController().signal);
  const kernel = filters.querySelectorAll(".filters canvas")[1];
  const { right, top } = kernel.getBoundingClientRect();
  kernel.dispatchEvent(new MouseEvent("click", { bubbles: true, clientX: right - 0.5, clientY: top + 0.5 }));
  const clicked = [panel.tensor, panel.at];
  trainer.dispose();
  return { first, second, beside, taken, before: before[at], clicked };
"""
)


@pytest.mark.parametrize(
    ("optimizer", "tensor", "place"),
    [("momentum", "features.4.weight", 10), ("adamw", "features.1.weight", 1), ("adam", "classifier.1.weight", 7)],
)
def test_a_weight_opens_and_the_engine_takes_the_step_that_was_worked_out(
    in_modules: Callable[..., Any], given: dict[str, Any], optimizer: str, tensor: str, place: int
) -> None:
    found = in_modules(
        OPEN, given | {"settings": SETTINGS | {"optimizer": optimizer}, "tensor": tensor, "place": place}
    )
    first, second, beside, taken = (found[key] for key in ("first", "second", "beside", "taken"))
    assert first["weight"] == found["before"], "the engine's own number"
    assert first["where"].endswith("step 3, the next one")
    for look in (first, second, beside):
        assert len(look["contributions"]) == BATCH
        assert look["gradient"] == pytest.approx(sum(look["contributions"]) / BATCH, rel=1e-12)
        assert look["added"] == pytest.approx(sum(look["products"]), rel=1e-12, abs=1e-15)
        assert look["shown"] == look["added"] == look["contributions"][look["pressed"][0]]
        assert look["rows"]["g"] == look["gradient"]
    assert second["gradient"] == first["gradient"]
    for look in (first, beside):
        assert look["off"] < 1e-6 * max(abs(look["gradient"]), 1e-3)
    rows = ["g", "v", "step", "new w"] if optimizer == "momentum" else ["g", "m", "v", "m̂", "v̂", "step", "new w"]
    is_decayed = tensor != "features.1.weight"
    decay = {"momentum": ["g′"], "adam": ["g′"], "adamw": ["w′"]}[optimizer] if is_decayed else []
    assert sorted(first["rows"]) == sorted(rows + decay)
    assert taken["made"] == pytest.approx(first["rows"]["new w"], abs=2e-6)
    assert taken["off"] == abs(taken["made"] - first["rows"]["new w"])
    assert taken["made"] != first["weight"]
    assert taken["where"].endswith("step 4, the next one")
    assert found["clicked"] == ["features.4.weight", ((2 * 3 + 1) * 3 + 0) * 3 + 2], "map 2, kernel 1, row 0, column 2"


BACKWARD = (
    MAKE
    + """
  const { Backward } = await module("backward.js");
  const { Stage } = await import(`${location.origin}/explorer/web/stage.js`);
  const ground = document.createElement("div");
  document.body.append(ground);
  const stage = new Stage(ground, net, { onOpen() {}, onPoint() {} });
  stage.layout(900, 300, false);
  const painted = () => ground.querySelector("canvas").toDataURL();
  const forward = painted();
  const backward = new Backward(place, trainer, net, stage, data.classes);
  backward.see(4);
  backward.turn(true);
  await until(() => place.querySelector("[data-loss]"));
  const shown = net.layers.filter(({ name }) => !name.startsWith("."));
  const look = () => ({
    answer: all("tbody [data-value]", "value"), loss: all("[data-loss]", "loss")[0], words: place.innerText,
    sizes: shown.every((layer) => stage.valuesOf(layer).length === layer.values.length),
    logits: [...stage.valuesOf(net.output)],
  });
  const own = look();
  const backwards = painted();
  const select = place.querySelector("select");
  select.value = "7";
  select.dispatchEvent(new Event("change"));
  await until(() => look().answer[7] < 0);
  const other = look();
  backward.turn(false);
  trainer.dispose();
  const [differs, isBack, hidden] = [forward !== backwards, painted() === forward, place.hidden];
  return { own, other, probabilities: [...net.probabilities], differs, isBack, hidden };
"""
)


def test_the_stage_shows_what_every_activation_owes_the_loss(
    in_modules: Callable[..., Any], given: dict[str, Any]
) -> None:
    found = in_modules(BACKWARD, given | {"settings": SETTINGS | {"optimizer": "sgd"}})
    p = np.array(found["probabilities"])
    for look, label in ((found["own"], 4), (found["other"], 7)):
        assert look["answer"] == pytest.approx(p - np.eye(CLASSES)[label], abs=1e-6)
        assert look["loss"] == pytest.approx(-np.log(p[label]), abs=1e-5)
        assert look["logits"] == look["answer"]
        assert look["sizes"]
    assert "the image’s label" in found["own"]["words"]
    assert "chosen here" in found["other"]["words"]
    assert found["differs"]
    assert found["isBack"]
    assert found["hidden"]

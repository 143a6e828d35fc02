"""What was tried is written down run by run, and homework counts as tried when the runs show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

FOLLOWED = """const { Logbook } = await module("logbook.js");
class Fake extends EventTarget {
  planned = { net: "mlp", parameters: 10 };
  trainer = { kept: { step: 3, numbers: new Float32Array(1) } };
  constructor(settings) { super(); this.settings = settings; }
  tell(event, detail) { this.dispatchEvent(new CustomEvent(event, { detail })); }
}
const logbook = new Logbook();
"""


def test_changes_on_the_way_are_written_down_once_and_runs_without_a_step_are_not(
    in_modules: Callable[..., Any],
) -> None:
    found = in_modules(
        FOLLOWED
        + """const learning = new Fake({ learningRate: 0.1, shift: 0, design: null });
        logbook.follow(learning);
        learning.tell("step", { step: 1, epoch: 0.5 });
        learning.settings = { ...learning.settings, learningRate: 0.01 };
        learning.tell("step", { step: 2, epoch: 1 });
        learning.tell("epoch", { epoch: 1 });
        learning.tell("step", { step: 3, epoch: 1.5 });
        logbook.taught(learning, ["7", "1", "7"]);
        learning.tell("diverged", { step: 3, kept: 2 });
        learning.tell("renewed");
        learning.tell("renewed");
        const rival = new Fake({ learningRate: 1 });
        logbook.follow(rival);
        rival.tell("step", { step: 1, epoch: 1 });
        logbook.opened(learning, { step: 0 });
        return logbook.runs;"""
    )
    first, opened, rival = found
    assert first["settings"]["learningRate"] == 0.1
    assert first["changes"] == [{"step": 2, "changes": {"learningRate": 0.01}}]
    assert (first["steps"], first["passes"], first["diverged"]) == (2, 1.5, 3)
    assert first["epochs"] == [{"epoch": 1}]
    assert first["taught"] == [{"label": "7", "count": 2}, {"label": "1", "count": 1}]
    assert (opened["steps"], opened["test_openings"]) == (0, [{"step": 0}])
    assert (rival["settings"], rival["taught"]) == ({"learningRate": 1}, [])


DESIGN = {"widths": [8, 16], "batchNorm": True}


def run(
    net: str = "conv-net", *, epochs: int = 1, design: dict[str, Any] | None = None, **settings: Any
) -> dict[str, Any]:
    chosen = {"dropout": 0, "seed": 0, "design": (DESIGN | (design or {})) if net == "conv-net" else None} | settings
    return {"net": net, "epochs": [{}] * epochs, "settings": chosen}


@pytest.mark.parametrize(
    ("data", "runs", "tried"),
    [
        ("mnist-5k", [run(), run(epochs=0, design={"widths": [4]}), run("mlp")], [False, False, False]),
        ("mnist-5k", [run(), run(design={"widths": [4]})], [True, False, False]),
        ("mnist-5k", [run(), run("lenet5")], [True, False, False]),
        ("mnist-5k", [run(), run(dropout=0.5)], [False, True, False]),
        ("mnist-5k", [run(), run(dropout=0.5, seed=1)], [False, False, False]),
        ("mnist-5k", [run(), run(design={"batchNorm": False})], [True, True, False]),
        ("fashion-mnist@500", [run("lenet5"), run("mlp")], [False, False, True]),
    ],
)
def test_homework_counts_when_the_runs_show_it(
    in_modules: Callable[..., Any], data: str, runs: list[dict[str, Any]], tried: list[bool]
) -> None:
    found = in_modules(
        """const { TASKS } = await module("homework.js");
        return TASKS.map(({ tried }) => tried(given.runs, { data: { name: given.data } }));""",
        {"data": data, "runs": runs},
    )
    assert [bool(found[number]) for number in (0, 1, 3)] == tried
    assert found[2] == "", "looking leaves no trace"

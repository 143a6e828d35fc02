from __future__ import annotations

import copy
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from cnnlab.bench import markdown, renderable

RESULT: dict[str, Any] = {
    "data": "mnist",
    "training_images": 55_000,
    "net": "simple-cnn",
    "recipe": "fast",
    "device": "cpu",
    "cpu": "AMD EPYC",
    "device_name": "AMD EPYC",
    "cores": 2,
    "threads": 2,
    "versions": {"cnnlab": "0.1.0", "torch": "2.13.0"},
    "stock": {
        "batch_size": 64,
        "precision": "fp32",
        "images_per_s": 1700.0,
        "images_per_s_min": 1650.4,
        "images_per_s_max": 1749.6,
        "share_of_peak": 0.251,
        "time_to_target_s": 105.04,
        "time_to_target_s_min": 105.04,
        "time_to_target_s_max": 105.04,
        "attempts_time_s": 105.04,
        "seeds": 1,
        "seeds_that_reached_it": 1,
        "best_accuracy": 0.9903,
    },
    "cnnlab": {
        "batch_size": 128,
        "precision": "bf16",
        "images_per_s": 7500.0,
        "images_per_s_min": 7400.0,
        "images_per_s_max": 7600.0,
        "share_of_peak": 0.453,
        "time_to_target_s": 5.12,
        "time_to_target_s_min": 5.0,
        "time_to_target_s_max": 5.31,
        "attempts_time_s": 5.12,
        "seeds": 3,
        "seeds_that_reached_it": 3,
        "best_accuracy": 0.9913,
    },
    "ratio": 4.41,
    "ratio_min": 4.3,
    "ratio_max": 4.55,
    "flop_per_image": 24_995_328.0,
    "peak_gflops": 414.0,
    "peak_gflops_fp32": 169.0,
    "share_of_peak": 0.453,
    "rounds": 5,
    "seconds": 4.0,
    "target": {
        "accuracy": 0.99,
        "most_epochs": 10,
        "cnnlab": [{"time_s": 5.12, "attempts": [{"epochs": 0.7}]}],
    },
    "time_to_target_ratio": 20.5,
    "notes": ["something to know"],
}


def test_markdown() -> None:
    lines = markdown(RESULT).splitlines()
    assert lines[0] == "|  | stock notebook | cnnlab | ratio |"
    assert lines[2].endswith("| 1,700 (1,650–1,750) | 7,500 (7,400–7,600) | 4.41 × (4.30–4.55) |")
    assert lines[3] == (
        "| share of the matrix-product peak in its own precision | 25 % of 169 GFLOP/s (fp32) | "
        "45 % of 414 GFLOP/s (bf16) |  |"
    )
    assert lines[4] == ("| training time to 99 % test accuracy | 105.0 s (n = 1) | 5.1 s (5.0–5.3, n = 3) | 20.5 × |")
    rest = "\n".join(lines[5:])
    for part in (
        "AMD EPYC, 2 threads",
        "torch 2.13.0",
        "median of 5",
        "0.7 epochs",
        "Note: something to know.",
    ):
        assert part in rest or part in lines[2]


def test_never_is_said_in_words() -> None:
    result = copy.deepcopy(RESULT)
    result["stock"] |= {"time_to_target_s": None, "time_to_target_s_min": None, "time_to_target_s_max": None}
    result["time_to_target_ratio"] = None
    result["cnnlab"]["time_to_target_s_max"] = None
    row = markdown(result).splitlines()[4]
    assert "not within 10 epochs (99.03 %, n = 1)" in row
    assert "5.1 s (5.0–never, n = 3)" in row
    assert row.endswith("| – |")


@pytest.mark.parametrize("width", [80, 120])
def test_terminal(width: int) -> None:
    console = Console(width=width, record=True, file=StringIO())
    console.print(renderable(RESULT))
    text = " ".join(console.export_text().split())
    assert "notebook" in text
    assert "4.41 ×" in text
    assert "something to know" in text


def test_without_a_target() -> None:
    result = copy.deepcopy(RESULT) | {"target": None}
    del result["time_to_target_ratio"]
    assert "test accuracy" not in markdown(result)

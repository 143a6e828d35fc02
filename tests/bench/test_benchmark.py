"""The whole benchmark once, small; and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import cnnlab
from cnnlab.bench import bench, markdown
from cnnlab.errors import UserError


@pytest.fixture(scope="module")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> str:
    """300 + 50 + 50 images of mnist-5k in a file, which each process loads by its name."""
    data = cnnlab.load("mnist-5k")
    path = tmp_path_factory.mktemp("data") / "small.npz"
    np.savez(
        path,
        train_images=data.train.images[:300].numpy(),
        train_labels=data.train.labels[:300].numpy(),
        val_images=data.validation.images[:50].numpy(),
        val_labels=data.validation.labels[:50].numpy(),
        test_images=data.test.images[:50].numpy(),
        test_labels=data.test.labels[:50].numpy(),
    )
    return f"npz:{path}"


@pytest.mark.slow
def test_a_small_benchmark_has_all_its_figures(small_set: str) -> None:
    told: list[tuple[str, int, int]] = []
    result = bench(small_set, target=0.05, rounds=1, seconds=0.05, seeds=1, progress=lambda *news: told.append(news))
    assert json.loads(json.dumps(result, allow_nan=False))["rounds"] == 1
    for side, batch_sizes in (("stock", {64}), ("cnnlab", {16, 32, 64, 128, 256})):
        figures = result[side]
        assert figures["images_per_s_min"] <= figures["images_per_s"] <= figures["images_per_s_max"]
        assert figures["images_per_s"] > 0
        assert figures["batch_size"] in batch_sizes
        assert figures["time_to_target_s"] > 0
        assert figures["attempts_time_s"] >= figures["time_to_target_s"]
    assert result["stock"]["precision"] == "fp32"
    assert result["ratio"] == pytest.approx(result["cnnlab"]["images_per_s"] / result["stock"]["images_per_s"])
    assert result["time_to_target_ratio"] == pytest.approx(
        result["stock"]["time_to_target_s"] / result["cnnlab"]["time_to_target_s"]
    )
    assert result["flop_per_image"] == 24_995_328
    assert result["share_of_peak"] == pytest.approx(
        result["cnnlab"]["images_per_s"] * result["flop_per_image"] / (result["peak_gflops"] * 1e9)
    )
    assert result["peak_gflops_fp32"] > 0
    assert result["target"]["accuracy"] == 0.05
    assert {"cnnlab", "python", "torch", "numpy", "pillow"} <= set(result["versions"])
    assert {what for what, _, _ in told} >= {"throughput", "time to 0.05 on the test split"}
    for what in {what for what, _, _ in told}:
        last = [news for news in told if news[0] == what][-1]
        assert last[1] == last[2]
    assert "not verified" not in markdown(result)


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"seconds": 0}, {"seeds": 0}, {"target": 99.0}, {"target": 0.0}])
def test_arguments_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"^{next(iter(wrong))}"):
        bench("mnist-5k", **wrong)  # ty: ignore[invalid-argument-type]


def test_unknown_data_before_any_process_starts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown data set"):
        bench("mnits", data_root=tmp_path)

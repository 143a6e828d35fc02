"""The benchmark: one interleaved run of the stock notebook pipeline and of cnnlab on this machine."""

from __future__ import annotations

import math
import os
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from cnnlab.bench.contender import Contender
from cnnlab.bench.fast_recipe import NET, RECIPE, FastRecipe
from cnnlab.bench.interleaved import MedianAndRange, Rounds, measure_rounds, median_and_range, paired_ratio
from cnnlab.bench.stock import StockPipeline
from cnnlab.bench.time_to_target import Chase, chase_target, most_epochs, target_figures
from cnnlab.data import load
from cnnlab.data.imageset import Progress
from cnnlab.data.known import KNOWN
from cnnlab.data.places import search
from cnnlab.data.shared import in_shared_files
from cnnlab.errors import UserError
from cnnlab.runs.environment import environment
from cnnlab.training.machine import resolve_device, resolve_precision


def bench(
    data_name: str | None = None,
    *,
    data_root: str | Path | None = None,
    target: float | None = None,
    rounds: int = 5,
    seconds: float = 4.0,
    seeds: int = 3,
    stock_seeds: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure both pipelines in turn, each in a process of its own, and return a JSON-ready record.

    data_name: as for `cnnlab.load`; None is `mnist` where this machine has it, else `mnist-5k` (a note says so).
    target: a test accuracy (0–1) to train to as well. seeds, stock_seeds: seeds 0 … n-1 that each side trains from for
    it. rounds: counted turns of `seconds` each a side, after one that warms up. progress: called as
    `progress(what, done, total)`.

    The record's `stock` and `cnnlab` hold `images_per_s` (median of the rounds; `_min`, `_max`, `_rounds`),
    `batch_size`, `precision`, `share_of_peak` and, with a target, `time_to_target_s` (None: never) and what belongs to
    it. `ratio`: cnnlab ÷ stock, the median of the rounds' own ratios. `peak_gflops`: the matrix-product peak in
    cnnlab's precision, `peak_gflops_fp32` in float32; `share_of_peak`: what training steps use of the peak in their own
    precision. `notes`: what a reader should know.

    Raises UserError for bad arguments or data and where the disk for temporary files is full, ContenderFailed when a
    process fails. Both processes end with this call, however it ends. Scripts need `if __name__ == "__main__":`, as for
    every spawned process.
    """
    _require(rounds >= 1, f"rounds {rounds}: expected at least 1")
    _require(0 < seconds < math.inf, f"seconds {seconds:g}: expected a number above 0")
    _require(seeds >= 1 and stock_seeds >= 1, f"seeds {min(seeds, stock_seeds)}: expected at least 1")
    _require(target is None or 0 < target <= 1, f"target {target}: expected an accuracy above 0 and up to 1 (0.99)")
    notes = _busy()
    root = str(data_root) if data_root is not None else None
    if data_name is None:
        data_name = "mnist"
        if search(KNOWN["mnist"], root=root).found is None:
            data_name = "mnist-5k"
            notes.append("mnist is not on this machine: measured on mnist-5k (--data mnist fetches it)")
    data = load(data_name, root=root, progress=progress)
    notes.extend(data.notes)
    training_images = len(data.train)
    threads = torch.get_num_threads()

    with (
        in_shared_files(data) as images,
        Contender("the stock pipeline", StockPipeline.open, images, threads) as stock,
        Contender("cnnlab", FastRecipe.open, images, threads) as cnnlab,
    ):
        del data  # the two map the files
        described = {"stock": stock.ask("describe"), "cnnlab": cnnlab.ask("describe")}
        flop_per_image = described["cnnlab"].pop("flop_per_image")
        measured = measure_rounds(
            stock, cnnlab, rounds=rounds, seconds=seconds, after_turn=_told(progress, "throughput")
        )
        chases = None
        if target is not None:
            chases = chase_target(
                stock,
                cnnlab,
                target,
                training_images=training_images,
                seeds=range(seeds),
                stock_seeds=range(stock_seeds),
                after_turn=_told(progress, f"time to {target:.4g} on the test split"),
            )

    result = {"data": images.rest["name"], "training_images": training_images} | _machine()
    result |= _throughput(measured, described, flop_per_image, rounds=rounds, seconds=seconds)
    result["target"] = None
    if target is not None and chases is not None:
        _add_target(result, target, *chases, cap=most_epochs(training_images), notes=notes)
    return result | {"notes": notes}


def _machine() -> dict[str, Any]:
    device = resolve_device("auto")
    here = environment(device, resolve_precision("auto", device))
    return {
        "net": NET.name,
        "recipe": RECIPE,
        "device": here.device,
        "cpu": str(torch.cpu.get_capabilities().get("cpu_name", here.device_name)),
        "device_name": here.device_name,
        "cores": here.cores,
        "threads": here.threads,
        "versions": {name: getattr(here, name) for name in ("cnnlab", "python", "torch", "numpy")}
        | ({} if here.numba is None else {"numba": here.numba})
        | {"pillow": version("pillow")},
    }


def _throughput(
    measured: Rounds, described: dict[str, Any], flop_per_image: float, *, rounds: int, seconds: float
) -> dict[str, Any]:
    sides = {}
    for name, rates in (("stock", measured.stock), ("cnnlab", measured.cnnlab)):
        is_fp32 = described[name]["precision"] == "fp32"
        peak = measured.peak_gflops_fp32 if is_fp32 else measured.peak_gflops
        share = median_and_range(rates).median * flop_per_image / (peak * 1e9)
        sides[name] = (
            described[name]
            | _named("images_per_s", median_and_range(rates))
            | {"images_per_s_rounds": list(rates), "share_of_peak": share}
        )
    return {
        **sides,
        **_named("ratio", paired_ratio(measured.stock, measured.cnnlab)),
        "flop_per_image": flop_per_image,
        "peak_gflops": measured.peak_gflops,
        "peak_gflops_fp32": measured.peak_gflops_fp32,
        "share_of_peak": sides["cnnlab"]["share_of_peak"],
        "rounds": rounds,
        "seconds": seconds,
    }


def _add_target(
    result: dict[str, Any],
    target: float,
    stock: list[Chase],
    cnnlab: list[Chase],
    *,
    cap: int,
    notes: list[str],
) -> None:
    times = {}
    for name, chases in (("stock", stock), ("cnnlab", cnnlab)):
        figures = target_figures(chases)
        result[name] |= figures
        times[name] = figures["time_to_target_s"]
        missed = [chase for chase in chases if chase.time_s is None]
        if missed:
            notes.append(
                f"{name} did not reach {target:.4g} on the test split within {cap} epochs from {len(missed)} of "
                f"{len(chases)} seeds; its best was {figures['best_accuracy']:.4f}"
            )
    has_both = times["stock"] is not None and times["cnnlab"] is not None
    result["time_to_target_ratio"] = times["stock"] / times["cnnlab"] if has_both else None
    result["target"] = {
        "accuracy": target,
        "split": "test",
        "most_epochs": cap,
        "stock": [asdict(chase) for chase in stock],
        "cnnlab": [asdict(chase) for chase in cnnlab],
    }


def _busy() -> list[str]:
    """A note where others already work on this machine: with a busy neighbour both sides lose, and not equally."""
    cores = os.cpu_count() or 1
    load_average = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load_average <= cores / 2:
        return []
    return [
        f"the machine was busy when the benchmark began (load {load_average:.1f} on {cores} cores): its figures are "
        "too low, and the ratios may be off"
    ]


def _named(name: str, figures: MedianAndRange) -> dict[str, float]:
    return {name: figures.median, f"{name}_min": figures.min, f"{name}_max": figures.max}


def _told(progress: Progress | None, what: str) -> Any:
    return lambda done, total: progress(what, done, total) if progress is not None else None


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UserError(message)

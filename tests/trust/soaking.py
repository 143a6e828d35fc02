"""The same commands over and over in one process, and what of memory, handles and threads stays with it."""

from __future__ import annotations

import ctypes
import gc
import io
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import linear_regression, median
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from tests.trust.in_process import command

#: Growth from the first tenth after the warm-up to the last tenth, as a share, up to which a measure is flat.
FLAT = 0.05

#: Share of the rounds that warm up: what torch, matplotlib and PIL load once and keep.
WARM_UP = 0.2


class Sample(NamedTuple):
    """After a round. rss_mb: resident memory of the process, in MB. handles: open files. threads: of the process."""

    time_s: float
    rss_mb: float
    handles: int
    threads: int


def sample(started: float) -> Sample:
    """What this process holds now, without what its allocator keeps for later: `keep_freed_memory` asks for that."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    status = Path("/proc/self/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    handles, threads = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    return Sample(monotonic() - started, int(resident.split()[1]) / 1024, handles, threads)


def soak(
    folder: Path, *, time_s: float, rounds: int | None = None, leaves_out: Sequence[str] = ()
) -> tuple[list[Sample], dict[str, int], list[str]]:
    """Rounds of commands in an empty folder until `time_s` is over, or just so many rounds, without some commands.

    Returns a sample a round, how often each command was run, and a line for each that did not end with 0.
    """
    sources = _images(folder)
    started, samples, counts, others = monotonic(), [], {}, []
    while len(samples) < rounds if rounds is not None else monotonic() - started < time_s:
        for line in _round(folder, sources):
            if line[0] in leaves_out:
                continue
            ending = command(*line)
            counts[line[0]] = counts.get(line[0], 0) + 1
            if ending.code != 0:
                others.append(f"{' '.join(map(str, line))}: {ending.code} {ending.err[-300:]}")
        shutil.rmtree(folder / "run")
        samples.append(sample(started))
    return samples, counts, others


def flatness(samples: Sequence[Sample]) -> dict[str, Any]:
    """Of each measure: slope an hour, growth after the warm-up as a share, and whether it is flat."""
    after = samples[int(len(samples) * WARM_UP) :]
    tenth = max(1, len(after) // 10)
    hours = [each.time_s / 3600 for each in after]
    found: dict[str, Any] = {"rounds": len(samples), "rounds_after_warm_up": len(after), "flat_below": FLAT}
    for name in ("rss_mb", "handles", "threads"):
        values = [float(getattr(each, name)) for each in after]
        first, last = median(values[:tenth]), median(values[-tenth:])
        found[name] = {
            "first": first,
            "last": last,
            "largest": max(values),
            "slope_an_hour": linear_regression(hours, values).slope if len(set(hours)) > 1 else None,
            "growth": last / first - 1,
            "is_flat": last / first - 1 < FLAT,
        }
    return found


def kept_by_exports(folder: Path, *, count: int = 100) -> dict[str, float]:
    """MB that this process keeps of each export to pt2, and of the same steps of `torch.export` without cnnlab."""
    from cnnlab import open_run
    from cnnlab.exchange.exporting import BATCHES

    digits = folder / "digits"
    command(*_train(digits, "mnist-5k@200"))

    def by_torch() -> None:
        net, image = open_run(digits).load_net().eval(), torch.zeros(2, 1, 28, 28)
        file, sizes = io.BytesIO(), ({0: torch.export.Dim("batch", min=1)},)
        torch.export.save(torch.export.export(net, (image,), dynamic_shapes=sizes), file)
        opened = torch.export.load(io.BytesIO(file.getvalue())).module()
        for batch in BATCHES:
            opened(torch.zeros(batch, 1, 28, 28))

    kinds: dict[str, Callable[[], object]] = {
        "by_the_command": lambda: command("export", digits, "--to", "pt2", "--json"),
        "by_torch_alone": by_torch,
    }
    found = {}
    for name, export in kinds.items():
        for _ in range(count // 2):
            export()
        before = sample(0).rss_mb
        for _ in range(count):
            export()
        found[name] = round((sample(0).rss_mb - before) / count, 3)
    return {"exports": count} | found


def _images(folder: Path) -> dict[str, Path]:
    """A folder of class folders and an .npz file of the same random gray images, and a picture."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 28, 28), dtype=np.uint8)
    pictures, arrays, photo = folder / "pictures", folder / "arrays.npz", folder / "photo.png"
    for number, image in enumerate(pixels):
        place = pictures / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    np.savez(arrays, images=pixels, labels=np.arange(60) % 2)
    paper = np.full((64, 64), 255, np.uint8)
    paper[16:48, 30:36] = 0
    Image.fromarray(paper).save(photo)
    return {"pictures": pictures, "arrays": arrays, "photo": photo}


def _round(folder: Path, sources: dict[str, Path]) -> list[list[object]]:
    run = folder / "run"
    lines: list[list[object]] = []
    for name, data in (
        ("digits", "mnist-5k@200"),
        ("folder", f"folder:{sources['pictures']}"),
        ("npz", f"npz:{sources['arrays']}"),
    ):
        lines.append(_train(run / name, data))
        lines.append(["evaluate", run / name, "--json"])
    digits = run / "digits"
    return [
        *lines,
        ["predict", digits, sources["photo"], "--json"],
        ["look", digits, "--json"],
        ["explore", digits, "--no-open", "--json"],
        ["export", digits, "--to", "safetensors", "--json"],  # pt2: see kept_by_exports
    ]


def _train(run: Path, data: str) -> list[object]:
    small = ["--widths", "2", "--hidden", "4", "--epochs", "1"]
    return ["train", "conv-net", *small, "--data", data, "--out", run, "--json"]

"""How training grows with images, their size, width, depth and seeds, and from a file; writes results/scale.json.

    .venv/bin/python -m benchmarks.scale [--images 1000000] [--rounds N] [--out FILE] [part …]

Digits of mnist-5k, drawn with a fixed seed, fill a file of `--images` images in the folder for temporary files (784 MB
for a million), which goes at the end. Measured are training steps alone but for the first, in batches of 256 (64 of
noise for size, width, depth and seeds), float32, in seconds of processor, all cores together, which neighbours on the
machine change little. An axis has a process of its own, smallest first. Of more than 100,000 images as many are trained
on, and the time of an epoch follows. Seeds are trained together in one program. peak: the largest resident memory at a
row, and own: the largest that no file lies behind, both in MB of 10^6 bytes. slope: d log time / d log x by least
squares, 1 is linear; of size, width and depth the time of an image.

In memory and mapped, by short turns in one process: the same steps on a part of the images, drawn from all over the
file, others in every turn; what each needs of memory is of a process of its own. `mapped` is what `SharedImages.open`
gives, as workers train on it; `mapped, cold` the same after the system was told to forget the file.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from cnnlab.data import data_of
from cnnlab.data.embedded import read_embedded
from cnnlab.data.imageset import ImageSet, Split
from cnnlab.data.shared import SharedImages, share
from cnnlab.nets import MLP
from cnnlab.nets.convnet import ConvNet
from cnnlab.runs.environment import environment
from cnnlab.training.batched import fit_together
from cnnlab.training.loop import Step, fit
from cnnlab.training.machine import keep_freed_memory
from cnnlab.training.recipes import recipe
from cnnlab.training.state import start
from cnnlab.whole_files import write_whole

RESULTS = Path(__file__).parent.parent / "results" / "scale.json"

#: What is measured: along an axis, or by turns.
PARTS = ("images", "side", "width", "depth", "seeds", "mapped")

#: The least share of the speed in memory that a mapped set is meant to have.
MEANT = 0.8

SIDES, WIDTHS, DEPTHS = (28, 56, 112, 224), (8, 16, 32, 64, 128), (1, 2, 3, 4)
SEEDS = (2, 4, 8, 16, 32)
#: Of an epoch's images, how many the mapped and the other sets are trained on.
SHARES = {"mlp": 0.03}

#: Images that a row of the axis of images trains on, at most; the time of an epoch is then as many times that.
MOST_TRAINED = 100_000

#: A process that waits for its threads as commands do, which is decided before PyTorch is loaded.
CHILD = "from cnnlab.cli.sharing import share_processor; share_processor(); from benchmarks.scale import main; main()"

COLD = "mapped, cold"
WAYS = ("in memory", "mapped", COLD)

#: Short turns of the two ways, one after the other in one process.
TURNS = 5
AT_ONCE = 10_000


def main() -> None:
    """Measure all, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "parts", nargs="*", metavar="part", help=f"some of: {', '.join(PARTS)}; others stay as they were"
    )
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        for what in given.one:
            print(json.dumps(_measured(**what)), flush=True)
        return
    parts = given.parts or [*PARTS]
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; expected some of: {', '.join(PARTS)}")
    record: dict[str, Any] = _kept(given.out, given.images) | {
        "command": f"python -m benchmarks.scale --images {given.images} --rounds {given.rounds}",
        "images": given.images,
        "meant_share": MEANT,
        "environment": environment(torch.device("cpu"), torch.float32).to_json(of_a_run=False),
    }
    with TemporaryDirectory(prefix="cnnlab-scale-") as place:
        if {"images", "mapped"} & set(parts):
            make_images(Path(place), given.images)
        for name in parts:
            if name == "mapped":
                record["mapped"] = _mapped(given.images, place, given.rounds)
            else:
                rows = _axis(name, given.images, place)
                axes = record.get("axes", {}) | {name: {"slope": round(_slope(name, rows), 2), "rows": rows}}
                record["axes"] = {one: axes[one] for one in PARTS if one in axes}
            write_whole(given.out, (json.dumps(record, indent=2) + "\n").encode())


def _kept(path: Path, images: int) -> dict[str, Any]:
    record = json.loads(path.read_text()) if path.exists() else {}
    return record if record.get("images") == images else {}


def _axis(name: str, images: int, place: str) -> list[dict[str, float]]:
    if name == "images":
        counts = sorted({n for n in (5_000, 20_000, 100_000, 300_000) if n < images} | {images})
        what = {"net": "mlp", "folder": place}
        return _each(name, [(n, what | {"images": n, "share": min(1, MOST_TRAINED / n)}) for n in counts])
    if name == "side":
        what = {"widths": [8, 16]}
        return _each(name, [(s, what | {"side": s, "images": max(256, 4096 * 28**2 // s**2)}) for s in SIDES])
    if name == "width":
        return _each(name, [(w, {"widths": [w, 2 * w], "images": max(256, 4096 * 8 // w)}) for w in WIDTHS])
    if name == "seeds":
        return _each(name, [(n, {"widths": [8, 16], "images": 4096, "seeds": n}) for n in SEEDS])
    return _each(name, [(2 * d, {"widths": [16, 32], "convs": d, "images": 1024}) for d in DEPTHS])


def _mapped(images: int, place: str, rounds: int) -> dict[str, Any]:
    """Speeds by short turns in one process, and each way's memory, and what is cold, in one of its own."""
    found = {}
    for net, share_of_epoch in SHARES.items():
        what = {"net": net, "folder": place, "share": share_of_epoch}
        turns = [what | {"way": WAYS[turn % 2], "seed": turn} for turn in range(2 * TURNS)]
        rows = _each(f"{net}, by turns", [(images, one) for one in turns])
        memory, mapped = ([one["images_per_processor_s"] for one in rows[way::2]] for way in (0, 1))
        alone = {
            way: [
                _each(f"{net}, {way}", [(images, what | {"way": way})])[0] for _ in range(rounds if way == COLD else 1)
            ]
            for way in WAYS
        }
        cold = [one["images_per_processor_s"] for one in alone[COLD]]
        found[net] = {
            way: {
                "images_per_processor_s": [round(one) for one in ways],
                "share": round(share_found, 3),
                "peak_mb": round(max(one["peak_mb"] for one in alone[way])),
                "own_mb": round(max(one["own_mb"] for one in alone[way])),
            }
            for way, ways, share_found in (
                (WAYS[0], memory, 1.0),
                (WAYS[1], mapped, median(one / other for one, other in zip(mapped, memory, strict=True))),
                (COLD, cold, median(cold) / alone[WAYS[0]][0]["images_per_processor_s"]),
            )
        }
    return found


def make_images(folder: Path, count: int) -> None:
    """Write `count` digits (count, 1, 28, 28) as SharedImages has them, some at a time, and small other splits."""
    images, labels = read_embedded()
    random = np.random.default_rng(0)
    which = random.integers(0, len(images), count)
    share(data_of(images[:1000], labels[:1000].astype(np.int64)), folder)
    file = np.lib.format.open_memmap(
        folder / "train-images.npy", mode="w+", dtype=np.uint8, shape=(count, 1, *images.shape[1:])
    )
    for begin in range(0, count, AT_ONCE):
        part = which[begin : begin + AT_ONCE]
        file[begin : begin + AT_ONCE, 0] = images[part]
    file.flush()
    np.save(folder / "train-labels.npy", labels[which].astype(np.int64))


def _each(axis: str, rows: list[tuple[int, dict[str, Any]]]) -> list[dict[str, float]]:
    """Of each x what `_measured` finds, in one process."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, "--one", json.dumps([what for _, what in rows])],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = [{"x": x} | json.loads(line) for (x, _), line in zip(rows, done.stdout.splitlines(), strict=True)]
    for one in found:
        print(f"{axis:24}{one['x']:9}", *(f"{key} {value:g}" for key, value in one.items() if key != "x"), flush=True)
    return found


def _measured(
    *,
    images: int = 0,
    net: str = "conv-net",
    folder: str | None = None,
    way: str = "in memory",
    share: float = 1.0,
    side: int = 28,
    widths: tuple[int, ...] = (),
    convs: int = 1,
    seed: int = 0,
    seeds: int = 1,
) -> dict[str, float]:
    """Train in this process. share: of an epoch. folder: of `make_images`; without one the images are noise.

    seeds: trained together, from `seed` on; images are counted for each.
    """
    keep_freed_memory()
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    data = _noise(images, side) if folder is None else _of_file(Path(folder), way, images)
    torch.manual_seed(0)
    models = [
        {
            "mlp": MLP,
            "conv-net": lambda: ConvNet(1, side, 10, widths=widths, convs_per_block=convs, hidden=0, dropout=0),
        }[net]()
        for _ in range(seeds)
    ]
    batch = 64 if folder is None else 256
    training = recipe("lesson", models[0], data, epochs=share, batch_size=batch, channels_last=net == "conv-net")
    states = [start(model, training, seed=seed + place) for place, model in enumerate(models)]
    own = [_kilobytes("RssAnon")]
    marks: list[tuple[int, float, float]] = []

    def look(step: Step) -> None:
        own.append(_kilobytes("RssAnon"))
        marks.append((step.step, time.perf_counter(), time.process_time()))

    if seeds > 1:
        list(fit_together(states, data, training, on_step=lambda _, step: look(step)))
    else:
        list(fit(states[0], data, training, on_step=look, milestones=(1,)))
    (first, started, used_before), (last, ended, used) = marks[0], marks[-1]
    images_a_step = seeds * math.ceil(share * len(data.train)) / last
    seen = (last - first) * images_a_step
    return {
        "images_per_s": round(seen / (ended - started), 1),
        "images_per_processor_s": round(seen / (used - used_before), 1),
        "processor_s": round((used - used_before) / seen * seeds * len(data.train), 4),
        "peak_mb": round(_kilobytes("VmHWM") * 1024 / 1e6),
        "own_mb": round(max(own) * 1024 / 1e6),
    }


def _noise(count: int, side: int) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (count + 20, side, side), dtype=np.uint8)
    labels = np.arange(len(pixels)) % 10
    small = data_of(pixels[:100], labels[:100])
    return replace(small, train=Split(torch.from_numpy(pixels[:count, None]), torch.from_numpy(labels[:count])))


def _of_file(folder: Path, way: str, count: int) -> ImageSet:
    """The first `count` images of the file, or all of them for 0."""
    images, labels = read_embedded()
    rest = share_rest(data_of(images[:1000], labels[:1000].astype(np.int64)))
    file = folder / "train-images.npy"
    if way == "mapped, cold":
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    data = SharedImages(folder, rest).open()
    if way == "in memory":
        shape = (count or len(data.train), *data.image_shape)
        start_of_pixels = np.load(file, mmap_mode="r").offset
        read = np.fromfile(file, dtype=np.uint8, count=math.prod(shape), offset=start_of_pixels)
        data = replace(data, train=Split(torch.from_numpy(read.reshape(shape)), data.train.labels[: shape[0]].clone()))
    return data


def share_rest(data: ImageSet) -> dict[str, Any]:
    """What SharedImages keeps beside the files."""
    with TemporaryDirectory() as folder:
        return share(data, Path(folder)).rest


def _slope(name: str, rows: list[dict[str, float]]) -> float:
    """By least squares. Size, width and depth train on fewer images where one takes longer: their time is of one."""
    times = [row["processor_s"] if name in ("images", "seeds") else 1 / row["images_per_processor_s"] for row in rows]
    return float(np.polyfit(np.log([row["x"] for row in rows]), np.log(times), 1)[0])


def _kilobytes(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


if __name__ == "__main__":
    main()

"""The playground's page: record, images, style and modules in one HTML file that loads nothing."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from cnnlab.config import NetSpec
from cnnlab.data.imageset import ImageSet, Progress
from cnnlab.data.origin import note_without_folders, without_folders
from cnnlab.errors import UserError
from cnnlab.explorer.likeness import WholeNumbers
from cnnlab.explorer.page import escaped, packed, planes, web
from cnnlab.features.unlike import FALSE_ALARMS, NEIGHBOUR, pixel_shapes
from cnnlab.one_script import one_script, policy_hash, read, worker_script
from cnnlab.playground.images import PageImages, page_images
from cnnlab.playground.nets import BEGINNING, TITLES, PlannedNet, plan_net
from cnnlab.playground.proof import proof
from cnnlab.playground.settings import Settings
from cnnlab.runs.folder import Run, data_record
from cnnlab.training.loop import background
from cnnlab.version import __version__

#: The page as it ships, its way in and that of its workers; what these import is laid before them.
WEB = files("cnnlab.playground").joinpath("web")
ENTRY, WORKER = "app.js", "worker.js"
#: The page's own styles, laid after the explorer's.
STYLES = ("style.css", "backward.css")
#: Numbers of the classes' components at most, two bytes each: beyond, the classes share theirs.
MOST_COMPONENTS = 1_500_000
#: The page's arithmetic in WebAssembly, the quickest first: kind → file.
KERNELS = {"simd+fma": "kernels.wasm", "simd": "kernels-simd.wasm"}


@dataclass(frozen=True)
class PlaygroundPage:
    """The page, and what it holds: nets by name, images of each split; note: which images were left out, or None."""

    html: str
    nets: tuple[str, ...]
    images: dict[str, int]
    note: str | None


def playground_page(
    names: Sequence[str],
    data: ImageSet,
    *,
    images: int | None = None,
    lesson: str | None = None,
    progress: Progress | None = None,
) -> PlaygroundPage:
    """A page that trains nets on a set's images in the browser, from PyTorch's initial weights.

    names: of cnnlab's nets, the first of them shown first; by default all that the page can train. images: training
    images in the page, by default as many as fit. lesson: where the lesson's page lies that leads here. progress: told
    of the nets that PyTorch trained for the page. Raises UserError for a net that the page cannot train, and where the
    images do not fit.
    """
    twice = [name for name in names if list(names).count(name) > 1]
    if twice:
        raise UserError(f"{twice[0]} is named twice; expected each net once: leave one out")
    chosen = page_images(data, images)
    specs = [NetSpec(name=name, options=BEGINNING if name == "conv-net" else {}) for name in names or TITLES]
    nets = [plan_net(spec, data.image_shape, len(data.classes)) for spec in specs]
    return _page(nets, chosen, run=None, explorer=None, lesson=lesson, progress=progress)


def train_on_page(
    run: Run, data: ImageSet, *, explorer: str | None = None, lesson: str | None = None
) -> PlaygroundPage:
    """The page that goes on with a finished run's net, on the images it was trained on or as many of them as fit.

    explorer: where the run's explorer lies from the page. Raises UserError where the page cannot train the net.
    """
    record = run.config
    net = plan_net(record.net, data.image_shape, len(data.classes), weights=run.weights())
    return _page([net], page_images(data), run=run, explorer=explorer, lesson=lesson)


def _page(
    nets: Sequence[PlannedNet],
    images: PageImages,
    *,
    run: Run | None,
    explorer: str | None,
    lesson: str | None,
    progress: Progress | None = None,
) -> PlaygroundPage:
    planned = []
    for done, net in enumerate(nets):
        if progress is not None:
            progress("100 steps of each net in PyTorch", done, len(nets))
        settings = Settings(dropout=net.dropout, images=len(images.train))
        beginning = {
            "weights": True if run is not None else None,
            "run": None if run is None else _run(run),
            "proof": proof(net, images, settings) if run is None else None,
        }
        planned.append(net.to_page() | beginning)
    if progress is not None:
        progress("100 steps of each net in PyTorch", len(nets), len(nets))
    first, numbers = nets[0], WholeNumbers()
    record = {
        "data": _data(images) | {"unlike": _unlike(images, numbers)},
        "nets": planned,
        "settings": {"net": first.spec.name}
        | Settings(dropout=first.dropout, images=len(images.train)).to_page()
        | {"design": planned[0]["design"]},
        "explorer": explorer,
        "lesson": lesson,
        "version": __version__,
    }
    weights = b"" if run is None else first.numbers().astype("<f4").tobytes()
    title = f"{' and '.join(str(net['title']) for net in planned)} on {images.data.name}: playground"
    html = assemble(record, images, weights, numbers.content(), title)
    return PlaygroundPage(html, tuple(net.spec.name for net in nets), images.counts, images.note)


def assemble(record: dict[str, Any], images: PageImages, weights: bytes, unlike: bytes, title: str) -> str:
    """Fill the page's frame.

    weights: float32, a run's net to go on from; else nothing. unlike: the record's 16-bit whole numbers. The policy in
    the page allows its own script and style, by their hashes, workers of the text that the page brings along,
    WebAssembly, and nothing else.
    """
    script, worker = one_script(WEB, ENTRY), worker_script(WEB, WORKER)
    style = web("style.css") + "".join(read(WEB, name) for name in STYLES)
    parts = {
        "title": escaped(title),
        "script_hash": policy_hash(script),
        "style_hash": policy_hash(style),
        "style": style,
        "record": json.dumps(record, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        "images": packed(images.pixels()),
        "labels": packed(images.labels()),
        "order": packed(images.order.astype("<u4").tobytes()),
        "weights": packed(weights),
        "unlike": packed(planes(unlike)),
        "worker": worker,
        "kernels": json.dumps(_kernels()),
        "script": script,
    }
    return re.sub(r"\{\{ (\w+) \}\}", lambda found: parts[found[1]], read(WEB, "page.html"))


def _data(images: PageImages) -> dict[str, Any]:
    data = images.data
    record = data_record(data)
    notes = [note_without_folders(note, record.source) for note in record.notes]
    return {
        "name": data.name,
        "sha256": data.sha256,
        "classes": list(data.classes),
        "shape": list(data.image_shape),
        "mean": list(data.mean),
        "std": list(data.std),
        "preparation": data.preparation,
        "unpadded": data.unpadded,
        "fill": background(data),
        **images.counts,
        "of": images.of,
        "note": images.note,
        "record": record.model_dump(mode="json") | {"source": without_folders(record.source), "notes": notes},
    }


def _unlike(images: PageImages, numbers: WholeNumbers) -> dict[str, Any]:
    """What of telling unlike images depends on no net: the shapes that the training images' pixels are made of."""
    side, means, components = pixel_shapes(images.train, most=MOST_COMPONENTS)
    kept = {"means": numbers.add(means), "components": numbers.add(components)}
    return {"side": list(side), "neighbour": NEIGHBOUR, "rate": FALSE_ALARMS} | kept


def _run(run: Run) -> dict[str, Any]:
    result, test = run.result(), run.evaluations()["test"]
    return {
        "name": run.path.resolve().name,
        "seed": run.config.seed,
        "epochs": result.best_epoch,
        "accuracy": test.accuracy,
        "test_images": test.images,
    }


def _kernels() -> list[dict[str, str]]:
    return [
        {"kind": kind, "wasm": base64.b64encode(WEB.joinpath(name).read_bytes()).decode()}
        for kind, name in KERNELS.items()
    ]

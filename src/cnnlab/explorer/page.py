"""The explorer's page: record, numbers, style and modules in one HTML file that loads nothing."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

import numpy as np
from torch import Tensor, nn

from cnnlab.data.imageset import ImageSet
from cnnlab.explorer.gallery import Gallery, gallery
from cnnlab.explorer.plan import Plan, plan
from cnnlab.explorer.reference import activations, probabilities, reference
from cnnlab.runs.folder import Run

#: The page's way in; what it imports is laid before it.
ENTRY = "app.js"


@dataclass(frozen=True)
class ExplorerPage:
    """The page, and how many layers and gallery images it holds."""

    html: str
    layers: int
    images: int


def explorer_page(run: Run, data: ImageSet, net: nn.Module, *, report: str | None = None) -> ExplorerPage:
    """The explorer of a finished run's net, as HTML that loads nothing from elsewhere.

    data: what the run was trained on (test images are shown). net: with the run's weights; it is only read. report:
    where the run's report lies from the page. Raises UserError when the run is not finished, and for a layer that the
    page cannot compute.
    """
    record = run.config.data
    result, evaluation = run.result(), run.evaluations()["test"]
    planned = plan(net, record.image_shape, len(record.classes))
    images = gallery(evaluation, data.test, len(record.classes))
    values = activations(net, planned, images.images, record.mean, record.std)
    page_record = {
        "net": run.config.net.name,
        "data": record.name,
        "seed": run.config.seed,
        "recipe": run.config.recipe,
        "parameters": result["parameters"],
        "accuracy": evaluation.accuracy,
        "test_images": evaluation.images,
        "report": report,
        "classes": list(record.classes),
        "shape": list(record.image_shape),
        "mean": list(record.mean),
        "std": list(record.std),
        "preparation": record.preparation,
        **_net(planned),
        "gallery": _gallery(images, probabilities(values, planned)),
        "reference": reference(values, images),
    }
    html = assemble(page_record, np.ascontiguousarray(images.images.numpy()).tobytes())
    return ExplorerPage(html, len(planned.layers), len(images.indices))


def assemble(record: dict[str, Any], images: bytes) -> str:
    """Fill the page's frame: tensors of the record become places in one block of float32 numbers.

    images: the gallery's pixels. The policy in the page allows its own script and style, by their hashes, and nothing
    else.
    """
    numbers: list[np.ndarray] = []
    plain = _stored(record, numbers)
    block = np.concatenate([part.ravel() for part in numbers]).astype("<f4").tobytes()
    script, style = modules(ENTRY), web("style.css")
    title = f"{record['net']} on {record['data']}: explorer"
    parts = {
        "title": _escaped(title),
        "script_hash": _hash(script),
        "style_hash": _hash(style),
        "style": style,
        "record": json.dumps(plain, separators=(",", ":")).replace("<", "\\u003c"),
        "numbers": base64.b64encode(block).decode(),
        "images": base64.b64encode(images).decode(),
        "script": script,
    }
    return re.sub(r"\{\{ (\w+) \}\}", lambda found: parts[found[1]], web("page.html"))


def modules(entry: str) -> str:
    """A module and all that it imports as one script, each once and before those that need it."""
    order: list[str] = []

    def add(name: str) -> None:
        for needed in re.findall(r'^import .*?"\./([\w.]+)";$', web(name), re.MULTILINE | re.DOTALL):
            if needed not in order:
                add(needed)
        if name not in order:
            order.append(name)

    add(entry)
    texts = [re.sub(r'^import .*?"\./[\w.]+";\n', "", web(name), flags=re.MULTILINE | re.DOTALL) for name in order]
    return "\n" + re.sub(r"^export ", "", "\n".join(texts), flags=re.MULTILINE)


def web(name: str) -> str:
    """A file of `web/`."""
    return files("cnnlab.explorer").joinpath("web", name).read_text(encoding="utf-8")


def _net(planned: Plan) -> dict[str, Any]:
    return {"layers": [layer.to_page() for layer in planned.layers], "output": planned.output}


def _gallery(images: Gallery, answers: Tensor) -> list[dict[str, Any]]:
    return [
        {"index": index, "label": label, "predicted": int(answer.argmax()), "probability": float(answer.max())}
        for index, label, answer in zip(images.indices, images.labels, answers, strict=True)
    ]


def _stored(value: Any, numbers: list[np.ndarray]) -> Any:
    if isinstance(value, Tensor):
        at = sum(part.size for part in numbers)
        numbers.append(value.detach().cpu().float().contiguous().numpy())
        return {"at": at, "shape": list(value.shape)}
    if isinstance(value, dict):
        return {key: _stored(inner, numbers) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_stored(inner, numbers) for inner in value]
    return value


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(sha256(text.encode()).digest()).decode()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")

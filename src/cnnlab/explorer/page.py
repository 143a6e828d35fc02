"""The explorer's page: record, numbers, style and modules in one HTML file that loads nothing."""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.explorer.gallery import Gallery, gallery
from cnnlab.explorer.likeness import WholeNumbers, likeness
from cnnlab.explorer.moments import History, history
from cnnlab.explorer.reference import activations, probabilities, reference
from cnnlab.explorer.translation import Translation, translate
from cnnlab.features.unlike import Unlike
from cnnlab.one_script import one_script, policy_hash, read
from cnnlab.runs.folder import Run

#: The page as it ships, and its way in; what that imports is laid before it.
WEB = files("cnnlab.explorer").joinpath("web")
ENTRY = "app.js"


@dataclass(frozen=True)
class ExploredRun:
    """A finished run and its net with the run's weights, as the page is to show them.

    unlike: what was fitted to the net, by which the page says of an image that it is like nothing the net was trained
    on; None for a page that does not say it.
    """

    run: Run
    net: nn.Module
    unlike: Unlike | None = None


@dataclass(frozen=True)
class ExplorerPage:
    """The page, and what it holds: layers and moments in time of each net (1: the finished net alone), gallery images.

    notes: what was left out, a line each.
    """

    html: str
    layers: tuple[int, ...]
    moments: tuple[int, ...]
    images: int
    notes: tuple[str, ...] = ()


def explorer_page(
    shown: Sequence[ExploredRun],
    data: ImageSet,
    *,
    report: str | None = None,
    lesson: str | None = None,
    playground: str | None = None,
    moments: bool = True,
) -> ExplorerPage:
    """The explorer of one finished run's net, or of two on one input, as HTML that loads nothing from elsewhere.

    The nets are only read. data: what the runs were trained on; its test images are shown, with the first run's
    mistakes first. report: where the first run's report lies from the page; lesson: where the lesson's page does that
    leads here; playground: where the page that trains the net on. moments: whether the page holds what the runs kept of
    their way, for its time slider. Raises UserError when a run is not finished, when the runs were not trained on the
    same data, and for a layer that the page cannot compute.
    """
    first = shown[0].run
    record = first.config.data
    for other in shown[1:]:
        if other.run.config.data.sha256 != record.sha256:
            raise UserError(
                f"{other.run.path} was trained on {other.run.config.data.name}, {first.path} on {record.name}; "
                "expected two runs on the same data: explore them one by one"
            )
    images = gallery(first.evaluations()["test"], data.test, len(record.classes))
    nets, answers, histories, numbers = [], [], [], WholeNumbers()
    for each in shown:
        translated = translate(each.net, record.image_shape, len(record.classes))
        values = activations(each.net, translated, images.images, record.mean, record.std)
        name = each.run.config.net.name.rpartition(":")[2]
        is_only_one = sum(other.run.config.net.name == each.run.config.net.name for other in shown) == 1
        label = name if is_only_one else f"{name} ({each.run.path.resolve().name})"
        past = history(each.run, each.net, translated, data) if moments else None
        histories.append(past)
        told = each.unlike and likeness(each.unlike, each.net, translated, values, images.images, record, numbers)
        nets.append(
            _net(label, each.run, translated)
            | {"reference": reference(values, len(images.indices)), "history": _history(past), "unlike": told}
        )
        answers.append(probabilities(values, translated))
    page_record = {
        "data": record.name,
        "report": report,
        "lesson": lesson,
        "playground": playground,
        "classes": list(record.classes),
        "shape": list(record.image_shape),
        "mean": list(record.mean),
        "std": list(record.std),
        "preparation": record.preparation,
        "unpadded": record.unpadded,
        "nets": nets,
        "gallery": _gallery(images, answers),
        "first": _first(images, answers),
    }
    title = f"{' and '.join(net['net'] for net in nets)} on {record.name}: explorer"
    halves = b"".join(
        moment.halves.tobytes()
        for past in histories
        if past is not None
        for moment in past.moments
        if moment.halves is not None
    )
    html = assemble(
        page_record, np.ascontiguousarray(images.images.numpy()).tobytes(), halves, title, numbers.content()
    )
    return ExplorerPage(
        html,
        tuple(len(net["layers"]) for net in nets),
        tuple(1 if past is None else len(past.moments) for past in histories),
        len(images.indices),
        tuple(
            f"{net['net']}: its stages on the way would add {past.too_large / 1e6:.0f} MB and are left out"
            for net, past in zip(nets, histories, strict=True)
            if past is not None and past.too_large is not None
        )
        + tuple(
            f"{net['net']}: no layer of the page gives the features that the net shows: whether an image is like what "
            "it was trained on is told by cnnlab predict alone"
            for net, each in zip(nets, shown, strict=True)
            if each.unlike is not None and net["unlike"] is None
        ),
    )


def assemble(record: dict[str, Any], images: bytes, moments: bytes, title: str, unlike: bytes = b"") -> str:
    """Fill the page's frame: tensors of the record become places in one block of float32 numbers, and what is infinite
    or no number becomes its name.

    images: the gallery's pixels. moments: float16, the nets' weights at earlier moments, all nets' one after the
    other. unlike: 16-bit whole numbers, what tells images unlike those of the training. The policy in the page allows
    its own script and style, by their hashes, and nothing else.
    """
    numbers: list[np.ndarray] = []
    plain = _stored(record, numbers)
    block = np.concatenate([part.ravel() for part in numbers]).astype("<f4").tobytes()
    script, style = one_script(WEB, ENTRY), web("style.css")
    parts = {
        "title": escaped(title),
        "script_hash": policy_hash(script),
        "style_hash": policy_hash(style),
        "style": style,
        "record": json.dumps(plain, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        "numbers": packed(block),
        "images": packed(images),
        "moments": packed(planes(moments)),
        "unlike": packed(planes(unlike)),
        "script": script,
    }
    return re.sub(r"\{\{ (\w+) \}\}", lambda found: parts[found[1]], web("page.html"))


def web(name: str) -> str:
    """The text of a file of `web/`."""
    return read(WEB, name)


def _net(label: str, run: Run, translated: Translation) -> dict[str, Any]:
    evaluation = run.evaluations()["test"]
    return {
        "net": label,
        "seed": run.config.seed,
        "parameters": run.result().parameters,
        "accuracy": evaluation.accuracy,
        "test_images": evaluation.images,
        "layers": [layer.to_page() for layer in translated.layers],
        "output": translated.output,
    }


def _history(past: History | None) -> dict[str, Any] | None:
    if past is None or len(past.moments) == 1:
        return None
    return {"moments": [moment.to_page() for moment in past.moments], "total_steps": past.total_steps}


def _gallery(images: Gallery, answers: list[Tensor]) -> list[dict[str, Any]]:
    return [
        {"index": index, "label": label, "predicted": [int(answer[i].argmax()) for answer in answers]}
        for i, (index, label) in enumerate(zip(images.indices, images.labels, strict=True))
    ]


def _first(images: Gallery, answers: list[Tensor]) -> int:
    """The image that the page opens on: the one that every net is surest of, and right about."""
    labels = torch.tensor(images.labels)
    shares = torch.stack([answer[torch.arange(len(labels)), labels] for answer in answers])
    is_right = torch.stack([answer.argmax(dim=1) == labels for answer in answers])
    return int((shares.amin(dim=0) * is_right.all(dim=0)).argmax())


def _stored(value: Any, numbers: list[np.ndarray]) -> Any:
    if isinstance(value, Tensor):
        at = sum(part.size for part in numbers)
        numbers.append(value.detach().cpu().float().contiguous().numpy())
        return {"at": at, "shape": list(value.shape)}
    if isinstance(value, float) and not math.isfinite(value):  # JSON has no such numbers
        return {"number": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, dict):
        return {key: _stored(inner, numbers) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_stored(inner, numbers) for inner in value]
    return value


def packed(content: bytes) -> str:
    """A block of the page: deflated, in base64."""
    return base64.b64encode(zlib.compress(content, 9)).decode()


def planes(pairs: bytes) -> bytes:
    """All lower bytes, then all upper ones: signs and exponents side by side are a sixth smaller when deflated."""
    return pairs[::2] + pairs[1::2]


def escaped(text: str) -> str:
    """Text as HTML has it between two tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;")

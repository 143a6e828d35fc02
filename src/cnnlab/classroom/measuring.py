"""Handed-in nets, measured on the withheld images: cnnlab's own nets alone, and no student's code.

What a file claims counts for nothing. Weights that were handed in before are not measured again.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose
from pathlib import Path, PurePosixPath
from typing import Literal

import torch
from torch import Tensor

from cnnlab.classroom.hand_in import HandedRun, HandIn, NamedBytes
from cnnlab.classroom.one_line import one_line
from cnnlab.classroom.results import MeasuredNet
from cnnlab.classroom.withheld import WithheldImages
from cnnlab.config import DataRecord, NetSpec, Record, RunConfig, checked
from cnnlab.data import embedded, load
from cnnlab.data.known import KNOWN
from cnnlab.data.views import split_name
from cnnlab.errors import UserError
from cnnlab.evaluation import logits, wilson_interval
from cnnlab.nets import NETS
from cnnlab.nets.resolve import is_own, outline
from cnnlab.runs.folder import RunResult
from cnnlab.runs.records import parse_json, tensors_in
from cnnlab.runs.saved import described, net_with

#: The most nets of one hand-in that are measured; and of one net, multiply-adds and values of its maps for an image, as
#: `_size_of` counts them: of SimpleCNN 15 million and 75,000.
MOST_NETS = 20
MOST_MACS, MOST_VALUES = 500_000_000, 1_000_000

#: Images that are measured at a time: SimpleCNN's maps of them stay in the cache, twice as quick as with 250.
AT_ONCE = 50

#: Changes of a set's images that leave its test images as they are.
_HARMLESS = {"shuffled-labels"}


@dataclass(frozen=True)
class LookedAt:
    """A net, and how often its test images were looked at, by its own record."""

    net: MeasuredNet
    openings: int


@dataclass(frozen=True)
class _Handed:
    """A net as it was handed in, once it is known to be one of cnnlab's."""

    tensors: Mapping[str, Tensor]
    spec: NetSpec
    data: DataRecord
    seed: int
    mend: Literal["save", "train"]


class Measuring:
    """Measures nets on one set of images, each distinct one once."""

    def __init__(self, withheld: WithheldImages, *, data_root: str | Path | None = None) -> None:
        """withheld: the images. data_root: where data sets lie that nets were trained on; none is fetched for them."""
        self.withheld = withheld
        self.data_root = data_root
        self._statistics: dict[str, tuple[tuple[float, ...], tuple[float, ...]] | None] = {}
        self._found: dict[tuple[str, ...], tuple[int, str]] = {}

    def nets(self, hand_in: HandIn) -> tuple[LookedAt, ...]:
        """The nets of a hand-in, each set of weights once: the playground's, then those of runs."""
        saved = [net for record in hand_in.playground for net in record.nets]
        ways: list[Callable[[], LookedAt]] = [
            *(lambda file=file: self._of_saved(file) for file in (*saved, *hand_in.weights)),
            *(lambda run=run: self._of_run(run) for run in hand_in.runs),
        ]
        found: dict[str, LookedAt] = {}
        for way in ways[:MOST_NETS]:
            one = way()
            found.setdefault(one.net.digest, one)
        for number in range(len(ways) - MOST_NETS):
            name = f"net {MOST_NETS + number + 1}"
            found[name] = LookedAt(_unmeasured(name, "", "", f"more than {MOST_NETS} nets in one hand-in"), 0)
        return tuple(found.values())

    def _of_saved(self, file: NamedBytes) -> LookedAt:
        digest, net, claimed, openings = hashlib.sha256(file.content).hexdigest(), "", None, 0
        try:
            tensors, metadata = tensors_in(file.content, file.name)
            digest = digest_of(tensors)
            saved = described(metadata, file.name)
            net, openings = saved.net, len(saved.test_openings)
            claimed = saved.test_openings[-1].accuracy if saved.test_openings else None
            spec = NetSpec(name=saved.net, options=saved.options)
            measured = self._measured(file.name, digest, _Handed(tensors, spec, saved.data, saved.seed, "save"))
        except UserError as error:
            measured = _unmeasured(file.name, net, digest, str(error))
        return LookedAt(replace(measured, claimed=claimed), openings)

    def _of_run(self, run: HandedRun) -> LookedAt:
        weights = next(
            (run.files[name] for name in ("weights.safetensors", "model.safetensors") if name in run.files), b""
        )
        digest, net = hashlib.sha256(weights or run.name.encode(errors="replace")).hexdigest(), ""
        openings = sum(bool(line.strip()) for line in run.files.get("test-openings.jsonl", b"").splitlines())
        try:
            config = _record(RunConfig, run, "config.json")
            net = config.net.name
            if not weights:
                raise UserError(f"{run.name} holds no weights.safetensors; expected the weights of a trained net")
            tensors, _ = tensors_in(weights, f"{run.name}/weights.safetensors")
            digest = digest_of(tensors)
            measured = self._measured(run.name, digest, _Handed(tensors, config.net, config.data, config.seed, "train"))
        except UserError as error:
            measured = _unmeasured(run.name, net, digest, str(error))
        return LookedAt(replace(measured, claimed=_claimed(run)), openings)

    def _measured(self, name: str, digest: str, handed: _Handed) -> MeasuredNet:
        """Raises UserError, or says in the result, where a net cannot be measured."""
        net, data = handed.spec.name, handed.data
        if why := self._not_here(name, handed):
            return _unmeasured(name, net, digest, why)
        mean, std, says = self._normalisation(data)
        options = repr(sorted(handed.spec.options.items()))
        key = (digest, net, options, repr((mean, std)))
        if key not in self._found:
            self._found[key] = self._right(name, handed, mean, std)
        right, fault = self._found[key]
        if fault:
            return _unmeasured(name, net, digest, f"{name}: {fault}")
        count = len(self.withheld.split or ())
        low, high = wilson_interval(right, count)
        return MeasuredNet(name, net, digest, right / count, low, high, count, says, None)

    def _right(self, name: str, handed: _Handed, mean: Sequence[float], std: Sequence[float]) -> tuple[int, str]:
        """How many images the net gets right; or what is wrong with it."""
        split = self.withheld.split
        assert split is not None
        net = net_with(handed.tensors, handed.spec, handed.data, seed=0, what=name, mend=handed.mend)
        answers = torch.cat([logits(net, some, mean=mean, std=std) for some in split.images.split(AT_ONCE)])
        if not bool(torch.isfinite(answers).all()):
            return 0, "its answers are NaN or infinite; expected numbers"
        return int((answers.argmax(dim=1) == split.labels).sum()), ""

    def _not_here(self, name: str, handed: _Handed) -> str:
        """Why a net is not measured here, with what the teacher may do; "" where it is."""
        net, data = handed.spec.name, handed.data
        if is_own(net):
            path, _, of = net.replace("\\", "/").rpartition(":")  # handed in with the run, beside its records
            command = self._command(name, f" --net {_quoted(f'{name}/{PurePosixPath(path).name}:{of}')}")
            return f"its net is the student's own code, which is not run here: {command}"
        if net not in NETS:
            return f"got the net {one_line(net)!r}; expected one of {', '.join(NETS)}"
        if self.withheld.split is None:
            return self.withheld.says
        shape, classes = tuple(self.withheld.split.images.shape[1:]), self.withheld.classes
        if data.image_shape != shape:
            sizes = ["×".join(map(str, each)) for each in (data.image_shape, shape)]
            return f"its images are {sizes[0]}, the withheld ones {sizes[1]}: {self._command(name)}"
        if data.classes != classes:
            return f"its classes are others than those of {self.withheld.data}: {self._command(name)}"
        base, changes = _base_of(data.name)
        if base is None:
            return f"it was trained on data of its own, {one_line(data.name)}: {self._command(name)}"
        if not set(changes) <= _HARMLESS:
            return f"it was trained on images that were changed, {one_line(data.name)}: {self._command(name)}"
        if (size := _size_of(handed.spec, data)) is not None:
            return f"{size}: {self._command(name)}"
        return ""

    def _command(self, name: str, more: str = "") -> str:
        data = "" if self.withheld.data is None else f" --data {_quoted(self.withheld.data)}"
        return f"to be run by you: cnnlab evaluate {_quoted(name)}{data}{more}"

    def _normalisation(self, data: DataRecord) -> tuple[tuple[float, ...], tuple[float, ...], str]:
        """Mean and std of the data that a net was trained on, and what is to be said of them."""
        if data.name not in self._statistics:
            try:
                images = load(data.name, root=self.data_root, fetch=False)
                self._statistics[data.name] = images.mean, images.std
            except UserError:
                self._statistics[data.name] = None
        here = self._statistics[data.name]
        if here is None:
            return (
                data.mean,
                data.std,
                f"mean and deviation are those of its record, as {one_line(data.name)} is not here",
            )
        if all(map(isclose, (*here[0], *here[1]), (*data.mean, *data.std))):
            return *here, ""
        return (
            *here,
            f"its record has another mean and deviation of {one_line(data.name)} than the data, whose are used",
        )


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the names, types, shapes and values of tensors."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode(errors="replace"))
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _record(kind: type[Record], run: HandedRun, name: str) -> Record:
    what = f"{run.name}/{name}"
    if name not in run.files:
        raise UserError(f"{what} is missing; expected it in a run")
    return checked(kind, parse_json(run.files[name], what, mend="have it handed in again"), what, is_file=True)


def _claimed(run: HandedRun) -> float | None:
    try:
        return _record(RunResult, run, "result.json").test.accuracy
    except UserError:
        return None


def _base_of(name: str) -> tuple[str | None, tuple[str, ...]]:
    """The public set that a name is of, None for any other, and how it was changed. Nobody's files are looked for."""
    try:
        base, _, changes = split_name(name)
    except UserError:
        return None, ()
    return (base if base in (embedded.NAME, *KNOWN) else None), changes


def _size_of(spec: NetSpec, data: DataRecord) -> str | None:
    """What to say of a net that takes too long to be measured here. Raises UserError where it cannot be built.

    A filter is counted at every pixel, though pools leave fewer places: the most that it can be.
    """
    shapes = [
        value.shape for value in outline(spec, image_shape=data.image_shape, num_classes=len(data.classes)).parameters()
    ]
    pixels = data.image_shape[1] * data.image_shape[2]
    macs = sum(shape.numel() * (pixels if len(shape) == 4 else 1) for shape in shapes)
    values = sum(shape[0] * pixels for shape in shapes if len(shape) == 4)
    if macs > MOST_MACS or values > MOST_VALUES:
        return f"it may take {macs:,} multiply-adds and {values:,} values for an image, too many to be measured here"
    return None


def _unmeasured(name: str, net: str, digest: str, says: str) -> MeasuredNet:
    return MeasuredNet(name, net, digest, None, None, None, 0, says, None)


def _quoted(name: str) -> str:
    """A name from a stranger's file as one word of a command."""
    return shlex.quote(one_line(name, most=200))

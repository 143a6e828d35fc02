"""What the playground's page saved: a safetensors file with its net, and the run folder that is made from it once.

The folder lies beside the file and has its name without the ending. It holds what the page wrote down, the data's
record, the training and its epochs, and figures that PyTorch measured here, on the whole validation and test split.
"""

from __future__ import annotations

import atexit
import hashlib
import math
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from cnnlab.config import PLAYGROUND, Count, DataRecord, NetSpec, RunConfig, Scalar, Share, Strict, Training, checked
from cnnlab.data import load
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.evaluation import evaluate, logits
from cnnlab.nets import NETS, build_net, parameter_count
from cnnlab.nets.resolve import outline
from cnnlab.one_writer import LOCK, one_writer
from cnnlab.plain_files import open_plain
from cnnlab.runs.agreement import require_images
from cnnlab.runs.environment import made_here
from cnnlab.runs.folder import Run, RunResult, open_run, require_free, split_figures
from cnnlab.runs.identity import identity_of
from cnnlab.runs.records import TENSORS_BYTES, are_finite, parse_json, read_json, read_tensors, require_fit, unreadable
from cnnlab.training.loop import Epoch
from cnnlab.whole_files import DiskError, disk_error

#: The file of the folder that says which saved file it was made from, and what that said.
ORIGIN = "saved.json"

#: The longest description, in characters, that is read: a page's has a few thousand.
LONGEST = 1_000_000


class TestOpening(Strict):
    """A look at the test split in the page. opened: when, ISO 8601. accuracy: 0–1. loss: mean cross-entropy in nats,
    None where it was no number.
    """

    opened: str
    step: Count
    accuracy: Share
    loss: float | None
    images: Annotated[Count, Field(ge=1)]


class Taught(Strict):
    """Images of the reader's own that the net was trained on, of a class."""

    label: str
    count: Count


class Saved(Strict):
    """What the page's file says of itself, as JSON, in its metadata under `cnnlab`.

    page: cnnlab's version that made it. options: of the net. settings: of the page's form. training: the same as
    `cnnlab train` has it. epochs: whole ones so far; steps: of all. beside: what neither settings nor training say, a
    sentence each.
    """

    format: Literal[1]
    page: str
    net: str
    options: dict[str, Scalar | tuple[int, ...]]
    data: DataRecord
    settings: dict[str, Scalar | dict[str, Scalar | tuple[int, ...]] | None]
    training: Training
    seed: int = Field(ge=0, lt=2**63)
    epochs: tuple[Epoch, ...]
    steps: Annotated[Count, Field(ge=1)]
    test_openings: tuple[TestOpening, ...]
    taught: tuple[Taught, ...]
    beside: tuple[str, ...]

    @field_validator("epochs")
    @classmethod
    def _epochs_in_order(cls, epochs: tuple[Epoch, ...]) -> tuple[Epoch, ...]:
        numbers = [epoch.epoch for epoch in epochs]
        if numbers != sorted(set(numbers)):
            raise ValueError(f"expected epochs one after another, got {numbers[:20]}")
        return epochs

    def notes(self) -> tuple[str, ...]:
        """What the data's record does not say of what the page trained on, a line each."""
        images, wrong = self.settings.get("images"), self.settings.get("wrongLabels")
        taught = sum(each.count for each in self.taught)
        lines = []
        if isinstance(images, int) and images < self.data.images.get("train", 0):
            lines.append(f"trained in the playground on {images:,} of the training images")
        if isinstance(wrong, int | float) and wrong > 0:
            lines.append(f"trained in the playground with wrong labels on {wrong:.0%} of the training images")
        if taught:
            lines.append(f"trained in the playground on {taught:,} image{'s' * (taught > 1)} of its reader's, too")
        return (*lines, *(sentence.removesuffix(".") for sentence in self.beside))


def open_saved(path: Path, *, data_root: str | Path | None = None, say: Callable[[str], None] | None = None) -> Run:
    """The run of a file that the playground saved; its folder is made where it is not there yet.

    data_root: as in `load`. say: told in a line when the folder is made. Raises UserError when the file is damaged, is
    not the playground's or does not fit what it says of itself, when its data are not here or have changed, when
    something else lies where the folder would, and when another process makes it just now.
    """
    folder, digest = path.with_suffix(""), _digest(path)
    if folder.exists():
        origin = folder / ORIGIN
        made_from = read_json(origin).get("sha256") if origin.is_file() else None
        if made_from == digest and (folder / "result.json").exists():
            return open_run(folder)
        if made_from != digest and not _is_empty(folder):
            what = "was made from another file of that name" if made_from else "was not made from it"
            raise UserError(
                f"{path} becomes a run in {folder}, which is there and {what}; expected nothing at that place: move "
                "the folder away, or give the file another name"
            )
    tensors, saved = _read(path)
    images = _data(path, saved.data, data_root)
    net = _net(path, saved, tensors)
    try:
        run = _make(folder, path, digest, saved, net, images)
        said = f"its run, measured by PyTorch, is in {folder} from now on"
    except DiskError as error:
        run = _make(_passing_folder() / folder.name, path, digest, saved, net, images)
        said = f"note: its run, measured by PyTorch, is not kept ({error})"
    if say is not None:
        say(f"{path}: {said}")
    return run


def _passing_folder() -> Path:
    """A folder that goes when the process ends."""
    passing = tempfile.TemporaryDirectory(prefix="cnnlab-")
    atexit.register(passing.cleanup)
    return Path(passing.name)


def _is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing but what is written, or was when its writer was killed, before the first file."""
    return folder.is_dir() and all(one.name == LOCK or one.name.endswith(".part") for one in folder.iterdir())


def _digest(path: Path) -> str:
    try:
        with open_plain(path, limit=TENSORS_BYTES) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # ty: ignore[no-matching-overload]
    except OSError as error:
        raise unreadable(path, error) from None


def _read(path: Path) -> tuple[dict[str, Tensor], Saved]:
    tensors, metadata = read_tensors(path)
    return tensors, described(metadata, str(path))


def described(metadata: Mapping[str, str], what: str) -> Saved:
    """What a file of the playground's says of itself. metadata: the file's. what: it, as the user knows it.

    Raises UserError when it is not the playground's, or was saved before the first step.
    """
    said = metadata.get("cnnlab", "")
    try:
        values = parse_json(said[:LONGEST], f"{what}, its description")
    except UserError:
        raise UserError(
            f"{what} does not say what net it holds and what that was trained on; expected a file that the playground "
            "saved: save it there again"
        ) from None
    if values.get("steps") == 0:
        raise UserError(f"{what} was saved before its net's first step; expected a trained net: train it, and save it")
    return checked(Saved, values, f"{what}, its description", is_file=True)


def _data(path: Path, record: DataRecord, data_root: str | Path | None) -> ImageSet:
    side = record.image_shape[1] if record.name.startswith("folder:") else None
    images = load(record.name, root=data_root, image_size=side)
    if images.sha256 != record.sha256:
        raise UserError(
            f"{path} was trained on {record.name} of SHA-256 {record.sha256[:12]}…, which has {images.sha256[:12]}… "
            "here; expected the same images: put them back"
        )
    require_images(str(path), record, images)
    for name, got, here in (("mean", record.mean, images.mean), ("std", record.std, images.std)):
        if len(got) != len(here) or not all(map(math.isclose, got, here)):
            raise UserError(f"{path}: got the {name} {got} of {record.name}; expected {here}: save it again")
    return images


def _net(path: Path, saved: Saved, tensors: dict[str, Tensor]) -> nn.Module:
    """The net with its weights, in eval mode. Raises UserError where the two do not fit."""
    if saved.net not in NETS:
        raise UserError(f"{path}: got the net {saved.net!r}; expected one of {', '.join(NETS)}: save it again")
    spec = NetSpec(name=saved.net, options=saved.options)
    return net_with(tensors, spec, saved.data, seed=saved.seed, what=str(path), mend="save")


def net_with(
    tensors: Mapping[str, Tensor],
    spec: NetSpec,
    data: DataRecord,
    *,
    seed: int,
    what: str,
    mend: Literal["save", "train"],
) -> nn.Module:
    """One of cnnlab's nets with these weights, in eval mode. what: their file, as the user knows it.

    data: what the net was trained on. mend: what makes the file anew. Raises UserError where the weights do not fit the
    net, are NaN or infinite, and where the net would be too large.
    """
    given: dict[str, Any] = {"image_shape": data.image_shape, "num_classes": len(data.classes)}
    expected = outline(spec, **given).state_dict()
    again = "save it again" if mend == "save" else "train it again"
    require_fit(f"{what}: its weights do not fit {spec.name}", tensors, expected, mend=again)
    if not are_finite(tensors):
        earlier = "save an earlier state of the net" if mend == "save" else "train it at a lower rate"
        raise UserError(f"{what}: weights are NaN or infinite; expected numbers: {earlier}")
    net = build_net(spec, **given, seed=seed)
    net.load_state_dict(tensors)
    return net.eval()


def _make(folder: Path, path: Path, digest: str, saved: Saved, net: nn.Module, images: ImageSet) -> Run:
    data = saved.data.model_copy(update={"notes": (*saved.data.notes, *saved.notes())})
    config = RunConfig(
        net=NetSpec(name=saved.net, options=saved.options),
        data=data,
        recipe=PLAYGROUND,
        training=saved.training,
        seed=saved.seed,
    )
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise disk_error(folder, error) from error
    with one_writer(folder, being=f"made from {path.name}", mend="wait for it") as writing:
        run = Run(folder, config, writing)
        if not run.is_finished:  # by another process, meanwhile
            if not (folder / ORIGIN).is_file():
                require_free(folder)
            run.write_record(ORIGIN, {"file": path.name, "sha256": digest, "says": saved.model_dump(mode="json")})
            run.write_record("config.json", config.model_dump(mode="json"))
            _fill(run, saved, net, images)
    return open_run(folder)


def _fill(run: Run, saved: Saved, net: nn.Module, images: ImageSet) -> None:
    config = run.config
    device = torch.device("cpu")
    here = made_here(identity_of(config.model_copy(update={"training": _on_cpu(config.training)})), device)
    run.write_environment(here.model_copy(update={"device_name": f"a browser; measured on {here.device_name}"}))
    run.keep_epochs(0)
    for epoch in saved.epochs:
        run.write_epoch(epoch)
    run.write_weights(net)
    for opening in saved.test_openings[run.test_openings() :]:
        run.note_test_opening(f"cnnlab playground, in the page, {opening.opened}")
    run.note_test_opening("cnnlab playground, its file measured by PyTorch")
    evaluations = {
        name: evaluate(
            logits(net, images.split(name).images, mean=images.mean, std=images.std),
            images.split(name).labels,
            classes=images.classes,
        )
        for name in ("validation", "test")
    }
    run.write_evaluations(evaluations)
    count = len(saved.epochs)
    run.write_result(
        RunResult(
            run=str(run.path),
            parameters=parameter_count(net),
            train_time_s=round(saved.epochs[-1].train_time_s, 3) if saved.epochs else 0.0,
            epochs_run=count,
            best_epoch=count,
            validation=split_figures(evaluations["validation"]),
            test=split_figures(evaluations["test"]),
            warnings=(*images.leaks, *saved.notes()),
        )
    )


def _on_cpu(training: Training) -> Training:
    return training.model_copy(update={"device": "cpu", "precision": "fp32"})

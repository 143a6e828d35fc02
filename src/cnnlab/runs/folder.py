"""What a run folder holds, and in which order it comes to hold it.

    config.json          what the run is: net, data (with its hash), recipe, training, seed
    environment.json     its identity (versions, device, precision, threads, the user's own code), and the machine
    metrics.jsonl        a line an epoch, written as it happens
    resume.safetensors   where the training stands
    weights.safetensors  the best epoch so far, by validation; a lesson lets go of those that only served a verdict
    checkpoints/         the net after a few steps of `cnnlab train`, in half precision: STEP.safetensors
    evaluation.json      all figures of the finished run on validation and test
    unlike.safetensors   what tells images unlike any that the net was trained on, and the temperature of its answers
    result.json          the run in a few figures; its presence says that the run is finished
    diverged.json        that the loss became NaN or infinite, and where; such a run is not trained again
    test-openings.jsonl  a line for every time that the test split was measured
    report.html          the page
    explorer.html        the net's explorer, when `cnnlab explore` has made it
    playground.html      the page that trains the net on, likewise
    saved.json           of a run from a file that the playground saved: which file, and what it said
    tensorboard/         the same figures once more, where `cnnlab train --tensorboard` asked for them
    net.onnx, net.pt2, net.safetensors    the trained net, when `cnnlab export` has written it
    .lock                which process trains the run, while one does (`one_writer.py`)
    .NAME.HEX.part       the file NAME while it is being written

Every file appears whole or not at all, in this order within an epoch: metrics, weights, resume state. A kill between
two of them repeats that epoch, with the same figures. A run has one identity (`runs/identity.py`) from its start to its
end: written before the first step, and compared whenever the run goes on. One process at a time trains it. Nothing is
written outside the folder, whatever links it holds, and nothing once it was deleted: it does not come back as half one.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import safetensors.torch
import torch
from pydantic import Field
from torch import Tensor, nn

from cnnlab.config import PLAYGROUND, Count, DataRecord, NetSpec, Record, RunConfig, Seconds, Share, Strict, checked
from cnnlab.data.borders import border_range, without_zeros
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.evaluation import Evaluation
from cnnlab.net_copy import weights_of
from cnnlab.nets import build_net
from cnnlab.nets.resolve import is_own, net_code, outline
from cnnlab.one_writer import LOCK, InUse, Writing, gone, one_writer
from cnnlab.plain_files import place_in
from cnnlab.runs.agreement import require_evaluation, require_result
from cnnlab.runs.environment import Environment
from cnnlab.runs.identity import Identity
from cnnlab.runs.records import (
    EVALUATION_BYTES,
    LINE_BYTES,
    METRICS_BYTES,
    RECORD_BYTES,
    UNLIKE_BYTES,
    parse_json,
    read_file,
    read_json,
    read_record,
    read_tensors,
    require_fit,
    unreadable,
)
from cnnlab.strict_json import strict_json
from cnnlab.training.loop import Epoch
from cnnlab.training.state import TrainingState
from cnnlab.whole_files import append_line, disk_error, sweep, whole_file, write_whole

#: What a folder holds of a run besides its config. None of it may lie where a new run begins: it would pass for its.
_OF_A_RUN = (
    "environment.json",
    "metrics.jsonl",
    "resume.safetensors",
    "weights.safetensors",
    "checkpoints",
    "evaluation.json",
    "unlike.safetensors",
    "result.json",
    "diverged.json",
    "test-openings.jsonl",
    "report.html",
    "explorer.html",
    "playground.html",
    "saved.json",
)


class Divergence(Strict):
    """Where a training ended that diverged.

    epoch: the one in which the loss became NaN or infinite. learning_rate: the (peak) rate. kept_epoch: whose net the
    folder keeps, 0 for none. says: the message that the user got.
    """

    epoch: Annotated[Count, Field(ge=1)]
    learning_rate: float
    kept_epoch: Count
    says: str


class SplitFigures(Strict):
    """A split in a few figures. accuracy: 0–1, with its 95 % interval (Wilson's). loss: mean cross-entropy in nats."""

    accuracy: Share
    loss: float = Field(allow_inf_nan=True)
    accuracy_interval: tuple[Share, Share]
    images: Annotated[Count, Field(ge=1)]


class RunResult(Strict):
    """A finished run in a few figures, as `cnnlab train --json` prints it.

    run: its folder, as it was named when the run was made. train_time_s: of the training steps alone. best_epoch: by
    validation; its net is the one that was measured. warnings: what makes the figures doubtful, a line each.
    """

    run: str
    parameters: Count
    train_time_s: Seconds
    epochs_run: Count
    best_epoch: Count
    validation: SplitFigures
    test: SplitFigures
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """A run folder. Make one with `create_run`, open one with `open_run`.

    writing: its lock, where this process alone may write its training (`alone`).
    """

    path: Path
    config: RunConfig
    writing: Writing | None = field(default=None, compare=False, repr=False)

    @property
    def is_finished(self) -> bool:
        """Whether the run came to its end and was evaluated."""
        return _is_there(self.path / "result.json")

    @property
    def has_weights(self) -> bool:
        """Whether the folder holds weights: none before the first epoch's end, nor after they were let go."""
        return _is_there(self.path / "weights.safetensors")

    @property
    def state_path(self) -> Path:
        """Where the training's state lies, as long as it is kept."""
        return self.path / "resume.safetensors"

    @contextmanager
    def alone(self) -> Generator[Run]:
        """The run while this process alone writes its training. What killed writers left is deleted first.

        Raises InUse when another process trains it, and UserError when the folder is gone or may not be written to.
        """
        with one_writer(self.path, being="trained") as writing:
            sweep(self.path)
            sweep(place_in(self.path, "checkpoints"))
            yield replace(self, writing=writing)

    def tidy(self) -> None:
        """Delete the lock that a kill left between the result and the end; one that is held stays."""
        if (self.path / LOCK).exists():
            with suppress(UserError), self.alone():
                pass

    def place(self, name: str) -> Path:
        """Where a file of the run is to be written, such as `report.html` or `look/index.html`; its sub-folder is made.

        Raises UserError when the folder is gone, when a link in it leads out of it, and when the disk refuses.
        """
        if self.writing is not None:
            self.writing.require_folder()
        elif not self.path.is_dir():
            raise gone(self.path)
        path = place_in(self.path, name)
        try:
            if path.parent != self.path:
                path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise disk_error(path.parent, error) from error
        return path

    def write(self, name: str, content: bytes) -> Path:
        """Write a file of the run whole, in its `place`; returns that. Raises as `place` does."""
        path = self.place(name)
        write_whole(path, content, makes_folders=False)
        return path

    @property
    def explorer_path(self) -> Path:
        """Where the net's explorer lies, once `cnnlab explore` has made it."""
        return self.path / "explorer.html"

    @property
    def playground_path(self) -> Path:
        """Where the page that trains the net on lies, once `cnnlab explore` has made it."""
        return self.path / "playground.html"

    @property
    def unlike_path(self) -> Path:
        """Where that lies which tells images unlike any that the net was trained on, if it was kept."""
        return self.path / "unlike.safetensors"

    def load_net(self, *, own_code: str | None = None) -> nn.Module:
        """The trained net, with the weights of its best epoch, in eval mode on the CPU.

        own_code: for a run of a user's own net, its `file.py:ClassName`: code is never run because a folder says so.
        Raises UserError when there are no weights yet or any more, and when they are damaged or of another net.
        """
        spec = self.config.net
        if own_code is not None and own_code != spec.name:
            spec = NetSpec(name=own_code, options=spec.options)
        weights = self.weights()  # first: what does not fit the net's outline is refused before there is a net
        net = build_net(
            spec,
            image_shape=self.config.data.image_shape,
            num_classes=len(self.config.data.classes),
            seed=self.config.seed,
            own_code=own_code,
        )
        self._put(weights, net, spec.name)
        return net.eval()

    def load_weights(self, net: nn.Module) -> None:
        """Put the weights of the best epoch so far into a net. Raises UserError as `weights`, and where they misfit."""
        self._put(self.weights(), net, self.config.net.name)

    def _put(self, weights: dict[str, Tensor], net: nn.Module, name: str) -> None:
        path = self.path / "weights.safetensors"
        require_fit(f"{path}: its weights do not fit {name}", weights, net.state_dict(), mend="train the run again")
        net.load_state_dict(weights)

    def edited_files(self, own_code: str | None = None) -> list[str]:
        """Files of a user's own net, or imported by it, that are not what the run was trained with, by name.

        own_code: as in `load_net`, after which it is asked: of the code as it was last loaded. Empty for cnnlab's nets.
        """
        if not is_own(self.config.net.name):
            return []
        identity = self.identity()
        if identity is None or not identity.net_code:
            return []
        was, now = identity.net_code, net_code(own_code or self.config.net.name)
        return sorted(name for name in was | now if was.get(name) != now.get(name))

    def weights(self) -> dict[str, Tensor]:
        """The weights of the best epoch so far.

        Raises UserError when there are none yet, when they were let go, when they are damaged, and when they are not
        those of the net that the config names, if it is one of cnnlab's.
        """
        if self.is_finished and not self.has_weights:
            raise UserError(
                f"{self.path}: weights.safetensors is missing; the run's figures are here, but not its weights (a "
                "lesson lets go of those that only served a verdict). Train it again, to the same figures, with: "
                f"{self._again()}"
            )
        path, spec, data = self.path / "weights.safetensors", self.config.net, self.config.data
        tensors, _ = read_tensors(path)
        if not is_own(spec.name):
            net = outline(spec, image_shape=data.image_shape, num_classes=len(data.classes))
            what = f"{path}: its weights do not fit {spec.name}"
            require_fit(what, tensors, net.state_dict(), mend="train the run again")
            if any(bool(value.isnan().any()) for value in tensors.values()):
                raise UserError(f"{path}: weights are NaN; expected numbers: train the run again")
        return tensors

    def _again(self) -> str:
        """The command that trains the run again in its folder, with as many threads."""
        identity, here = self.identity(), torch.get_num_threads()
        threads = "" if identity is None or identity.threads == here else f"OMP_NUM_THREADS={identity.threads} "
        return threads + shlex.join(["cnnlab", "train", self.config.net.name, "--out", str(self.path), "--resume"])

    def epochs(self) -> list[Epoch]:
        """The records of all epochs so far. A last line that a kill cut short is left out.

        Raises UserError for any other line that is no record, for epochs that are not 1, 2, 3 … (a
        page's may leave some out), and where a finished
        run has others than it says.
        """
        records = [record for record, _ in self._epoch_lines()]
        if self.is_finished and len(records) != (count := self.result().epochs_run):
            raise UserError(
                f"{self.path / 'metrics.jsonl'} holds {len(records)} epochs; expected the {count} that result.json "
                "counts: train the run again"
            )
        return records

    def _epoch_lines(self) -> list[tuple[Epoch, bytes]]:
        """Each epoch's record and its line, which may say more than this version knows."""
        path = self.path / "metrics.jsonl"
        if not _is_there(path):
            return []
        *lines, torn = read_file(path, limit=METRICS_BYTES).split(b"\n")
        records = []
        for number, line in enumerate([*lines, torn] if torn else lines, start=1):
            what = f"{path}, line {number}"
            if len(line) > LINE_BYTES:
                raise UserError(
                    f"{what}: got {len(line):,} bytes; expected at most {LINE_BYTES:,}: train the run again"
                )
            try:
                record = checked(Epoch, parse_json(line, what), what)
            except UserError:
                if number > len(lines):
                    break
                raise
            # The page's first epoch may be a later one, and one that teaching cut short is not recorded.
            follows = record.epoch == number
            if self.config.recipe == PLAYGROUND:
                follows = not records or record.epoch > records[-1][0].epoch
            if not follows:
                raise UserError(f"{what}: got epoch {record.epoch}; expected epoch {number}: train the run again")
            records.append((record, line))
        return records

    def result(self) -> RunResult:
        """The finished run in a few figures. Raises UserError if it is unfinished, or its record is damaged."""
        if not self.is_finished:
            raise UserError(
                f"{self.path}: the run is not finished; go on with: cnnlab train {self.config.net.name} "
                f"--data {self.config.data.name} --out {self.path} --resume"
            )
        result = self._record(RunResult, "result.json")
        require_result(self.path / "result.json", result, self.config)
        return result

    def evaluations(self) -> dict[str, Evaluation]:
        """The finished run's figures on `validation` and `test`. Raises UserError where the record is damaged."""
        path = self.path / "evaluation.json"
        both = read_json(path, limit=EVALUATION_BYTES)
        if both.keys() != {"validation", "test"}:
            raise UserError(f"{path} holds other figures than those on validation and test: train the run again")
        found = {}
        for split, values in both.items():
            found[split] = checked(Evaluation, values, f"{path}: {split}", is_file=True)
            require_evaluation(f"{path}: {split}", found[split], self.config, split)
        return found

    def environment(self) -> Environment:
        """What the run was made on: its identity, and more about the machine.

        Raises UserError where the record is missing or damaged.
        """
        return self._record(Environment, "environment.json")

    def _record(self, kind: type[Record], name: str) -> Record:
        return read_record(kind, self.path / name)

    def identity(self) -> Identity | None:
        """What decided the run's figures besides its config; None before it began. Raises UserError if damaged."""
        path = self.path / "environment.json"
        if not _is_there(path):
            if self.is_finished or _is_there(self.state_path):
                raise UserError(
                    f"{path} is missing, and the run was begun; expected what it was made on, or no two figures of it "
                    "are known to be of one kind: train it again with another --out"
                )
            return None
        return self.environment().identity

    def divergence(self) -> Divergence | None:
        """Where the training diverged, if it did. Raises UserError where the record is damaged."""
        name = "diverged.json"
        return self._record(Divergence, name) if _is_there(self.path / name) else None

    def write_divergence(self, record: Divergence) -> None:
        """Record that the training diverged: it will not be tried again."""
        self.write_record("diverged.json", record.model_dump())

    def test_openings(self) -> int:
        """How often this run's test split was measured."""
        return len(self._opened_by())

    def _opened_by(self) -> list[str]:
        path = self.path / "test-openings.jsonl"
        if not _is_there(path):
            return []
        return read_file(path, limit=RECORD_BYTES).decode(errors="replace").splitlines()

    def note_end_of_training(self) -> None:
        """Write down that the test split is about to be measured at the end of the training.

        That is one opening, even if a kill came before the result was written and the same net is measured again.
        """
        by = "cnnlab train"
        if not any(line.endswith(json.dumps({"by": by})[1:]) for line in self._opened_by()):
            self.note_test_opening(by)

    def note_test_opening(self, by: str) -> None:
        """Write down that the test split is about to be measured, and by what."""
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        append_line(self.place("test-openings.jsonl"), json.dumps({"when": when, "by": by}))

    def write_environment(self, record: Environment) -> None:
        """Write down what the run is made on."""
        self.write_record("environment.json", record.to_json())

    def keep_epochs(self, count: int) -> None:
        """Forget the records of epochs that will be trained again; the others stay byte for byte."""
        lines = [line + b"\n" for _, line in self._epoch_lines()[:count]]
        self.write("metrics.jsonl", b"".join(lines))

    def write_epoch(self, record: Epoch) -> None:
        """Append an epoch's record to the run's metrics."""
        append_line(self.place("metrics.jsonl"), json.dumps(asdict(record)))

    def write_weights(self, net: nn.Module) -> None:
        """Keep the net's weights as those of the best epoch so far."""
        self.write_tensors("weights.safetensors", weights_of(net), {})

    def write_state(self, state: TrainingState) -> None:
        """Keep where the training stands."""
        self.write_tensors("resume.safetensors", *state.pack())

    def read_state(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Where the training stood when it stopped; None when it had not begun.

        As the file has it: `training.state.start` checks that it is such a net's. Raises UserError where it is damaged.
        """
        path = self.state_path
        if not _is_there(path):
            return None
        tensors, metadata = read_tensors(path)
        return tensors, parse_json(metadata.get("record", ""), str(path))

    def write_unlike(self, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        """Keep what tells images unlike any that the net was trained on."""
        self.write_tensors("unlike.safetensors", tensors, record)

    def read_unlike(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """What tells images unlike any that the net was trained on; None when it was not kept.

        As the file has it: `features.unlike.unpack` checks that it fits. Raises UserError where it is damaged.
        """
        path = self.unlike_path
        if not _is_there(path):
            return None
        tensors, metadata = read_tensors(path, limit=UNLIKE_BYTES)
        return tensors, parse_json(metadata.get("record", ""), str(path))

    def forget_state(self) -> None:
        """Delete the training's state, which a finished run no longer needs and which is most of its size."""
        if self.is_finished:
            (self.path / "resume.safetensors").unlink(missing_ok=True)

    def let_go_of_weights(self) -> None:
        """Delete the weights, too, of a finished run whose report is written: its figures and pages stay.

        Whoever asks for its net afterwards is told how to train it again. One that is being trained again keeps them.
        """
        if not (self.is_finished and (self.path / "report.html").exists()):
            return
        with suppress(InUse), self.alone():
            if self.is_finished:
                self.forget_state()
                (self.path / "weights.safetensors").unlink(missing_ok=True)

    def begin_again(self) -> None:
        """Make a run whose weights were let go one that is still to be trained, under the same identity."""
        if self.is_finished and not self.has_weights:
            (self.path / "result.json").unlink(missing_ok=True)
            (self.path / "resume.safetensors").unlink(missing_ok=True)

    def write_evaluations(self, evaluations: dict[str, Evaluation]) -> None:
        """Keep all figures of the finished run."""
        self.write_record("evaluation.json", {name: asdict(value) for name, value in evaluations.items()})

    def write_result(self, result: RunResult) -> None:
        """Record that the run is finished, and its figures."""
        self.write_record("result.json", result.model_dump(mode="json"))

    def write_report(self, page: str) -> Path:
        """Keep the run's page; returns where."""
        return self.write("report.html", page.encode())

    def write_record(self, name: str, record: dict[str, Any]) -> None:
        """Write a record of the run as indented JSON."""
        self.write(name, _json(record))

    def write_tensors(self, name: str, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        """Write tensors of the run with a JSON record beside them."""
        self.write(name, safetensors.torch.save(tensors, metadata={"record": json.dumps(record)}))


def split_figures(evaluation: Evaluation) -> SplitFigures:
    """A split's figures without their details."""
    return SplitFigures(
        accuracy=evaluation.accuracy,
        loss=evaluation.loss,
        accuracy_interval=evaluation.accuracy_interval,
        images=evaluation.images,
    )


def data_record(data: ImageSet) -> DataRecord:
    """What a run keeps of the data it sees."""
    return DataRecord(
        name=data.name,
        sha256=data.sha256,
        source=data.source,
        split_note=data.split_note,
        classes=data.classes,
        image_shape=data.image_shape,
        images={name: len(data.split(name)) for name in ("train", "validation", "test")},
        mean=data.mean,
        std=data.std,
        preparation=data.preparation,
        notes=(*data.notes, *data.leaks),
        unpadded=data.unpadded,
        border=border_range(without_zeros(data.train.images, data.unpadded)),
    )


class HoldsRun(UserError):  # noqa: N818 - a state, not a fault
    """A folder where a run was to begin holds one."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} already holds a run; expected a new folder: choose another --out, or go on with it by --resume"
        )


def require_free(path: Path) -> None:
    """Raise UserError when a folder already holds a run (HoldsRun) or what is left of one, or is a file."""
    if (path / "config.json").exists():
        raise HoldsRun(path)
    left = [name for name in _OF_A_RUN if (path / name).exists()]
    if left:
        raise UserError(
            f"{path} holds files of a run without its config.json ({', '.join(left)}); expected a new folder: "
            "move them away, or choose another --out"
        )
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file; expected a folder for the run: choose another --out")


def create_run(path: Path, config: RunConfig) -> Run:
    """Make a folder for a run. Of several processes one makes it.

    Raises UserError when it cannot be written to; HoldsRun when it holds a run already, or since a moment ago.
    """
    require_free(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(path, error) from error
    try:
        with whole_file(path / "config.json", makes_folders=False, is_new=True) as file:
            file.write(_json(config.model_dump(mode="json")))
    except FileExistsError:
        raise HoldsRun(path) from None
    except OSError as error:
        raise disk_error(path, error) from error
    return Run(path, config)


def open_run(path: str | Path) -> Run:
    """Open a run folder, as `cnnlab train` makes one.

    Raises UserError when there is none, or when its config is damaged or may not be read.
    """
    path = Path(path)
    config_path = path / "config.json"
    try:
        config_path.stat()
    except (FileNotFoundError, NotADirectoryError):
        what = (
            "holds no run (no config.json)"
            if path.is_dir()
            else "is not a folder"
            if path.exists()
            else "does not exist"
        )
        raise UserError(f"{path} {what}; expected a run folder, as cnnlab train makes one: check the path") from None
    except OSError as error:
        raise unreadable(config_path, error) from None
    return Run(path, read_record(RunConfig, config_path))


def _is_there(path: Path) -> bool:
    """Whether there is something of that name; a link to where nobody may look leads to nothing."""
    return os.path.exists(path)


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write a record as indented JSON, whole or not at all. Raises UserError where a link leads out of its folder."""
    write_whole(place_in(path.parent, path.name), _json(record))


def _json(record: dict[str, Any]) -> bytes:
    return (strict_json(record, indent=2) + "\n").encode()

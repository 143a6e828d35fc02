"""A run's figures as TensorBoard reads them: the records of its folder, written out once more."""

from __future__ import annotations

import shutil
from typing import Any

from cnnlab.errors import UserError
from cnnlab.runs.folder import Run, RunResult
from cnnlab.training.loop import Epoch
from cnnlab.whole_files import disk_error


def require_tensorboard() -> None:
    """Raise UserError when the extra is not installed."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        raise UserError(
            "--tensorboard: TensorBoard is not installed; expected it beside cnnlab: pip install 'cnnlab[tensorboard]'"
        ) from None


class EventFiles:
    """The event files in a run's folder `tensorboard`, made anew from its records and kept up with them.

    Steps are epochs. Event files cannot be shortened, so that those of an earlier start are replaced: no step stands
    there twice. An event's time is when the run was made plus the seconds of training since then.
    """

    def __init__(self, run: Run) -> None:
        """Write what the run's folder holds. Raises UserError when the extra is not installed or the disk refuses."""
        require_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        self.run = run
        self.begun = (run.path / "config.json").stat().st_mtime
        folder = run.place("tensorboard")
        try:
            if folder.is_dir():  # of a pipe rmtree waits for a writer
                shutil.rmtree(folder, ignore_errors=True)
            self.writer = SummaryWriter(str(folder))
        except OSError as error:
            raise disk_error(folder, error) from error
        for record in run.epochs():
            self.epoch(record)
        if run.is_finished:
            self.finish(run.result())

    def epoch(self, record: Epoch) -> None:
        """Write an epoch's figures as one step of TensorBoard's event files."""
        figures = {
            "loss/training": record.training_loss,
            "loss/training_measured": record.remeasured_loss,
            "loss/validation": record.validation_loss,
            "accuracy/training": record.training_accuracy,
            "accuracy/training_measured": record.remeasured_accuracy,
            "accuracy/validation": record.validation_accuracy,
            "learning_rate": record.learning_rate,
        }
        for tag, value in figures.items():
            self.writer.add_scalar(tag, value, record.epoch, walltime=self.begun + record.train_time_s)
        self.writer.flush()

    def finish(self, result: RunResult) -> None:
        """Add the finished run's test figures and, as hyperparameters, what decided them."""
        from torch.utils.tensorboard.summary import hparams

        when = self.begun + result.train_time_s
        test = {f"test/{name}": getattr(result.test, name) for name in ("accuracy", "loss")}
        for tag, value in test.items():
            self.writer.add_scalar(tag, value, result.best_epoch, walltime=when)
        file = self.writer.file_writer
        assert file is not None  # until it is closed
        for summary in hparams(_decided(self.run), test):
            file.add_summary(summary, walltime=when)
        self.writer.close()


def _decided(run: Run) -> dict[str, bool | int | float | str]:
    """A run's config as flat names and values."""
    config = run.config
    named: dict[str, Any] = {"net": config.net.name, "data": config.data.name, "recipe": config.recipe}
    named |= {"seed": config.seed} | config.net.options | config.training.model_dump(exclude={"augmentation"})
    named |= config.training.augmentation.model_dump()
    return {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in named.items()
        if value is not None
    }

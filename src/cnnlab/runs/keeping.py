"""What a training leaves in its run folder on the way, so that a kill costs little and nothing good is lost."""

from __future__ import annotations

import time
from typing import Any

from torch import nn

from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.runs.environment import environment
from cnnlab.runs.folder import Run
from cnnlab.training.course import Course
from cnnlab.training.in_memory import divergence
from cnnlab.training.loop import Epoch
from cnnlab.training.state import start

#: Seconds of training that a kill can cost.
SAVE_INTERVAL_S = 30.0


class Keeper:
    """A run's training, started from where its folder stands, and the folder kept up with it.

    also: what its environment record says beside versions and machine.
    """

    def __init__(self, run: Run, net: nn.Module, **also: Any) -> None:
        self.run, self.training = run, run.config.training
        self.state = start(net, self.training, seed=run.config.seed, packed=run.read_state())
        run.write_environment(environment(self.state.device, self.state.dtype) | also)
        run.keep_epochs(self.state.position.epoch)
        self._write_state()

    @property
    def is_at_start(self) -> bool:
        """Whether no step has been made yet."""
        return self.state.position.epoch == self.state.position.step == 0

    def is_complete(self, data: ImageSet) -> bool:
        """Whether the training on these images has come to its end."""
        position, patience = self.state.position, self.training.patience
        is_stale = patience is not None and position.epoch - position.best_epoch >= patience
        return position.step == 0 and (is_stale or Course.of(self.training, data).is_over(position.epoch))

    def after_step(self) -> None:
        """Keep the state, if it was long ago that it was kept."""
        if time.monotonic() - self._last_saved >= SAVE_INTERVAL_S:
            self.keep_state()

    def after_epoch(self, record: Epoch) -> None:
        """Keep the epoch's record, its weights if they are the best so far, and the state."""
        self.run.write_epoch(record)
        if record.is_best:
            self.run.write_weights(self.state.net)
        self._write_state()

    def keep_state(self) -> None:
        """Keep the state, unless it is of no use any more."""
        if self.state.is_finite():
            self._write_state()

    def divergence(self) -> UserError:
        """What to tell the user when the training diverged; the folder keeps the last good state."""
        kept = self.state.position.best_epoch
        return UserError(
            divergence(self.training, self.state.position.epoch)
            + f"; {self.run.path} keeps "
            + (f"the net of epoch {kept}" if kept else "its start")
        )

    def _write_state(self) -> None:
        self.run.write_state(self.state)
        self._last_saved = time.monotonic()

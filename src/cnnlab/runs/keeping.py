"""What a training leaves in its run folder on the way, so that a kill costs little and nothing good is lost."""

from __future__ import annotations

import time

from torch import nn

from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.runs.agreement import require_position
from cnnlab.runs.environment import made_here
from cnnlab.runs.folder import Divergence, Run
from cnnlab.runs.identity import Identity, identity_of, require_same
from cnnlab.training.course import Course
from cnnlab.training.in_memory import divergence
from cnnlab.training.loop import Epoch
from cnnlab.training.state import start

#: Seconds of training that a kill can cost.
SAVE_INTERVAL_S = 30.0


class DivergedRun(UserError):  # noqa: N818 - the field's word
    """A run's loss became NaN or infinite, now or when it was trained before."""

    def __init__(self, run: Run, record: Divergence) -> None:
        kept = f"the net of epoch {record.kept_epoch}" if record.kept_epoch else "its start"
        super().__init__(f"{record.says}; {run.path} keeps {kept}")


class Keeper:
    """A run's training, started from where its folder stands, and the folder kept up with it.

    promised: the identity that the run is to be trained with; None: whatever it is here, by the ordinary loop.
    members: how many seeds begin together in one program. Raises UserError, and writes nothing, where the run was begun
    with another identity or would not get the one promised; DivergedRun where it diverged before.
    """

    def __init__(self, run: Run, net: nn.Module, promised: Identity | None = None, *, members: int = 1) -> None:
        self.run, self.training = run, run.config.training
        diverged = run.divergence()
        if diverged is not None:
            raise DivergedRun(run, diverged)
        here = identity_of(run.config, seeds_together=1 if promised is None else promised.seeds_together)
        begun = run.identity()
        for was in (begun, promised):
            if was is not None:
                require_same(run.path, was, here)
        self.state = start(
            net, self.training, seed=run.config.seed, packed=run.read_state(), packed_in=str(run.state_path)
        )
        require_position(run.state_path, self.state.position, run.epochs())
        if begun is None:
            together = members if members > 1 else None
            run.write_environment(made_here(here, self.state.device, trained_together=together))
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

    def divergence(self) -> DivergedRun:
        """Write down that the training diverged, and make what to tell the user; the last good state is kept."""
        position = self.state.position
        record = Divergence(
            epoch=position.epoch + 1,
            learning_rate=self.training.learning_rate,
            kept_epoch=position.best_epoch,
            says=divergence(self.training, position.epoch),
        )
        self.run.write_divergence(record)
        return DivergedRun(self.run, record)

    def _write_state(self) -> None:
        self.run.write_state(self.state)
        self._last_saved = time.monotonic()

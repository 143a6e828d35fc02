"""From the configs of runs that differ in their seeds to finished runs, trained together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from torch import nn

from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.one_writer import InUse
from cnnlab.runs.executing import finish
from cnnlab.runs.folder import Run, RunResult
from cnnlab.runs.identity import Identity
from cnnlab.runs.keeping import Keeper
from cnnlab.training.batched import fit_together
from cnnlab.training.loop import Diverged, Step
from cnnlab.training.state import TrainingState


def execute_together(
    members: Sequence[tuple[Run, nn.Module]],
    data: ImageSet,
    *,
    promised: Mapping[Path, Identity],
    on_step: Callable[[Run, Step], None] = lambda _run, _step: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Run, RunResult | UserError]]:
    """Train runs and their nets in one program; yield each one's figures, or why there are none.

    The runs differ in nothing but their seeds, none is finished, and all stand at the same step of the same epoch.
    Each folder comes to hold what `execute` would write; its environment says how many began together. promised: run's
    folder → the identity that it must be trained with. When `should_stop` ends it before, the folders hold where the
    trainings stand. Raises InUse, and writes nothing, where another process trains one of them, or has since they were
    found to stand at the same step.
    """
    with ExitStack() as alone:
        members = [(alone.enter_context(run.alone()), net) for run, net in members]
        _require_together([run for run, _ in members])
        keepers = [Keeper(run, net, promised[run.path], members=len(members)) for run, net in members]

        def of(state: TrainingState) -> Keeper:
            return next(keeper for keeper in keepers if keeper.state is state)

        def after_step(state: TrainingState, step: Step) -> None:
            keeper = of(state)
            on_step(keeper.run, step)
            keeper.after_step()

        states = [keeper.state for keeper in keepers]
        training = members[0][0].config.training
        for state, record in fit_together(states, data, training, on_step=after_step, should_stop=should_stop):
            keeper = of(state)
            if isinstance(record, Diverged):
                keepers.remove(keeper)
                yield keeper.run, keeper.divergence()
            else:
                keeper.after_epoch(record)
        for keeper in keepers:
            if keeper.is_complete(data):
                yield keeper.run, finish(keeper, data)
            else:
                keeper.keep_state()


def _require_together(runs: Sequence[Run]) -> None:
    """Raise InUse where runs do not stand at the same step: another process trained one of them a moment ago."""
    places = []
    for run in runs:
        state = run.read_state()
        position = {"epoch": 0, "step": 0} if state is None else state[1]["position"]
        places.append((position["epoch"], position["step"], run.is_finished, run.divergence() is not None))
    if len(set(places)) > 1 or places[0][2]:
        raise InUse(f"{runs[0].path} and others to be trained with it were being trained by another process")

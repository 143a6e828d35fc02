"""Which points of a space are tried, and in which order: all of them, or those that Optuna proposes."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from cnnlab.errors import UserError
from cnnlab.experiments.space import FieldValues, combinations
from cnnlab.runs.records import JOURNAL_BYTES, read_file

#: Points that Optuna proposes together, so that a pool has something to do. The same on every machine: figures that
#: come in one by one would make the proposals depend on how quick it is.
TOGETHER = 4


class Sampler(Protocol):
    """Proposes points by their names, and is told what they came to."""

    @property
    def size(self) -> int:
        """How many points it will propose in all."""
        ...

    def ask(self) -> list[str]:
        """The points to be tried next; none when it is done."""
        ...

    def tell(self, reached: Mapping[str, float]) -> None:
        """Say what the points asked for came to: validation accuracy (0–1)."""
        ...


class Grid:
    """The sampler that proposes all points of the grid at once."""

    def __init__(self, fields: Sequence[FieldValues]) -> None:
        self._names = list(combinations(fields))
        self.size = len(self._names)

    def ask(self) -> list[str]:
        """All points the first time, none after that."""
        names, self._names = self._names, []
        return names

    def tell(self, reached: Mapping[str, float]) -> None:
        """It does not matter to the grid."""


class Optuna:
    """Some of the points, by Optuna's tree-structured Parzen estimator, kept in a journal.

    A study that was stopped proposes the same points again as far as it had come, and then goes on as if it had not
    been: the sampler's seed is the number of proposals so far. Where the estimator proposes a point that was tried, a
    random other one is taken.

    Source: Bergstra et al. 2011, "Algorithms for hyper-parameter optimization"; Optuna's TPESampler.
    """

    def __init__(self, fields: Sequence[FieldValues], *, trials: int, journal: Path, key: object) -> None:
        """key: all that decides what a point comes to, besides its settings; plain values.

        Raises UserError where Optuna is not installed, where there are no more points than trials, and where the
        journal is damaged.
        """
        self._optuna = _import()
        self._points = combinations(fields)
        if trials >= len(self._points):
            raise UserError(
                f"--trials {trials}: the space has {len(self._points)} points; expected fewer trials than points: "
                "leave --sampler optuna out to try them all"
            )
        self.size = trials
        self._settings = {one.field: one.settings for one in fields}
        self._batches = 0
        journal.parent.mkdir(parents=True, exist_ok=True)
        said = json.dumps([key, self._settings], sort_keys=True)
        self._study = self._open(journal, hashlib.sha256(said.encode()).hexdigest()[:12])

    def _open(self, journal: Path, name: str) -> Any:
        storages = self._optuna.storages
        if os.path.lexists(journal):
            read_file(journal, limit=JOURNAL_BYTES)
        _cut_torn_line(journal)
        try:
            self._study = self._optuna.create_study(
                study_name=name,
                storage=storages.JournalStorage(storages.journal.JournalFileBackend(str(journal))),
                direction="maximize",
                load_if_exists=True,
            )
            for tried, trial in self._tried().items():
                if tried not in self._points or not isinstance(trial.user_attrs["batch"], int):
                    raise ValueError(f"{tried} is no point of this search")
        except Exception as error:  # Optuna takes its journal on trust, and raises whatever comes of that
            raise UserError(
                f"{journal} is damaged ({type(error).__name__}: {' '.join(str(error).split())[:200]}); expected the "
                "search's own journal: move it away, and the search begins anew"
            ) from error
        return self._study

    def ask(self) -> list[str]:
        """A few points at a time; first those of an earlier session, in its order."""
        batch, tried = self._batches, self._tried()
        self._batches += 1
        found = [name for name, trial in tried.items() if trial.user_attrs["batch"] == batch]
        if found:
            return found
        for _ in range(min(TOGETHER, self.size - len(tried))):
            found.append(self._ask_one(batch, {*tried, *found}))
        return found

    def tell(self, reached: Mapping[str, float]) -> None:
        """Give Optuna what it does not know yet."""
        for name, trial in self._tried().items():
            if name in reached and not trial.state.is_finished():
                self._study.tell(trial.number, reached[name])

    def _ask_one(self, batch: int, tried: set[str]) -> str:
        optuna = self._optuna
        proposals = len(self._study.get_trials(deepcopy=False))
        self._study.sampler = optuna.samplers.TPESampler(seed=proposals, constant_liar=True)
        choices = {
            field: optuna.distributions.CategoricalDistribution(values) for field, values in self._settings.items()
        }
        trial = self._study.ask(choices)
        if self._name(trial.params) in tried:
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
            name = random.Random(proposals).choice([name for name in self._points if name not in tried])
            self._study.enqueue_trial(dict(zip(self._settings, self._points[name], strict=True)))
            trial = self._study.ask(choices)
        trial.set_user_attr("batch", batch)
        return self._name(trial.params)

    def _tried(self) -> dict[str, Any]:
        trials = self._study.get_trials(deepcopy=False)
        return {self._name(trial.params): trial for trial in trials if "batch" in trial.user_attrs}

    def _name(self, settings: Mapping[str, Any]) -> str:
        return " ".join(settings[field] for field in self._settings)


def _cut_torn_line(journal: Path) -> None:
    """Cut a last line that a kill cut short, which Optuna would take for damage once another follows it."""
    with suppress(FileNotFoundError), journal.open("r+b") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)


def _import() -> Any:
    try:
        import optuna
    except ImportError:
        raise UserError(
            "--sampler optuna: Optuna is not installed; expected it beside cnnlab: pip install 'cnnlab[sweep]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna

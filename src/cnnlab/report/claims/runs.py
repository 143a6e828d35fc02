"""The runs that a claim rests on, seeds of one training together, with what sets the trainings apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any
from urllib.parse import quote

from cnnlab.config import RunConfig
from cnnlab.numbers import plain
from cnnlab.runs import Run


@dataclass(frozen=True)
class ClaimTraining:
    """A training and its seeds. changes: what it has that the others have not all. links: a seed and its report."""

    net: str
    data: str
    images: int
    epochs: float
    changes: str
    parameters: int
    test: float
    links: list[tuple[str, str]]


def claim_trainings(runs: Sequence[Run], links: Sequence[str]) -> list[ClaimTraining]:
    """Group runs by all of their config but the seed; links: each run's report, in the runs' order."""
    groups: dict[str, list[tuple[Run, str]]] = {}
    for run, link in zip(runs, links, strict=True):
        same = run.config.model_copy(update={"seed": 0}).model_dump_json()
        groups.setdefault(same, []).append((run, link))
    settings = [_settings(members[0][0].config) for members in groups.values()]
    found = []
    for members, own in zip(groups.values(), settings, strict=True):
        config = members[0][0].config
        differing = [
            f"{name.replace('_', ' ')} {plain(value)}"
            for name, value in own.items()
            if any(others.get(name, value) != value or name not in others for others in settings)
        ]
        results = [run.result() for run, _ in members]
        found.append(
            ClaimTraining(
                net=config.net.name,
                data=config.data.name,
                images=config.data.images["train"],
                epochs=config.training.epochs,
                changes=", ".join(differing),
                parameters=results[0].parameters,
                test=mean(result.test.accuracy for result in results),
                # Quoted: a link can only ever be a path below this page, whatever a run's folder is called.
                links=[(f"seed {run.config.seed}", quote(link)) for run, link in members],
            )
        )
    return found


def _settings(config: RunConfig) -> dict[str, Any]:
    training = config.training.model_dump(exclude={"augmentation", "epochs"})
    return {"recipe": config.recipe} | config.net.options | training | config.training.augmentation.model_dump()

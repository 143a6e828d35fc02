"""A lesson on small images made here, run once for all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch

from cnnlab.claims.laboratory import Laboratory
from cnnlab.cli.lesson_view import LessonView
from cnnlab.data import load
from cnnlab.experiments.compare import Comparison
from cnnlab.experiments.engines import InProcess
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.record import LessonRecord
from cnnlab.lesson.sizes import Amount, Sizes
from cnnlab.report.lesson.pages import LessonFacts
from cnnlab.workflows.lesson import SEED, Lesson

CLAIMS = ("output-size", "fewer-params", "dropout-mean", "pooling-cost")


class Counting(InProcess):
    """Trains, and remembers what."""

    def __init__(self) -> None:
        self.trained: list[Any] = []

    def train(self, jobs: Any, **options: Any) -> Any:
        self.trained += jobs
        return super().train(jobs, **options)


@contextmanager
def single_threaded() -> Iterator[None]:
    """Beside a busy neighbour two threads take five times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass
class Small:
    """A small lesson: run it as the command does, as often as one likes."""

    out: Path
    images: Path
    seeds: int = 2
    engine: Counting = field(default_factory=Counting)
    is_stopped: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        name = f"npz:{self.images}"
        self.sizes = Sizes(
            is_full=False,
            data=name,
            fashion=name,
            seeds=self.seeds,
            nets=Amount(None, 2),
            architectures=Amount(40, 1),
            regularisers=Amount(40, 2),
            best_cnn=Amount(80, 1),
            laboratory=Amount(60, 1),
            claims=CLAIMS,
        )
        self.data = load(name)
        laboratory = Laboratory(
            data=name,
            fashion=name,
            seeds=tuple(range(self.seeds)),
            train_size=self.sizes.laboratory.images,
            is_quick=True,
            epochs=self.sizes.laboratory.epochs,
            folder=self.out / "claims" / "runs",
            engine=self.engine,
            should_stop=lambda: self.is_stopped(),
        )
        self.lesson = Lesson(
            self.out, self.sizes, self.data, laboratory, LessonView(), is_stopped=lambda: self.is_stopped()
        )
        self.record = LessonRecord(self.out / "lesson.json", self.sizes, self.data, seed=SEED)

    def run(self) -> Evidence:
        """All parts, and the pages."""
        comparisons: dict[str, Comparison] = {}
        for name, part in {
            "trainings": self.lesson.train,
            "homework": lambda: comparisons.update(self.lesson.compare()),
            "explorers": self.lesson.explorers,
            "insides": self.lesson.insides,
            "claims": self.lesson.claims,
        }.items():
            # PyTorch's 100 steps of four nets take half a minute, and are held to a plain loop in tests of their own
            with self.record.part(name), patch("cnnlab.playground.page.proof", return_value=None):
                part()
            if name == "trainings":
                self._spare_reports()
        evidence = self.lesson.evidence(comparisons)
        facts = LessonFacts(self.record.made, "cnnlab lesson", SEED, dict(self.record.parts), self.record.environment)
        with self.record.part("pages"):
            self.lesson.pages(evidence, facts)
            self.lesson.tidy()
        return evidence

    def _spare_reports(self) -> None:
        """Half a second each, and looked at in tests of their own."""
        for run in (self.out / "claims" / "runs").iterdir():
            (run / "report.html").write_text("a report")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """For every test of the lesson, and for no other."""
    with single_threaded():
        yield


@pytest.fixture(scope="session")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An .npz of 16×16 images in four classes: an upright bar, a level one, both, neither."""
    random = np.random.default_rng(0)
    labels = np.tile(np.arange(4), 83)
    images = random.integers(0, 60, (len(labels), 16, 16))
    for image, label, place in zip(images, labels, random.integers(3, 12, (len(labels), 2)), strict=True):
        if label in (0, 2):
            image[2:14, place[0] : place[0] + 2] += 180
        if label in (1, 2):
            image[place[1] : place[1] + 2, 2:14] += 180
    path = tmp_path_factory.mktemp("bars") / "bars.npz"
    np.savez(path, images=images.clip(0, 255).astype(np.uint8), labels=labels)
    return path


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, bars: Path) -> Small:
    """The lesson, before or after it was run."""
    return Small(tmp_path_factory.mktemp("lesson") / "lesson", bars)


@pytest.fixture(scope="session")
def evidence(small: Small) -> Evidence:
    """What the lesson came to; its pages lie in `small.out`."""
    with single_threaded():
        return small.run()

"""Jobs with the most work are begun first, seed by seed."""

from __future__ import annotations

from dataclasses import dataclass, field

from cnnlab import load
from cnnlab.config import NetSpec
from cnnlab.experiments.compare import contestants
from cnnlab.experiments.engines import InProcess
from cnnlab.experiments.trainer import Trainer
from cnnlab.experiments.variants import VARIANTS, own_variant
from cnnlab.runs import open_run
from cnnlab.runs.plan import Plan

PLAN = Plan(net=NetSpec(name="mlp"), data="mnist-5k@100", epochs=1)


@dataclass
class Remembers(InProcess):
    """Trains nothing and knows what it was given, in order."""

    given: list = field(default_factory=list)

    def train(self, jobs, *, on_progress, should_stop):
        self.given += jobs
        return iter(())


def order(folder, settings, seeds):
    """Hidden units, epochs and seed of each job in the order in which they are given to an engine."""
    found = contestants(PLAN, [VARIANTS["baseline"], *map(own_variant, settings)], seeds, load)
    engine = Remembers()
    Trainer(folder, engine).train(found, later=0)
    configs = [open_run(job.path).config for job in engine.given]
    return [(config.net.options.get("hidden"), config.training.epochs, config.seed) for config in configs]


def test_of_each_seed_the_longest_runs_come_first(tmp_path):
    found = order(tmp_path, ["hidden=10", "hidden=300", "epochs=5"], (0, 1))
    # Five epochs of the plain net are more than one of the widest, which is more than one of the plain net.
    expected = [(None, 5), ((300,), 1), (None, 1), ((10,), 1)]
    assert found == [(*one, seed) for seed in (0, 1) for one in expected]


def test_equally_long_ones_stay_in_their_order(tmp_path):
    found = order(tmp_path, ["learning-rate=0.01", "weight-decay=0.1"], (3, 1))
    assert [seed for *_, seed in found] == [3, 3, 3, 1, 1, 1]

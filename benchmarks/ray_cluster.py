"""A cluster of two nodes, one of them killed, against this machine's processes. Writes results/ray.json.

    .venv/bin/python -m benchmarks.ray_cluster

SimpleCNN and the same without batch norm, by the lesson's recipe on mnist-5k@1000, two epochs, four seeds each: trained
by the engine `process`, then by Ray on two nodes with a core each on this machine. When two runs have come back and two
more are under way, the second node is killed, and Ray finishes on the first alone.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.experiments.compare import contestants, make_jobs, train_jobs
from cnnlab.experiments.engines import Processes
from cnnlab.experiments.engines.ray_cluster import RayCluster
from cnnlab.experiments.job import Job
from cnnlab.experiments.variants import VARIANTS
from cnnlab.runs import Run, open_run
from cnnlab.runs.plan import Plan

RESULTS = Path(__file__).parent.parent / "results" / "ray.json"
SEEDS = 4
VARIED = ("baseline", "no-batchnorm")
PLAN = Plan(net=NetSpec(name="simple-cnn"), data="mnist-5k@1000", epochs=2)


class Killer:
    """Kills a node when two runs have come back and two are under way, and counts the runs that are begun again."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.shares: dict[Job, float] = {}
        self.finished_before: int | None = None
        self.begun_again: set[Job] = set()

    def __call__(self, job: Job, share: float) -> None:
        """Look at a run's progress."""
        if share < self.shares.get(job, 0.0):
            self.begun_again.add(job)
        self.shares[job] = share
        finished = sum(one == 1 for one in self.shares.values())
        under_way = sum(0 < one < 1 for one in self.shares.values())
        if self.finished_before is None and finished >= 2 and under_way == 2:
            self.finished_before = finished
            (other,) = [node for node in self.cluster.list_all_nodes() if node is not self.cluster.head_node]
            self.cluster.remove_node(other, allow_graceful=False)


def main() -> None:
    """Train both ways, compare run for run, write the record."""
    with tempfile.TemporaryDirectory() as folder:
        here, there = (_jobs(Path(folder) / name) for name in ("process", "ray"))
        with closing(Processes(workers=2)) as engine:
            started = time.perf_counter()
            assert train_jobs(here, engine) == []
            process_s = time.perf_counter() - started
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        cluster.add_node(num_cpus=1)
        killer = Killer(cluster)
        try:
            with closing(RayCluster(cluster.address)) as engine:
                started = time.perf_counter()
                assert train_jobs(there, engine, on_progress=killer) == []
                ray_s = time.perf_counter() - started
        finally:
            cluster.shutdown()
        assert killer.finished_before is not None, "the node was never killed"
        pairs = [(open_run(one.path), open_run(other.path)) for one, other in zip(here, there, strict=True)]
        environment = pairs[0][1].environment().to_json()
        record = {
            "command": "python -m benchmarks.ray_cluster",
            "variants": list(VARIED),
            "seeds": SEEDS,
            "data": PLAN.data,
            "epochs": PLAN.epochs,
            "runs": len(pairs),
            "nodes": 2,
            "finished_before_the_kill": killer.finished_before,
            "begun_again": len(killer.begun_again),
            "largest_difference": max(largest_difference(one, other) for one, other in pairs),
            "figures_compared": sum(len(figures(one)) for one, _ in pairs),
            "equal_weights": sum(_weights(one) == _weights(other) for one, other in pairs),
            "seconds": {"process": process_s, "ray": ray_s},
            "environment": {name: environment[name] for name in ("cnnlab", "python", "torch", "device_name", "threads")}
            | {"ray": ray.__version__},
        }
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record, indent=2))


def figures(run: Run) -> list[float]:
    """All figures of a run that are no times: of every epoch, and of the best on validation and test."""
    epochs = [
        float(value)
        for epoch in run.epochs()
        for name, value in sorted(vars(epoch).items())
        if isinstance(value, int | float) and not name.endswith("time_s")
    ]
    result = run.result()
    splits = (result.validation, result.test)
    return epochs + [figure for split in splits for figure in (split.accuracy, split.loss)]


def largest_difference(one: Run, other: Run) -> float:
    """Of all figures of two runs."""
    return max(abs(a - b) for a, b in zip(figures(one), figures(other), strict=True))


def _weights(run: Run) -> dict[str, Any]:
    return {name: tensor.numpy().tobytes() for name, tensor in run.weights().items()}


def _jobs(folder: Path) -> Sequence[Job]:
    found = contestants(PLAN, [VARIANTS[name] for name in VARIED], range(SEEDS), load)
    jobs = make_jobs(found, folder, Processes(), data_root=None)  # a task has the identity of a process of its own
    return [job for one_seed in zip(*jobs.values(), strict=True) for job in one_seed]


if __name__ == "__main__":
    main()

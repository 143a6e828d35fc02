"""Runs on a cluster of two nodes: the figures of this machine's processes, and nothing lost with a node."""

from __future__ import annotations

import json
import os
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cnnlab import load
from cnnlab.config import NetSpec
from cnnlab.experiments.compare import contestants, make_jobs, train_jobs
from cnnlab.experiments.engines import Kind, Processes
from cnnlab.experiments.variants import VARIANTS, own_variant
from cnnlab.runs import open_run
from cnnlab.runs.plan import Plan

pytest.importorskip("ray", reason="Ray is not installed: pip install 'cnnlab[cluster]'")

from cnnlab.experiments.engines import ray_cluster
from cnnlab.experiments.engines.ray_cluster import RayCluster

pytestmark = [pytest.mark.slow, pytest.mark.long]  # a cluster takes minutes to start where cores are few

PLAN = Plan(net=NetSpec(name="simple-cnn"), data="mnist-5k@1000", epochs=4)


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with a core each; the driver joins the first."""
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()


@pytest.fixture
def engine(cluster):
    with closing(RayCluster(cluster.address)) as engine:
        yield engine


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The runs of `jobs_in`, trained by this machine's processes."""
    jobs = jobs_in(tmp_path_factory.mktemp("here"))
    with closing(Processes(workers=2)) as engine:
        assert train_jobs(jobs, engine) == []
    return {job.path.name: open_run(job.path) for job in jobs}


def jobs_in(folder, plan=PLAN, settings=("batch-norm=false",), seeds=(0, 1, 2)):
    variants = [VARIANTS["baseline"], *map(own_variant, settings)]
    found = contestants(plan, variants, seeds, load)
    return [job for jobs in make_jobs(found, folder, Processes(), data_root=None).values() for job in jobs]


def assert_equal(jobs, here):
    """Weights bit for bit, figures digit for digit; times alone may differ."""
    for job in jobs:
        there, run = open_run(job.path), here[job.path.name]
        for name, weight in run.weights().items():
            assert weight.numpy().tobytes() == there.weights()[name].numpy().tobytes(), name
        assert list(map(figures, there.epochs())) == list(map(figures, run.epochs()))
        assert there.evaluations() == run.evaluations()
        for split in ("validation", "test"):
            assert getattr(there.result(), split) == getattr(run.result(), split)
        assert there.result().run == str(job.path)
        assert there.test_openings() == 1


def figures(epoch):
    return {name: value for name, value in vars(epoch).items() if not name.endswith("time_s")}


def test_the_cluster_gives_the_figures_of_processes(tmp_path, engine, here):
    jobs = jobs_in(tmp_path)
    shares = {}
    assert train_jobs(jobs, engine, on_progress=shares.__setitem__) == []
    assert set(shares) == set(jobs)
    assert_equal(jobs, here)
    assert len({open_run(job.path).environment().ray_node for job in jobs}) == 2


def test_a_node_that_dies_costs_its_unfinished_runs_only(tmp_path, engine, cluster, here, capfd):
    jobs = jobs_in(tmp_path)
    (other,) = [node for node in cluster.list_all_nodes() if node is not cluster.head_node]
    shares, finished, begun_again = {}, {}, set()

    def on_progress(job, share):
        if share < shares.get(job, 0.0):
            begun_again.add(job)
        shares[job] = share
        if share == 1.0 and not cluster.died:
            finished[job] = (job.path / "result.json").stat().st_mtime_ns
        under_way = [one for one in shares.values() if 0 < one < 1]
        if finished and len(under_way) == 2 and not cluster.died:
            cluster.died = True
            cluster.remove_node(other, allow_graceful=False)

    cluster.died = False
    try:
        assert train_jobs(jobs, engine, on_progress=on_progress) == []
    finally:
        if cluster.died:
            cluster.add_node(num_cpus=1)
    assert cluster.died
    assert capfd.readouterr().out == ""  # Ray has much to say of it; stdout is for figures
    assert len(begun_again) == 1
    assert not begun_again & set(finished)
    for job, written in finished.items():
        assert (job.path / "result.json").stat().st_mtime_ns == written
    assert_equal(jobs, here)


def test_a_run_that_diverges_is_said_and_the_others_go_on(tmp_path, engine):
    jobs = jobs_in(tmp_path, settings=("learning-rate=1e30",), seeds=(0,))
    (error,) = train_jobs(jobs, engine)
    assert error.kind is Kind.DIVERGED
    assert "loss became NaN or infinite" in error.error
    assert f"{jobs[1].path} keeps" in error.error  # its folder here, not one on the node
    assert [job.is_finished for job in jobs] == [True, False]


def test_stopping_keeps_what_is_there_and_the_rest_goes_on(tmp_path, cluster):
    longer = PLAN.model_copy(
        update={"epochs": 12}
    )  # so long that a run which has just begun is not over before it hears of it
    jobs, alone = (jobs_in(tmp_path / place, plan=longer, seeds=(0, 1)) for place in ("cluster", "here"))
    shares, requests = {}, []

    def wants_to_stop():
        under_way = [share for job, share in shares.items() if not job.is_finished]
        if any(job.is_finished for job in jobs) and any(0 < share < 0.3 for share in under_way):
            requests.append(True)
        return bool(requests)

    with closing(RayCluster(cluster.address)) as engine:
        assert train_jobs(jobs, engine, on_progress=shares.__setitem__, should_stop=wants_to_stop) == []
    finished = [job for job in jobs if job.is_finished]
    begun = [job for job in jobs if not job.is_finished and (job.path / "resume.safetensors").exists()]
    assert finished
    assert begun
    assert len(finished) < len(jobs)
    written = {job: (job.path / "result.json").stat().st_mtime_ns for job in finished}

    firsts = {}
    with closing(RayCluster(cluster.address)) as engine:
        assert train_jobs(jobs, engine, on_progress=lambda job, share: firsts.setdefault(job, share)) == []
    assert not set(firsts) & set(finished)
    for job, when in written.items():
        assert (job.path / "result.json").stat().st_mtime_ns == when
    with closing(Processes(workers=2)) as engine:
        assert train_jobs(alone, engine) == []
    assert_equal(jobs, {job.path.name: open_run(job.path) for job in alone})


def test_a_node_needs_neither_the_images_nor_the_nets_file(tmp_path, engine, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names relative to here mean nothing where the nodes' workers run
    random = np.random.default_rng(0)
    sets = {
        f"x_{name}": random.integers(0, 256, (n, 8, 8), dtype=np.uint8) for name, n in (("train", 80), ("test", 20))
    }
    sets |= {f"y_{name}": np.arange(n) % 2 for name, n in (("train", 80), ("test", 20))}
    np.savez("pictures.npz", **sets)
    Path("own.py").write_text(
        "from torch import nn\n\n\nclass Tiny(nn.Sequential):\n"
        "    def __init__(self):\n        super().__init__(nn.Flatten(), nn.Linear(64, 2))\n"
    )
    jobs = jobs_in(
        tmp_path / "runs",
        plan=Plan(net=NetSpec(name="own.py:Tiny"), data="npz:pictures.npz", epochs=1),
        settings=("learning-rate=0.1",),
        seeds=(0,),
    )
    assert jobs[0].own_code == "own.py:Tiny"
    assert train_jobs(jobs, engine) == []
    assert [open_run(job.path).config.net.name for job in jobs] == ["own.py:Tiny"] * 2
    assert all(job.is_finished for job in jobs)


def test_a_node_with_other_versions_is_refused(tmp_path, engine, monkeypatch):
    here = ray_cluster.versions()
    monkeypatch.setattr(ray_cluster, "versions", lambda: here | {"torch": "1.0"})
    jobs = jobs_in(tmp_path, settings=("dropout=0.1",), seeds=(0,))
    errors = train_jobs(jobs, engine)
    assert len({one.error for one in errors}) == 1
    assert f"has torch {here['torch']}, but this machine 1.0" in errors[0].error
    assert not any((job.path / "environment.json").exists() for job in jobs)


def test_a_cluster_that_was_started_here_ends_and_leaves_nothing(tmp_path):
    folders, processes = _folders_of_tasks(), _ray_processes()
    jobs = jobs_in(tmp_path, plan=PLAN.model_copy(update={"epochs": 0.5}), settings=("dropout=0.1",), seeds=(0,))
    with closing(RayCluster()) as engine:
        assert train_jobs(jobs, engine) == []
        assert _ray_processes() - processes
    deadline = time.monotonic() + 15
    while _ray_processes() - processes and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _ray_processes() - processes
    assert not _folders_of_tasks() - folders
    assert {file.name for job in jobs for file in job.path.iterdir()} == {
        "config.json",
        "environment.json",
        "metrics.jsonl",
        "weights.safetensors",
        "resume.safetensors",
        "test-openings.jsonl",
        "evaluation.json",
        "result.json",
    }
    assert json.loads((jobs[0].path / "environment.json").read_text())["threads"] == 1


def _folders_of_tasks():
    return set(Path(tempfile.gettempdir()).glob("cnnlab-*"))


def _ray_processes():
    """Ray's servers that were started from this process and run."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                status, words = (folder / "status").read_text(), (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if f"PPid:\t{os.getpid()}\n" in status and Path(words[0].decode()).name in ("raylet", "gcs_server"):
                found.add(folder.name)
    return found

"""What is reused and compared is of one identity; what a net's own code raises is told once, by every engine alike."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from functools import partial

import pytest
import torch

from cnnlab import load
from cnnlab.config import DataRecord, NetSpec, RunConfig, Training
from cnnlab.errors import UserError
from cnnlab.experiments.compare import comparison, contestants, make_jobs, require_trained, train_jobs
from cnnlab.experiments.engines import Batched, InProcess, Kind, Processes
from cnnlab.experiments.engines.engine import Outcome, WorkerBug
from cnnlab.experiments.make_job import config_hash
from cnnlab.experiments.variants import VARIANTS, own_variant
from cnnlab.own_code import OwnCodeError
from cnnlab.runs import open_run
from cnnlab.runs.plan import Plan

PLAN = Plan(net=NetSpec(name="mlp"), data="mnist-5k@60", epochs=1)
NET = """
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(784, 10)
    def forward(self, x):
        if self.training and {when}:
            {does}
        return self.dense(x.flatten(1))
"""
ENGINES = {"here": InProcess, "process": partial(Processes, 1), "batched": Batched}


@pytest.fixture(params=ENGINES)
def engine(request):
    made = ENGINES[request.param]()
    yield made
    if isinstance(made, Processes):
        made.close()


def jobs_in(folder, engine, plan=PLAN, seeds=(0, 1)):
    found = contestants(plan, [VARIANTS["baseline"], own_variant("optimizer=sgd")], seeds, load)
    jobs = make_jobs(found, folder, engine, data_root=None)
    return found, jobs, [job for one_seed in zip(*jobs.values(), strict=True) for job in one_seed]


def own(tmp_path, monkeypatch, does="pass", when="True"):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(NET.format(does=does, when=when))
    return PLAN.model_copy(update={"net": NetSpec(name="mine.py:Net")})


@pytest.fixture
def two_threads():
    """This process's, whatever it was started with: with one, `here` trains as `process` does."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_engines_that_train_otherwise_never_share_runs(tmp_path):
    names = {name: {job.path.name for job in jobs_in(tmp_path, make())[2]} for name, make in ENGINES.items()}
    assert len(set().union(*names.values())) == 3 * 4
    again = {job.path.name for job in jobs_in(tmp_path, Processes(workers=2))[2]}
    assert again == names["process"], "how many workers there are decides no figure"


@pytest.mark.slow
def test_a_workers_run_has_the_identity_that_its_folders_name_promised(tmp_path):
    with closing(Processes(1)) as engine:
        _, _, (job, *_) = jobs_in(tmp_path, engine)
        assert train_jobs([job], engine) == []
    assert open_run(job.path).identity() == job.identity
    assert job.identity.threads == 1


def test_edited_code_is_another_run_and_code_put_back_the_first_one(tmp_path, monkeypatch):
    plan = own(tmp_path, monkeypatch)
    text = (tmp_path / "mine.py").read_text()
    names = []
    for each in (text, text.replace("784, 10", "784, 10, bias=False"), text):
        (tmp_path / "mine.py").write_text(each)
        names.append([job.path.name for job in jobs_in(tmp_path / "runs", InProcess(), plan)[2]])
    assert names[0] == names[2]
    assert not set(names[0]) & set(names[1])


def test_code_edited_while_jobs_wait_is_refused(tmp_path, monkeypatch, engine):
    plan = own(tmp_path, monkeypatch)
    _, _, queue = jobs_in(tmp_path / "runs", engine, plan)
    (tmp_path / "mine.py").write_text(NET.format(does="x = 2 * x", when="True"))
    wrong = train_jobs(queue, engine)
    assert {one.kind for one in wrong} == {Kind.REFUSED}
    assert "made with mine.py SHA-256" in wrong[0].error
    assert not any((job.path / "environment.json").exists() for job in queue)


def test_a_found_run_that_is_not_what_its_name_promises_is_refused_with_every_field(tmp_path):
    _, _, queue = jobs_in(tmp_path, InProcess())
    train_jobs(queue[:1], InProcess())
    run = open_run(queue[0].path)
    run.write_environment(run.environment().model_copy(update={"torch": "1.13.0", "cnnlab": "0.0.1"}))
    with pytest.raises(UserError, match=r"made with cnnlab 0\.0\.1 \(here .*\), torch 1\.13\.0 \(here .*\); expected"):
        jobs_in(tmp_path, InProcess())


def test_a_mixture_of_identities_is_not_compared_and_one_of_machines_is_said(tmp_path):
    found, jobs, queue = jobs_in(tmp_path, InProcess())
    train_jobs(queue, InProcess())
    compared = comparison(found, jobs)
    assert compared.warnings == ()
    assert [one["runs"] for one in compared.to_json()["environments"]] == [4]
    run = open_run(queue[-1].path)
    record = run.environment()
    run.write_environment(record.model_copy(update={"python": "2.7.18"}))
    (warning,) = comparison(found, jobs).warnings
    assert "differ in Python" in warning
    assert "2.7.18 (1 run)" in warning
    for field, other in (("numpy", "1.0"), ("threads", 77), ("precision", "bfloat16")):
        run.write_environment(record.model_copy(update={field: other}))
        with pytest.raises(UserError, match=rf"made with {field} {other} \(here"):
            comparison(found, jobs)


def test_a_variant_may_say_another_precision(tmp_path):
    found = contestants(PLAN, [VARIANTS["baseline"], own_variant("precision=bf16")], (0,), load)
    jobs = make_jobs(found, tmp_path, InProcess(), data_root=None)
    assert train_jobs([job for one in jobs.values() for job in one], InProcess()) == []
    assert len(comparison(found, jobs).environments) == 2


def test_a_net_that_raises_is_told_once_and_no_other_seed_is_tried(tmp_path, monkeypatch, engine):
    late = "__import__('os').path.exists('queued')"  # the first step is tried before there are jobs
    plan = own(tmp_path, monkeypatch, "open('tried', 'a').write('x'); raise ValueError('my mistake')", late)
    _, _, queue = jobs_in(tmp_path / "runs", engine, plan, seeds=(0, 1, 2))
    (tmp_path / "queued").touch()
    with pytest.raises(OwnCodeError) as told:
        require_trained(train_jobs(queue, engine))
    assert str(told.value).startswith("mine.py, line 9: ValueError: my mistake")
    # Batched has tried before whether seeds can go together.
    assert len((tmp_path / "tried").read_text()) <= (3 if isinstance(engine, Batched) else 1)


def test_a_run_that_diverged_is_not_trained_again(tmp_path, engine):
    plan = PLAN.with_changes(learning_rate=1e30)
    _, _, queue = jobs_in(tmp_path, engine, plan)
    first = train_jobs(queue, engine)
    assert {one.kind for one in first} == {Kind.DIVERGED}

    class NoEngine(InProcess):
        def train(self, jobs, **_):
            assert list(jobs) == []
            return iter(())

    again = train_jobs(queue, NoEngine())
    assert sorted(one.error for one in again) == sorted(one.error for one in first)
    require_trained(again, may_diverge=True)
    with pytest.raises(UserError, match="NaN or infinite"):
        require_trained(again)


def test_a_text_that_only_sounds_like_divergence_is_none(tmp_path):
    _, _, (job, *_) = jobs_in(tmp_path, InProcess())
    outcome = Outcome(job, Kind.REFUSED, error="NaN or infinite disk space")
    with pytest.raises(UserError, match="disk space"):
        require_trained([outcome], may_diverge=True)


@pytest.mark.slow
def test_a_bug_in_a_worker_stays_a_bug(tmp_path):
    _, _, (job, *_) = jobs_in(tmp_path, Processes(1))
    job = dataclasses.replace(job, identity="no identity")
    with pytest.raises(WorkerBug, match=r"(?s)in a worker, with .*Traceback.*AttributeError"):
        train_jobs([job], Processes(1))


@pytest.mark.parametrize(
    "command",
    [
        ("train", "mine.py:Net", "--epochs", 1, "--out", "run"),
        ("find-lr", "mine.py:Net"),
        ("compare", "sgd", "--net", "mine.py:Net", "--seeds", 2, "--epochs", 1, "--engine", "process", "--out", "c"),
        ("sweep", "--net", "mine.py:Net", "--set", "learning-rate=0.1", "0.2", "--engine", "here", "--out", "s"),
    ],
    ids=lambda command: command[0],
)
def test_every_command_tells_a_students_mistake_in_one_line(tmp_path, monkeypatch, cnnlab, command):
    own(tmp_path, monkeypatch, "raise KeyError('weights')")
    code, _, said = cnnlab(*command, "--data", "mnist-5k@60")
    assert code == 2, said
    assert said.strip().splitlines()[-1].startswith("cnnlab: mine.py, line 9: KeyError: 'weights'; raised by your own")
    assert said.count("KeyError") == 1


def test_a_run_of_an_earlier_version_is_found_again():
    data = DataRecord(
        name="mnist-5k",
        sha256="0" * 64,
        source="s",
        split_note="n",
        classes=("a", "b"),
        image_shape=(1, 28, 28),
        images={"train": 10, "validation": 5, "test": 5},
        mean=(0.1,),
        std=(0.3,),
        preparation="digit",
    )
    config = RunConfig(net=NetSpec(name="mlp"), data=data, recipe="lesson", training=Training(), seed=3)
    assert config_hash(config) == "eeb3f3313353", "a field that came later belongs out of it at its first value"
    balanced = config.model_copy(update={"training": Training(balance="weights")})
    assert config_hash(balanced) != config_hash(config)

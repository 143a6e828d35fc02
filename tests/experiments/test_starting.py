"""Workers are forked from a server that has loaded everything and started nothing; where that cannot be, anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from multiprocessing import Pipe, active_children
from pathlib import Path

import pytest

from cnnlab import load
from cnnlab.config import NetSpec
from cnnlab.experiments.compare import contestants, make_jobs, train_jobs
from cnnlab.experiments.engines import Processes, starting
from cnnlab.experiments.variants import VARIANTS
from cnnlab.runs import open_run
from cnnlab.runs.plan import Plan

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are spawned here")

SOURCES = Path(starting.__file__).parents[3]


@pytest.fixture
def works_again():
    """What a test made fail does so for it alone."""
    yield
    starting._has_failed = False


def ask(target):
    """What a function says in a worker's process."""
    ours, theirs = Pipe()
    process = starting.start(target, theirs, name="asked")
    theirs.close()
    assert ours.poll(60)
    said = ours.recv()
    process.join(10)
    assert process.exitcode == 0
    return said


def tell_state(pipe):
    loaded = "cnnlab.experiments.train_job" in sys.modules and "cnnlab.training.compiled" in sys.modules
    torch, numba_threads = sys.modules["torch"], sys.modules["numba.np.ufunc.parallel"]
    pipe.send(
        {
            "loaded": loaded,
            "threads": len(os.listdir("/proc/self/task")),
            "launched": numba_threads._is_initialized,
            "cuda": torch.cuda.is_initialized(),
            "environment": dict(os.environ),
            "path": sys.path,
            "folder": os.getcwd(),
            "parent": os.getppid(),
            "drawn": sys.modules["numpy"].random.random(),
        }
    )


def tell_loops(pipe):
    import torch

    from cnnlab.nets import SimpleCNN
    from cnnlab.training.execution import quick_view
    from cnnlab.training.fused import loops, numba_version
    from cnnlab.training.state import lay_out

    torch.set_num_threads(2)  # as nobody does, to see threads launched in a fork
    torch.manual_seed(0)
    net, x = SimpleCNN(dropout=0.0), torch.randn(4, 1, 28, 28)
    lay_out(net, torch.channels_last)
    quick_view(net)(x).sum().backward()
    gradient = next(net.parameters()).grad
    assert gradient is not None
    pipe.send((loops() is not None, numba_version(), gradient.numpy()))


def test_a_worker_starts_with_everything_loaded_and_nothing_started(monkeypatch):
    pytest.importorskip("numba")
    starting.load_ahead()
    monkeypatch.setenv("SAID_LATER", "than the server was started")
    said, other = ask(tell_state), ask(tell_state)
    assert said["loaded"]
    assert (said["threads"], said["launched"], said["cuda"]) == (1, False, False)
    assert said["environment"] == dict(os.environ)
    assert [place for place in said["path"] if place] == [place for place in sys.path if place]
    assert said["folder"] == os.getcwd()
    assert said["parent"] == other["parent"] != os.getpid()  # the server's
    assert said["drawn"] != other["drawn"]


@pytest.mark.slow
def test_loops_run_in_a_worker_with_threads_of_its_own(monkeypatch):
    pytest.importorskip("numba")
    has_loops, version, gradient = ask(tell_loops)
    monkeypatch.setattr(starting, "_has_failed", True)
    other_has_loops, other_version, other = ask(tell_loops)  # spawned
    assert has_loops == other_has_loops is True
    assert version == other_version
    assert (gradient == other).all()


def test_the_server_is_not_used_where_it_would_find_another_cnnlab(tmp_path, monkeypatch):
    assert starting.is_served()
    (tmp_path / "cnnlab").mkdir()
    (tmp_path / "cnnlab" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert not starting.is_served()


def tell_parent(pipe):
    pipe.send(os.getppid())


@pytest.mark.slow
def test_a_server_that_was_killed_is_done_without(monkeypatch, works_again):
    server = ask(tell_parent)
    assert server != os.getpid()
    os.kill(server, signal.SIGKILL)
    monkeypatch.setattr("multiprocessing.forkserver.ensure_running", lambda: None)  # it is not seen in time
    assert ask(tell_parent) == os.getpid()
    assert not starting.is_served()


def run_alone(code, **options):
    """Python code in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(SOURCES)}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, **options)


@pytest.mark.slow
def test_a_server_with_threads_ends_before_it_is_forked():
    for begun, code in (("", 0), ("threading.Thread(target=threading.Event().wait, daemon=True).start()", 1)):
        found = run_alone(f"""
            import os, threading
            {begun}
            os.environ |= {{"CNNLAB_LOADED_FOR": str(os.getppid()), "OPENBLAS_NUM_THREADS": "1"}}
            import cnnlab.experiments.engines.loaded
        """)
        assert found.returncode == code, found.stderr


def test_a_server_that_loads_ends_with_its_parent():
    """What is left of a command that has ended would keep its output open."""
    started = time.monotonic()
    found = run_alone("""
        import os, time
        from cnnlab.experiments.engines import starting
        starting.load_ahead()
        time.sleep(0.3)
        os._exit(7)
    """)
    assert found.returncode == 7
    assert not found.stderr
    assert time.monotonic() - started < 3


@pytest.mark.slow
def test_no_module_is_taken_from_the_current_folder(tmp_path):
    for name in ("random", "socket", "torch", "numpy", "selectors"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'was imported')!r}, 'w')")
    found = run_alone(
        """
        import sys
        sys.path = [place for place in sys.path if place]  # as the command line has it
        from cnnlab.experiments.engines import starting
        assert starting.is_served()
        process = starting.start(print, "hello", name="greets")
        process.join()
        assert process.exitcode == 0
        """,
        cwd=tmp_path,
    )
    assert (found.returncode, found.stdout) == (0, "hello\n"), found.stderr
    assert not (tmp_path / "was imported").exists()


def jobs_in(folder, *, epochs=1.0, seeds=range(4), net="simple-cnn"):
    plan = Plan(net=NetSpec(name=net), data="mnist-5k@500", epochs=epochs)
    (found,) = contestants(plan, [VARIANTS["baseline"]], seeds, load)
    return make_jobs([found], folder, Processes(workers=2), data_root=None)["baseline"]


def figures(jobs):
    """Of each run what it is called and all that it came to, but for times."""
    return [
        (
            job.path.name,
            [(one.training_loss, one.remeasured_loss, one.validation_loss) for one in open_run(job.path).epochs()],
            open_run(job.path).result().test,
        )
        for job in jobs
    ]


@pytest.mark.slow
def test_forked_workers_come_to_the_figures_of_spawned_ones(tmp_path, monkeypatch):
    forked, spawned = jobs_in(tmp_path / "forked"), jobs_in(tmp_path / "spawned")
    engine = Processes(workers=2)
    assert train_jobs(forked, engine) == []
    engine.close()
    monkeypatch.setattr(starting, "_has_failed", True)
    assert train_jobs(spawned, engine) == []
    engine.close()
    assert figures(forked) == figures(spawned)


def test_a_paused_worker_holds_up_no_other_job(tmp_path):
    jobs, plain = jobs_in(tmp_path / "paused", net="mlp"), jobs_in(tmp_path / "plain", net="mlp")
    engine = Processes(workers=2)
    train_jobs(plain[:2], engine)
    first, _ = (child.pid for child in active_children() if child.name == "cnnlab worker")
    assert first is not None
    os.kill(first, signal.SIGSTOP)  # it has been given nothing yet
    done = []
    try:
        for outcome in engine.train(jobs, on_progress=lambda *_: None, should_stop=lambda: False):
            done.append(outcome.job)
            if len(done) == len(jobs) - 1:
                assert [job.is_finished for job in jobs].count(True) == len(jobs) - 1
                os.kill(first, signal.SIGCONT)
    finally:
        os.kill(first, signal.SIGCONT)
        engine.close()
    assert sorted(job.path for job in done) == sorted(job.path for job in jobs)
    engine = Processes(workers=2)
    train_jobs(plain, engine)
    engine.close()
    assert figures(jobs) == figures(plain)

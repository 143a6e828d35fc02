from __future__ import annotations

import argparse
import ast
import gzip
import importlib
import json
import struct
import subprocess
import sys
import time
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks.peers import __main__ as driver
from benchmarks.peers import watch as watching
from benchmarks.peers.figures import OURS, TARGETS, behind_sentence, how_much_better, rows_of, time_to
from benchmarks.peers.watch import MEAN, STD, VALIDATION, Mnist, Watch

from cnnlab.bench.stock import StockDataset
from cnnlab.data.imageset import Split
from cnnlab.errors import UserError

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = sorted(peer.script for peer in driver.PEERS)
PARAMETERS = 421_834  # lesson 3, "Putting It Together"


def attempts(*accuracies: float, epoch_s: float = 10.0) -> dict[str, Any]:
    """A peer's epochs, each of which takes as long."""
    return {
        "seed": 0,
        "first_epoch_s": epoch_s + 3,
        "ended": "epochs",
        "attempts": [
            {"epochs": i, "time_s": epoch_s * i, "accuracy": accuracy} for i, accuracy in enumerate(accuracies, 1)
        ],
    }


def turns(*rates: float, first_s: float = 2.0, peak: int = 500, rate_held_up: float = 0.05) -> list[dict[str, Any]]:
    held_up = {"start": 0.0, "rate": rate_held_up}
    return [
        {
            "images_per_s": rate,
            "first_step_s": first_s,
            "peak_bytes": peak,
            "images_per_processor_s": rate / 2,
            "first_step_processor_s": first_s,
            "held_up": held_up,
        }
        for rate in rates
    ]


def row(rows: list[dict[str, Any]], begin: str) -> dict[str, Any]:
    (found,) = [each for each in rows if each["name"].startswith(begin)]
    return found


def test_the_time_to_a_target_is_that_of_the_first_epoch_measured_at_it():
    training = attempts(0.984, 0.9899, 0.9921, 0.9915)
    assert time_to(0.985, training) == 20
    assert time_to(0.99, training) == 30
    assert time_to(0.992, training) == 30
    assert time_to(0.994, training) == float("inf")


def test_lengths_of_a_schedule_are_trainings_of_their_own():
    tried = [(1, 8.0, 0.992), (0.4, 3.0, 0.986), (0.7, 5.0, 0.9893), (2, 15.0, 0.9943)]
    training = {"attempts": [{"epochs": e, "time_s": s, "accuracy": a} for e, s, a in tried]}
    assert [time_to(target, training) for target in TARGETS] == [3.0, 8.0, 8.0, 15.0]


def test_ratios_are_the_median_of_the_rounds_own():
    # A drift that hits both: 100 against 300, 10 against 20, 50 against 250.
    assert how_much_better({0: 300, 1: 20, 2: 250}, {0: 100, 1: 10, 2: 50}, more_is_better=True) == 3
    assert how_much_better({0: 2.0, 1: 4.0}, {0: 1.0, 1: 2.0}, more_is_better=False) == 0.5
    # A round that one of both does not have is left out; without a common one it is the medians'.
    assert how_much_better({0: 300, 1: 20, 2: 250}, {1: 10}, more_is_better=True) == 2
    assert how_much_better({0: 300, 2: 250}, {1: 10}, more_is_better=True) == 27.5


def test_one_of_two_seeds_that_never_got_there_is_no_never():
    # A peer got there with one of two seeds, 3 × as slowly; then neither did but ours in one.
    assert how_much_better({0: 1.0, 1: 1.0}, {0: 3.0, 1: inf}, more_is_better=False) == 3
    assert how_much_better({0: 1.0, 1: inf}, {0: inf, 1: 2.0}, more_is_better=False) == 0
    assert how_much_better({0: 1.0, 1: 1.0}, {0: inf, 1: inf}, more_is_better=False) == inf


def test_a_round_in_which_others_had_the_cores_does_not_count():
    peers = {
        "A": {"turns": [*turns(100, 110), *turns(3, rate_held_up=0.4)], "trainings": []},
        "B": {"turns": turns(5, 6, 7, rate_held_up=0.2), "trainings": []},
        OURS: {"turns": turns(400, 550, 20), "trainings": []},
    }
    rate, first = (row(rows_of(peers), name) for name in ("rate of", "from the command to the first step"))
    assert rate["peers"]["A"] == {"values": [100, 110], "median": 105, "n": 2}
    assert rate["ratios"] == {"A": 4.5}
    assert [found["n"] for found in first["peers"].values()] == [3, 3, 3]


def test_rows_say_medians_ratios_and_where_cnnlab_is_behind():
    peers = {
        "A": {"turns": turns(100, 120, 110), "trainings": [attempts(0.98, 0.9945)]},
        "B": {"turns": turns(50, 50, 50, first_s=0.5, peak=250), "trainings": [attempts(0.98, 0.981)]},
        OURS: {"turns": turns(400, 600, 330, peak=400), "trainings": [attempts(0.99, 0.9921, epoch_s=5)]},
    }
    rows = rows_of(peers)
    rate = row(rows, "rate of")
    assert {name: found["median"] for name, found in rate["peers"].items()} == {"A": 110, "B": 50, OURS: 400}
    assert rate["ratios"] == {"A": 4, "B": 8}
    assert rate["behind"] == []
    assert row(rows, "rate by")["ratios"] == {"A": 4, "B": 8}
    assert row(rows, "from the command to the first step")["behind"] == [{"peer": "B", "times": 4}]
    assert row(rows, "peak memory")["behind"] == [{"peer": "B", "times": 1.6}]
    to_98_5, to_99_4 = row(rows, "training time to 98.5 %"), row(rows, "training time to 99.4 %")
    assert to_98_5["ratios"] == {"A": 4, "B": None}
    assert to_98_5["peers"]["B"] == {"values": [None], "median": None, "n": 1}
    assert to_99_4["behind"] == [{"peer": "A", "times": None}]
    assert to_99_4["level"] == ["B"]
    said = behind_sentence(rows)
    assert said.startswith(
        "Where cnnlab fast is not ahead: from the command to the first step: behind B by 4.00 ×, level with A; "
    )
    assert "peak memory in training: behind B by 1.60 ×" in said
    assert "to 99.4 % test accuracy: behind A, which alone got there, level with B" in said


def test_cnnlab_s_other_recipe_is_no_peer_that_it_is_behind():
    peers = {
        "A": {"turns": turns(100), "trainings": []},
        OURS: {"turns": turns(400, first_s=1, peak=400), "trainings": []},
        "cnnlab lesson": {"turns": turns(500, first_s=0.5, peak=300), "trainings": []},
    }
    rows = rows_of(peers)
    assert [each["name"].split()[0] for each in rows] == [
        "rate",
        "rate",
        "from",
        "processor",
        "peak",
    ]  # what was not measured has none
    assert behind_sentence(rows) == "cnnlab fast is ahead of all 1 peers in all 5 rows."
    peers["B"] = {"turns": turns(100, rate_held_up=0.4), "trainings": []}
    said = behind_sentence(rows_of(peers))
    assert said == "cnnlab fast is ahead of each of 2 peers in all rows that it was measured for."


def test_a_training_that_others_held_up_is_told():
    held, quiet = attempts(0.98, 0.99), attempts(0.98, 0.99)
    longest = max(each["time_s"] for each in held["attempts"])
    held["held_up_s"], quiet["held_up_s"] = 0.3 * longest, 0.1 * longest  # of two threads: 15 and 5 %
    peers = {"A": {"turns": [], "trainings": [held]}, "B": {"turns": [], "trainings": [quiet]}}
    (note,) = driver.notes_of({"peers": peers, "threads": 2})
    assert note.startswith(f"A: other programs had the cores for up to {0.3 * longest:,.0f} s of one core while seed 0")
    twice = {"A": {"turns": [], "trainings": [held, held | {"seed": 3}]}}
    (note, remark) = driver.notes_of({"peers": twice, "threads": 2, "remarks": ["Read by nobody"]})
    assert "while seeds 0, 3 were trained" in note
    assert remark == "Read by nobody"


def test_a_seed_in_the_middle_counts_never_as_the_longest():
    seeds = [attempts(0.99), attempts(0.9, 0.9), attempts(0.9, 0.99, epoch_s=20)]
    peers = {OURS: {"turns": [], "trainings": [each | {"seed": seed} for seed, each in enumerate(seeds)]}}
    found = row(rows_of(peers), "training time to 98.5 %")["peers"][OURS]
    assert found == {"values": [10, None, 40], "median": 40, "n": 3}


def test_lines_of_a_training():
    ready = {"event": "ready"}
    trained = [{"event": "trained", "epoch": i, "after_s": 12.0 * i} for i in (1, 2)]
    measured = [
        {"event": "measured", "epochs": i, "time_s": 10.0 * i, "accuracy": a} for i, a in ((1, 0.99), (2, 0.9951))
    ]
    assert driver.training_of([ready, trained[0], measured[0], trained[1], measured[1]]) == {
        "first_epoch_s": 12.0,
        "ended": "target",
        "held_up_s": None,
        "attempts": [{name: each[name] for name in ("epochs", "time_s", "accuracy")} for each in measured],
    }
    assert driver.training_of([ready, trained[0], measured[0]])["ended"] == "epochs"
    cut = driver.training_of([ready, {"event": "cut"}])
    assert [driver.training_of([{"event": "ready", "held_up_s": 0.5}])["held_up_s"], cut["held_up_s"]] == [0.5, None]
    assert (cut["ended"], cut["first_epoch_s"], cut["attempts"]) == ("seconds", None, [])


FAKE = """
import json, os, sys, time
def tell(event, **what):
    print(json.dumps({"event": event} | what | {"peak_bytes": 1000, "held_up_s": 0.0, "processor_s": 1.0}), flush=True)
kind, arguments = sys.argv[1], sys.argv[2:]
nth = os.path.exists(os.environ["CALLS"]) and open(os.environ["CALLS"]).read().count(kind)
waits = {"crowded": [0.9, 0.5, 0.02], "busy": [0.9, 0.3, 0.6, 0.4]}
rate = {"images": 640 + nth * (kind in waits), "time_s": 2.0, "images_per_processor_s": 160.0}
rate |= {"held_up": waits[kind][nth] if kind in waits else 0.0}
with open(os.environ["CALLS"], "a") as calls: calls.write(f"{kind} {'--seconds' in arguments}\\n")
print("a library's own words")
if kind == "broken": sys.exit("no such thing")
tell("ready", parameters=421834 + (kind == "wider"), batch_size=64, precision="fp32", versions={"fake": "1"})
tell("first step")
if "--seconds" in arguments: tell("rate", **rate); sys.exit()
if kind == "slow": time.sleep(60)
tell("trained", epoch=1)
tell("measured", epochs=1, time_s=8.0, accuracy=0.27 if kind == "numb" else 0.9941)
"""


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """Peers that are scripts of a few lines; what runs them, and the calls so far."""
    folder = tmp_path / "benchmarks" / "peers"
    folder.mkdir(parents=True)
    (folder / "fake.py").write_text(FAKE)
    monkeypatch.setattr(driver, "ROOT", tmp_path)
    monkeypatch.setattr(driver, "_keep_to_cores", lambda threads: None)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    record = tmp_path / "peers.json"

    def run(*kinds: str, **changes: Any) -> dict[str, Any]:
        given = {
            "rounds": 2,
            "seconds": 1.0,
            "waiting": "passive",
            "seeds": 1,
            "epochs": 3,
            "most_seconds": 20.0,
            "threads": 1,
        }
        given |= {"data": tmp_path, "images": None, "keep": False, "out": record} | changes
        peers = [driver.Peer(kind, "fake", None, "a fake", (kind,)) for kind in kinds]
        driver.measure(argparse.Namespace(**given), peers)
        return json.loads(record.read_text())

    return run, lambda: (tmp_path / "calls").read_text().split("\n")[:-1]


def test_peers_take_turns_and_one_that_fails_is_noted(fakes):
    run, calls = fakes
    record = run("quick", "broken", rounds=2)
    # A run of each before the first that counts, then rounds, then seeds.
    assert calls() == ["quick True"] * 2 + ["broken True"] * 2 + ["quick True", "quick False"]
    quick, broken = record["peers"]["quick"], record["peers"]["broken"]
    assert [each["images_per_s"] for each in quick["turns"]] == [320, 320]
    assert quick["versions"] == {"fake": "1"}
    assert quick["trainings"][0]["ended"] == "target"
    assert 0 < quick["trainings"][0]["first_epoch_s"] < 20
    assert broken["turns"] == []
    assert run("wider")["notes"][0].endswith("its net has 421,835 parameters; expected 421,834")
    assert record["notes"] == ["broken was not measured to its end: exit code 1: no such thing"]


def test_a_peer_that_does_not_learn_is_no_figure_of_its_library(fakes):
    run, _ = fakes
    record = run("numb", seeds=2)
    assert record["peers"]["numb"]["trainings"] == []
    assert "answers 27.0% of the test images rightly; expected 90%" in record["peers"]["numb"]["failed"]
    few = run("numb", images=100)
    assert [each["attempts"][0]["accuracy"] for each in few["peers"]["numb"]["trainings"]] == [0.27]


def test_a_record_is_gone_on_with(fakes):
    run, calls = fakes
    run("quick", rounds=1, seeds=0)
    before = len(calls())
    record = run("quick", "other", rounds=2, seeds=1, keep=True)
    assert calls()[before:] == ["other True", "other True", "quick True", "other True", "quick False", "other False"]
    assert [len(found["turns"]) for found in record["peers"].values()] == [2, 2]
    with pytest.raises(UserError, match=r"measured otherwise \(seconds\)"):
        run("quick", seconds=9.0, keep=True)
    assert len(run("quick", rounds=1, seeds=0)["peers"]["quick"]["turns"]) == 1


def test_a_turn_in_which_others_had_the_cores_is_taken_again(fakes):
    run, _ = fakes
    # The first call of each does not count.
    record = run("crowded", "busy", rounds=1, seeds=0)
    (crowded,), (busy,) = (record["peers"][kind]["turns"] for kind in ("crowded", "busy"))
    assert (crowded["images_per_s"], crowded["held_up"]["rate"], crowded["tries"]) == (642 / 2, 0.02, 2)
    assert (busy["images_per_s"], busy["held_up"]["rate"], busy["tries"]) == (641 / 2, 0.3, 3)
    assert busy["held_up"]["start"] == 0
    (note,) = record["notes"]
    assert note.startswith(
        "busy: other programs had the cores for up to 30% of the start or the rate of 1 of its 1 turns"
    )


def test_a_peer_that_takes_too_long_is_cut(fakes):
    run, _ = fakes
    record = run("slow", rounds=1, most_seconds=1.0)
    (training,) = record["peers"]["slow"]["trainings"]
    assert (training["ended"], training["attempts"]) == ("seconds", [])


def test_a_rate_is_that_of_the_window_in_which_others_had_the_cores_least(monkeypatch, capsys):
    # A step takes a second; of windows of 3 s the first is held up by 2 s, the second by 1 s, the third not at all.
    now, held = [100.0], [5.0]
    monkeypatch.setattr(watching.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(watching.time, "process_time", lambda: 2 * now[0])
    monkeypatch.setattr(watching, "_held_up_s", lambda: held[0])
    given = {"data": ".", "images": None, "seed": 0, "epochs": 1, "target": 2.0, "seconds": 3.0, "threads": 1}
    watch = Watch(argparse.Namespace(**given))
    waits = [0.0] * 6 + [1.0, 1.0, 0.0] + [0.0, 1.0, 0.0] + [0.0] * 3
    for number, wait in enumerate(waits):
        now[0] += 1
        held[0] += wait
        # Steps that come later have more images, so that windows can be told apart.
        if is_over := watch.step(10 * number):
            break
    assert is_over
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["first step", "rate"]
    assert (lines[1]["windows"], lines[1]["held_up"], lines[1]["time_s"]) == (3, 0, 3)
    assert lines[1]["images_per_processor_s"] == sum(10 * each for each in range(number - 8, number + 1)) / 18
    begin = number - 2
    assert lines[1]["images"] == sum(10 * each for each in range(begin, number + 1))


BUSY = "import time\nwhile time.process_time() < 0.5: pass"


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="Linux alone says how busy its cores are")
def test_what_others_compute_makes_the_cores_busy():
    before = watching.busy_s()
    subprocess.run([sys.executable, "-c", BUSY], check=True)
    assert watching.busy_s() - before > 0.4


def test_seconds_of_the_cores_that_were_not_one_s_own_are_others(monkeypatch):
    monkeypatch.setattr(watching, "busy_s", lambda: 1100.0)
    monkeypatch.delenv(watching.BUSY_BEFORE, raising=False)
    assert watching._held_up_s() is None
    monkeypatch.setenv(watching.BUSY_BEFORE, "100")
    others, own_s = watching._held_up_s(), time.process_time()
    subprocess.run([sys.executable, "-c", BUSY], check=True)  # a child that has ended is one's own
    own_s = time.process_time() - own_s
    assert 0.45 < others - watching._held_up_s() - own_s < 30
    monkeypatch.setenv(watching.BUSY_BEFORE, "1100")
    assert watching._held_up_s() == 0


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def digits(tmp_path):
    """Four idx files, two of them packed, with 128 images beside those for validation."""
    draw = np.random.default_rng(0)
    arrays = {}
    for name, count in (("train", VALIDATION + 128), ("t10k", 64)):
        arrays[f"{name}-images-idx3-ubyte"] = draw.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[f"{name}-labels-idx1-ubyte"] = draw.integers(0, 10, count, dtype=np.uint8)
    for name, array in arrays.items():
        if "images" in name:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx(array), 1))
        else:
            (tmp_path / name).write_bytes(idx(array))
    return tmp_path, arrays


def test_the_images_are_the_files_without_validation_s(digits):
    folder, arrays = digits
    read = Mnist.read(folder)
    assert (read.images == arrays["train-images-idx3-ubyte"][:128]).all()
    assert (read.labels == arrays["train-labels-idx1-ubyte"][:128]).all()
    assert (read.test_images == arrays["t10k-images-idx3-ubyte"]).all()
    assert [len(each) for each in vars(Mnist.read(folder, 10)).values()] == [10] * 4


@pytest.mark.parametrize("script", [*SCRIPTS, "watch", "figures"])
def test_scripts_compile_and_know_nothing_of_cnnlab(script):
    tree = ast.parse((ROOT / "benchmarks" / "peers" / f"{script}.py").read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert ("cnnlab" in imported) == (script == "with_cnnlab")


@pytest.mark.parametrize(
    ("library", "script", "make"),
    [
        ("torch", "stock", lambda module: module.SimpleCNN()),
        ("lightning", "with_lightning", lambda module: module.SimpleCNN()),
        ("keras", "with_keras", lambda module: module.simple_cnn()),
        ("flax", "with_flax", lambda module: module.SimpleCNN(rngs=module.nnx.Rngs(0))),
        ("tinygrad", "with_tinygrad", lambda module: module.simple_cnn()),
    ],
)
def test_every_peer_s_net_is_the_lesson_s(library, script, make):
    pytest.importorskip(library)
    module = importlib.import_module(f"benchmarks.peers.{script}")
    net = make(module)
    count = module.parameters(net) if hasattr(module, "parameters") else sum(each.numel() for each in net.parameters())
    assert count == PARAMETERS


def test_the_stock_peer_makes_the_bench_s_samples():
    stock = importlib.import_module("benchmarks.peers.stock")
    draw = np.random.default_rng(1)
    images, labels = draw.integers(0, 256, (3, 28, 28), dtype=np.uint8), np.array([3, 1, 4], np.uint8)
    split = Split(torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels.astype(np.int64)))
    for (x, y), (ours, label) in zip(stock.MNIST(images, labels), StockDataset(split, (MEAN,), (STD,)), strict=False):
        assert torch.equal(x, ours)
        assert y == label


def test_a_peer_s_lines(digits):
    folder, _ = digits
    command = [
        sys.executable,
        "-m",
        "benchmarks.peers.stock",
        "--data",
        str(folder),
        "--epochs",
        "2",
        "--threads",
        "1",
        "--images",
        "64",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["ready", "first step", "trained", "measured", "trained", "measured"]
    assert lines[0]["parameters"] == PARAMETERS
    assert lines[3]["epochs"] == 1
    assert 0 < lines[3]["time_s"] < lines[5]["time_s"]
    assert lines[-1]["accuracy"] * 64 == pytest.approx(round(lines[-1]["accuracy"] * 64))


def test_every_environment_has_its_requirements_pinned():
    wanted = {peer.environment for peer in driver.PEERS} - {None}
    assert {path.stem for path in driver.REQUIREMENTS.glob("*.txt")} == wanted
    constraints = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
    for name in wanted:
        for line in (driver.REQUIREMENTS / f"{name}.txt").read_text().split():
            package, _, number = line.partition("==")
            assert number, f"{name}: {line} is not pinned"
            assert constraints.get(package, number) == number, f"{name}: {line}"

"""Peers by turns, each in an environment of its own; writes results/peers.json.

    python -m benchmarks.peers --setup                      # once: the environments, some gigabytes
    python -m benchmarks.peers [--rounds N] [--seeds N] [--peers NAME…] [--keep]

Every process has as many cores and threads. A round runs each peer for a few seconds, in a new process that finds its
modules compiled: the time from the command to the first step, then the rate, and the memory; a turn in which others
had the cores is taken again, whatever it came to. After the rounds each seed
trains each peer in turn until it has the highest target on the test split, or epochs or seconds are over. The record is
written after every turn; `--keep` goes on with one that was broken off.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.figures import CNNLAB, HELD_UP, TARGETS, behind_sentence, rows_of
from benchmarks.peers.watch import BUSY_BEFORE, busy_s

from cnnlab.errors import UserError
from cnnlab.whole_files import write_whole

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "results" / "peers.json"
REQUIREMENTS = Path(__file__).parent / "requirements"
ENVIRONMENTS = Path(__file__).parent / "environments"

#: Learned by the lesson's SimpleCNN.
PARAMETERS = 421_834

#: A turn in whose start or rate others had the cores for more than HELD_UP of it is taken again, at most so often.
TRIES = 3

PARTS = ("start", "rate")

#: Test accuracy (0–1) that the worst of these has after an epoch of all images: below it a script does not do its work.
LEAST_AFTER_AN_EPOCH = 0.9

#: Seconds that a process may take to its rate: compilers are slow on a busy machine.
LONGEST_TURN_S = 240.0


@dataclass(frozen=True)
class Peer:
    """A script and the environment that it runs in, None for the one that this runs in; `how` says what it does."""

    name: str
    script: str
    environment: str | None
    how: str
    arguments: tuple[str, ...] = ()

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        if self.environment is None:
            return Path(sys.executable)
        folder = ENVIRONMENTS / self.environment
        return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


PEERS = (
    Peer("stock notebook", "stock", "stock", "PyTorch: a DataLoader of PIL images, as `cnnlab bench` has it"),
    Peer("Lightning", "with_lightning", "lightning", "a LightningModule and a Trainer, images in a TensorDataset"),
    Peer("Keras, torch", "with_keras", "keras-torch", "compile and fit on arrays in memory", ("--backend", "torch")),
    Peer("Keras, JAX", "with_keras", "keras-jax", "the same, compiled by JAX", ("--backend", "jax")),
    Peer("Flax", "with_flax", "flax", "nnx and Optax: a jitted step on arrays in memory"),
    Peer("tinygrad", "with_tinygrad", "tinygrad", "a TinyJit step on tensors in memory, kernels by clang"),
    Peer(CNNLAB[0], "with_cnnlab", None, "the recipe `fast`", ("--recipe", "fast")),
    Peer(CNNLAB[1], "with_cnnlab", None, "the recipe `lesson`", ("--recipe", "lesson")),
)


class PeerFailed(Exception):  # noqa: N818 - says what happened
    """A peer's process did not come to what it was run for; the message says how it ended."""


def main() -> None:
    """Make the environments, or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [peer.name for peer in PEERS]
    parser.add_argument("--setup", action="store_true", help="make the peers' environments, then end")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of training that a round's rate is taken over")
    parser.add_argument("--seeds", type=int, default=5, help="seeds that are trained to the targets; 0: none")
    parser.add_argument("--epochs", type=int, default=10, help="most epochs to the targets")
    parser.add_argument("--most-seconds", type=float, default=900.0, help="most seconds of a process to the targets")
    parser.add_argument("--peers", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--waiting",
        choices=("as they choose", "passive"),
        default="as they choose",
        help="how OpenMP's threads wait: on a busy machine, spinning ones take minutes for seconds of work",
    )
    parser.add_argument("--data", type=Path, help="folder with MNIST's four idx files")
    parser.add_argument("--images", type=int, help="take that many alone, to try this out")
    parser.add_argument("--keep", action="store_true", help="go on with the record that is there")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    peers = [peer for peer in PEERS if peer.name in given.peers]
    try:
        if given.setup:
            set_up(peers)
        else:
            measure(given, peers)
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


def set_up(peers: Sequence[Peer]) -> None:
    """Make the peers' environments as their requirements have them; one that stands already is left alone."""
    for name in sorted({peer.environment for peer in peers if peer.environment is not None}):
        wanted = REQUIREMENTS / f"{name}.txt"
        ready, tag = ENVIRONMENTS / name / "ready", hashlib.sha256(wanted.read_bytes()).hexdigest()
        if ready.exists() and ready.read_text() == tag:
            print(f"{name}: is there")
            continue
        shutil.rmtree(ENVIRONMENTS / name, ignore_errors=True)
        venv.create(ENVIRONMENTS / name, with_pip=True)
        python = next(peer.python for peer in peers if peer.environment == name)
        # The project's constraints keep torch at the version that its CPU wheel has: others bring gigabytes of CUDA.
        pip = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt")]
        if subprocess.run([*pip, "--requirement", str(wanted)]).returncode:
            raise UserError(f"{name}: pip could not install {wanted.relative_to(ROOT)}; see its messages above")
        ready.write_text(tag)
        print(f"{name}: made", flush=True)


def measure(given: argparse.Namespace, peers: Sequence[Peer]) -> None:
    """Run what is missing of the record, turn by turn, and write it after each."""
    here = _conditions(given)
    record = _record_to_go_on_with(given.out, here) if given.keep else _new_record(here)
    _keep_to_cores(given.threads)
    for peer in peers:
        found = record["peers"].setdefault(peer.name, {"how": peer.how, "turns": [], "trainings": []})
        found.pop("failed", None)

    def take(what: str, peer: Peer, kind: str, run: Callable[[], dict[str, Any]]) -> None:
        found = record["peers"][peer.name]
        try:
            result = run()
            ready = result.pop("ready")
            if any(found.get(name, value) != value for name, value in ready.items()):
                raise PeerFailed(f"it is another than before: {ready}; leave out --keep to begin anew")
            found |= ready
            found[kind].append(result)
            print(f"{what}, {peer.name}: {_in_short(result)}", flush=True)
        except PeerFailed as failure:
            found["failed"] = str(failure)
            print(f"{what}, {peer.name} failed: {failure}", flush=True)
        _write(given.out, record)

    is_new = {peer.name: not record["peers"][peer.name]["turns"] for peer in peers}
    for number in range(given.rounds):
        for peer in peers:
            found = record["peers"][peer.name]
            if len(found["turns"]) > number or "failed" in found:
                continue
            if is_new.pop(peer.name, False):  # what is compiled once is compiled before the first turn that counts
                with suppress(PeerFailed):  # the turn that counts says so
                    _one_turn(peer, here, data=given.data, seed=0)
            run = lambda peer=peer, number=number: turn(peer, here, data=given.data, seed=number)  # noqa: E731
            take(f"round {number + 1}", peer, "turns", run)
    for seed in range(given.seeds):
        for peer in peers:
            found = record["peers"][peer.name]
            if len(found["trainings"]) > seed or "failed" in found:
                continue
            run = lambda peer=peer, seed=seed: training(peer, here, data=given.data, seed=seed)  # noqa: E731
            take(f"seed {seed}", peer, "trainings", run)
    _write(given.out, record)
    print(record["behind"])


def turn(peer: Peer, here: dict[str, Any], *, data: Path, seed: int) -> dict[str, Any]:
    """A round of one peer: of several tries, the start and the rate that others held up least. Raises PeerFailed."""
    tries = []
    while len(tries) < TRIES and (not tries or max(_best(tries, part)["held_up"] for part in PARTS) > HELD_UP):
        tries.append(_one_turn(peer, here, data=data, seed=seed))
    start, rate = (_best(tries, part) for part in PARTS)
    return {
        "ready": tries[0]["ready"],
        "first_step_s": start["first_step_s"],
        "images_per_s": rate["images_per_s"],
        "images_per_processor_s": rate["images_per_processor_s"],
        "first_step_processor_s": start["processor_s"],
        "peak_bytes": rate["peak_bytes"],
        "held_up": {"start": start["held_up"], "rate": rate["held_up"]},
        "tries": len(tries),
    }


def _best(tries: Sequence[dict[str, Any]], part: str) -> dict[str, Any]:
    return min((each[part] for each in tries), key=lambda each: each["held_up"])


def _one_turn(peer: Peer, here: dict[str, Any], *, data: Path, seed: int) -> dict[str, Any]:
    lines = list(_lines(peer, here, data, seed, ["--seconds", str(here["seconds"])], LONGEST_TURN_S))
    ready, first, rate = _only(lines, "ready"), _only(lines, "first step"), _only(lines, "rate")
    held_up = (first["held_up_s"] or 0.0) / (here["threads"] * first["after_s"])
    return {
        "ready": _told(ready),
        "start": {
            "first_step_s": first["after_s"],
            "processor_s": first["processor_s"],
            "held_up": held_up,
        },
        "rate": {
            "images_per_s": rate["images"] / rate["time_s"],
            "images_per_processor_s": rate["images_per_processor_s"],
            "peak_bytes": rate["peak_bytes"],
            "held_up": rate["held_up"],
        },
    }


def training(peer: Peer, here: dict[str, Any], *, data: Path, seed: int) -> dict[str, Any]:
    """A seed of one peer, to the targets. Raises PeerFailed."""
    wanted = ["--epochs", str(here["most_epochs"]), "--target", str(max(TARGETS))]
    lines = list(_lines(peer, here, data, seed, wanted, here["most_seconds"], may_be_cut=True))
    found = training_of(lines)
    if here["images"] is None:
        _must_have_learned(found["attempts"])
    return {"ready": _told(_only(lines, "ready")), "seed": seed} | found


def _must_have_learned(attempts: Sequence[dict[str, Any]]) -> None:
    """Raises PeerFailed where whole epochs left the net near chance: that tells of the script, not of the library."""
    for each in attempts:
        if each["epochs"] >= 1 and each["accuracy"] < LEAST_AFTER_AN_EPOCH:
            raise PeerFailed(
                f"after {each['epochs']:g} epochs its net answers {each['accuracy']:.1%} of the test images rightly; "
                f"expected {LEAST_AFTER_AN_EPOCH:.0%} at the least: look at its script"
            )


def training_of(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a peer's lines say of its way to the targets."""
    attempts = [
        {name: line[name] for name in ("epochs", "time_s", "accuracy")} for line in lines if line["event"] == "measured"
    ]
    first = next((line for line in lines if line["event"] == "trained"), None)
    reached = any(each["accuracy"] >= max(TARGETS) for each in attempts)
    is_cut = any(line["event"] == "cut" for line in lines)
    return {
        "first_epoch_s": None if first is None else first["after_s"],
        "ended": "target" if reached else "seconds" if is_cut else "epochs",
        "held_up_s": next((line["held_up_s"] for line in reversed(lines) if "held_up_s" in line), None),
        "attempts": attempts,
    }


def _only(lines: Sequence[dict[str, Any]], event: str) -> dict[str, Any]:
    found = next((line for line in lines if line["event"] == event), None)
    if found is None:
        raise PeerFailed(f"it ended without the line `{event}`")
    return found


def _told(ready: dict[str, Any]) -> dict[str, Any]:
    if ready["parameters"] != PARAMETERS:
        raise PeerFailed(f"its net has {ready['parameters']:,} parameters; expected {PARAMETERS:,}")
    return {name: ready[name] for name in ("parameters", "batch_size", "precision", "versions")}


def _lines(
    peer: Peer,
    here: dict[str, Any],
    data: Path,
    seed: int,
    wanted: Sequence[str],
    most_s: float,
    *,
    may_be_cut: bool = False,
) -> Iterator[dict[str, Any]]:
    """A peer's lines, each with `after_s`, seconds from the command; `cut` at last where seconds were over."""
    if not peer.python.exists():
        raise PeerFailed("its environment is not there: python -m benchmarks.peers --setup")
    command = [str(peer.python), "-m", f"benchmarks.peers.{peer.script}", *peer.arguments, *wanted]
    command += ["--data", str(data.resolve()), "--seed", str(seed), "--threads", str(here["threads"])]
    command += [] if here["images"] is None else ["--images", str(here["images"])]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=_environment(peer, here), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    said: list[str] = []
    errors = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    errors.start()
    is_cut = threading.Event()
    timer = threading.Timer(most_s, lambda: (is_cut.set(), process.kill()))
    timer.start()
    try:
        for line in process.stdout or ():
            if line.startswith("{"):  # libraries print, too
                yield json.loads(line) | {"after_s": time.perf_counter() - started}
        code = process.wait()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        errors.join()
    if is_cut.is_set() and may_be_cut:
        yield {"event": "cut"}
    elif is_cut.is_set():
        raise PeerFailed(f"it had not come to its rate after {most_s:g} s")
    elif code:
        raise PeerFailed(f"exit code {code}: {next((line.strip() for line in reversed(said) if line.strip()), '')}")


def _environment(peer: Peer, here: dict[str, Any]) -> dict[str, str]:
    """The environment variables of a peer's process: as many threads for all, nothing of this project's for others."""
    ours = ("OMP_", "GOMP_", "KMP_", "MKL_", "PYTHON", "XLA_", "JAX_", "KERAS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {"OMP_NUM_THREADS": str(here["threads"]), "CUDA_VISIBLE_DEVICES": ""}
    if here["waiting"] == "passive":
        environment |= {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
    environment[BUSY_BEFORE] = str(busy_s() or "")
    if peer.environment is None:
        return environment | {"PYTHONPATH": str(ROOT / "src")}
    return environment | {"KERAS_HOME": str(ENVIRONMENTS / "keras"), "JAX_PLATFORMS": "cpu"}


def _keep_to_cores(threads: int) -> None:
    """This process, and those that it starts, run on as many cores as they have threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _conditions(given: argparse.Namespace) -> dict[str, Any]:
    """What must be equal for turns to stand in one record; `given.data` is found where it was not said."""
    if given.data is None:
        from cnnlab.data.known import KNOWN
        from cnnlab.data.places import search

        found = search(KNOWN["mnist"]).found
        if found is None:
            raise UserError("MNIST is not on this machine; expected its four idx files: --data FOLDER")
        given.data = found.folder
    from cnnlab.runs.environment import environment
    from cnnlab.training.machine import resolve_device, resolve_precision

    device = resolve_device("cpu")
    of_this = environment(device, resolve_precision("auto", device)).to_json(of_a_run=False)
    return {
        "command": "python -m benchmarks.peers",
        "environment": {name: of_this[name] for name in ("device_name", "cores", "system", "python", "cnnlab")},
        "data": "mnist",
        "images": given.images,
        "threads": given.threads,
        "waiting": given.waiting,
        "seconds": given.seconds,
        "most_epochs": given.epochs,
        "most_seconds": given.most_seconds,
        "targets": list(TARGETS),
    }


def _new_record(here: dict[str, Any]) -> dict[str, Any]:
    return {**here, "peers": {}}


def _record_to_go_on_with(path: Path, here: dict[str, Any]) -> dict[str, Any]:
    if not path.exists():
        return _new_record(here)
    record = json.loads(path.read_text())
    other = [name for name, value in here.items() if record.get(name) != value]
    if other:
        raise UserError(
            f"{path} was measured otherwise ({', '.join(other)}); expected the same for turns of one record: leave "
            "out --keep to begin anew"
        )
    return record


def _write(path: Path, record: dict[str, Any]) -> None:
    record["rows"] = rows_of(record["peers"])
    record["behind"] = behind_sentence(record["rows"])
    record["notes"] = notes_of(record)
    write_whole(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())


def notes_of(record: dict[str, Any]) -> list[str]:
    """What a reader of the figures has to know besides: who failed, whom others held up, and the record's remarks."""
    failed, in_turns, in_trainings = [], [], []
    for name, found in record["peers"].items():
        if "failed" in found:
            failed.append(f"{name} was not measured to its end: {found['failed']}")
        turns = found["turns"]
        held = [worst for turn in turns if (worst := max(turn["held_up"].values())) > HELD_UP]
        if held:
            in_turns.append(
                f"{name}: other programs had the cores for up to {max(held):.0%} of the start or the rate of "
                f"{len(held)} of its {len(turns)} turns: what was held up is in the record and does not count"
            )
        held_up = {}
        for each in found["trainings"]:
            trained_s = max((one["time_s"] for one in each["attempts"]), default=0.0)
            waited = each["held_up_s"] or 0.0
            if waited > HELD_UP * record["threads"] * trained_s:
                held_up[each["seed"]] = waited
        if held_up:
            seeds = ", ".join(map(str, held_up))
            in_trainings.append(
                f"{name}: other programs had the cores for up to {max(held_up.values()):,.0f} s of one core while "
                f"seed{'s' * (len(held_up) > 1)} {seeds} {'were' if len(held_up) > 1 else 'was'} trained, whose times "
                "count as they are"
            )
    return [*failed, *in_turns, *in_trainings, *record.get("remarks", [])]


def _in_short(result: dict[str, Any]) -> str:
    if "images_per_s" in result:
        return (
            f"{result['images_per_s']:,.0f} images/s, first step after {result['first_step_s']:.1f} s, "
            f"held up {' and '.join(f'{share:.0%}' for share in result['held_up'].values())}, tries {result['tries']}"
        )
    attempts = ", ".join(f"{each['epochs']:g}: {each['accuracy']:.2%}" for each in result["attempts"])
    return f"ended by {result['ended']}; {attempts}"


if __name__ == "__main__":
    main()

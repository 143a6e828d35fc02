"""Inputs made wrong, read one by one in this process: each ends in a result or a UserError, soon, in little memory."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import math
import resource
import signal
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from tests.trust.readers import readers

from cnnlab.errors import UserError

#: Seconds and megabytes that one small input may take.
LONGEST_S, MOST_MB = 10.0, 700


class TooLong(BaseException):
    """No `except Exception` takes it."""


def fuzz(folder: Path, *, inputs: int, seed: int, keep: Path) -> dict[str, Any]:
    """Read `inputs` inputs over all readers, or a few more.

    Returns counts by reader and outcome; `others` names each input that ended in anything but a result or a UserError,
    and the file below `keep` that holds it. Sets limits of the process while it runs.
    """
    faulthandler.enable()
    table = readers(folder)
    for reader in table.values():  # loads what is loaded once, and shows that the seeds are valid
        for content in reader.seeds:
            with contextlib.suppress(UserError):
                reader.read(content)
    total = sum(reader.share for reader in table.values())
    counts: dict[str, dict[str, Any]] = {}
    others = []
    started = time.monotonic()
    with _limited_memory():
        for name, reader in table.items():
            draw, outcomes, slowest = Random(f"{seed} {name}"), Counter[str](), 0.0
            begun = time.monotonic()
            for number in range(max(3, math.ceil(inputs * reader.share / total))):
                content = reader.mutate(draw, reader.seeds)
                outcome, took = outcome_of(reader.read, content)
                slowest = max(slowest, took)
                outcomes[outcome if outcome in ("result", "UserError") else "other"] += 1
                if outcome not in ("result", "UserError"):
                    keep.mkdir(parents=True, exist_ok=True)
                    file = keep / f"{name.replace(' ', '-').replace('/', '-')}-{number}"
                    file.write_bytes(content)
                    others.append({"reader": name, "input": file.name, "outcome": outcome})
                    print(others[-1], flush=True)
            counts[name] = dict(outcomes) | {
                "slowest_s": round(slowest, 3),
                "time_s": round(time.monotonic() - begun, 1),
            }
    return {
        "inputs": sum(of.get(kind, 0) for of in counts.values() for kind in ("result", "UserError", "other")),
        "seed": seed,
        "readers": counts,
        "others": others,
        "peak_mb": round(_peak_mb()),
        "read_s": round(time.monotonic() - started, 1),
    }


def outcome_of(read: Callable[[bytes], object], content: bytes, *, longest_s: float = LONGEST_S) -> tuple[str, float]:
    """What reading comes to, in a word, and the seconds it took."""
    before, started = _peak_mb(), time.monotonic()
    faulthandler.dump_traceback_later(12 * longest_s, exit=True)
    try:
        with _at_most(longest_s), warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            read(content)
        outcome = "result"
    except UserError as error:
        outcome = "UserError" if str(error) and len(str(error)) < 20_000 else "a line without end"
    except TooLong:
        outcome = f"more than {longest_s:g} s"
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        outcome = (
            f"{type(error).__name__}: {str(error)[:200]!r} in {Path(last.filename).name}:{last.lineno}, {_ours(error)}"
        )
    finally:
        faulthandler.cancel_dump_traceback_later()
    took = time.monotonic() - started
    grown = _peak_mb() - before
    if grown > MOST_MB and outcome in ("result", "UserError"):
        outcome = f"{grown:.0f} MB more"
    return outcome, took


def _ours(error: BaseException) -> str:
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "/cnnlab/" in frame.filename]
    return f"from {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "from no code of cnnlab"


@contextlib.contextmanager
def _at_most(time_s: float) -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, time_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _limited_memory() -> Iterator[None]:
    """Let no input take the machine's memory: address space as it is now and 3 GB."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 3 * 2**30, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _peak_mb() -> float:
    """This process's largest resident memory. `ru_maxrss` would count that of the process that started it, too."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024

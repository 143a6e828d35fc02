"""What, besides its config, decides a run's figures to the last digit: a run has one of these from start to end."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field

from cnnlab.config import Count, RunConfig, Strict
from cnnlab.errors import UserError
from cnnlab.nets.resolve import net_code
from cnnlab.training.fused import numba_version
from cnnlab.training.machine import resolve_device, resolve_precision
from cnnlab.version import __version__


class Identity(Strict):
    """Versions, arithmetic and code of a run.

    numba: whose loops compute fused layers; None: PyTorch alone does. device: cpu, cuda or mps. precision: of the
    arithmetic, as torch calls it. threads: of the process that trains. seeds_together: most seeds that one program
    trains; 1 for the ordinary loop. net_code: file → SHA-256 of a user's own net and what it imports from beside it;
    empty for cnnlab's own nets, whose code is cnnlab's version.
    """

    cnnlab: str
    torch: str
    numpy: str
    numba: str | None = None
    device: str
    precision: str
    threads: Annotated[Count, Field(ge=1)]
    seeds_together: Annotated[Count, Field(ge=1)] = 1
    net_code: dict[str, str] = Field({})


def identity_of(config: RunConfig, *, threads: int | None = None, seeds_together: int = 1) -> Identity:
    """The identity that a run of this config has when it is trained on this machine.

    threads: by default those of this process. Raises UserError for a device that this machine lacks, and where the
    user's own file is gone.
    """
    device = resolve_device(config.training.device)
    return Identity(
        cnnlab=__version__,
        torch=torch.__version__,
        numpy=version("numpy"),
        numba=numba_version(),
        device=device.type,
        precision=str(resolve_precision(config.training.precision, device)).removeprefix("torch."),
        threads=threads or torch.get_num_threads(),
        seeds_together=seeds_together,
        net_code=net_code(config.net.name),
    )


def differences(was: Identity, now: Identity) -> list[str]:
    """Every field in which two identities differ, with both values, as `torch 1.13.0 (here 2.13.0)`."""
    found = []
    for field in Identity.model_fields:
        before, after = getattr(was, field), getattr(now, field)
        if field == "net_code":
            files = sorted(name for name in before | after if before.get(name) != after.get(name))
            found += [f"{name} {_hash(before.get(name))} (here {_hash(after.get(name))})" for name in files]
        elif before != after:
            found.append(f"{field.replace('_', ' ')} {before} (here {after})")
    return found


def require_same(path: Path, was: Identity, now: Identity) -> None:
    """Raise UserError where a run was made with another identity than the one it would go on or be used with."""
    found = differences(was, now)
    if not found:
        return
    mend = []
    if (was.cnnlab, was.torch, was.numpy, was.numba) != (now.cnnlab, now.torch, now.numpy, now.numba):
        mend.append("install the same versions")
    if was.net_code != now.net_code:
        mend.append("put the net's code back")
    if was.threads != now.threads:
        mend.append(f"set OMP_NUM_THREADS={was.threads}")
    raise UserError(
        f"{path} was made with {', '.join(found)}; expected one identity from a run's start to its end: "
        f"{', '.join([*mend, 'choose another --out'])} or move the folder away"
    )


def _hash(sha256: str | None) -> str:
    return "absent" if sha256 is None else f"SHA-256 {sha256[:12]}…"

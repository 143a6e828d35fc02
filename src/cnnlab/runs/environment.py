"""What a run was made on: its identity, and more about the machine, which decides no digit beyond that."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch

from cnnlab.config import Count
from cnnlab.runs.identity import Identity
from cnnlab.training.fused import numba_version
from cnnlab.version import __version__

if TYPE_CHECKING:
    from cnnlab.runs.folder import Run


class Environment(Identity):
    """On what a run, or a round of them, was made: its identity, and what says more of the machine.

    device_name: the processor that computed. cores: of the machine. trained_together: seeds in one program, where there
    were several. host, ray_node: of a cluster's node; they tell places apart, and no figures.
    """

    python: str
    system: str
    device_name: str
    cores: Count | None = None
    trained_together: Count | None = None
    host: str | None = None
    ray_node: str | None = None

    @property
    def identity(self) -> Identity:
        """What decides the figures."""
        return Identity(**{name: getattr(self, name) for name in Identity.model_fields})

    def to_json(self, *, of_a_run: bool = True) -> dict[str, Any]:
        """What there is to say, as plain values. of_a_run: with what only a run has, its net's code and its program."""
        without = set() if of_a_run else {"seeds_together", "net_code"}
        return self.model_dump(exclude=without, exclude_none=True)


def made_here(identity: Identity, device: torch.device, *, trained_together: int | None = None) -> Environment:
    """The environment of what has this identity and is made by this process on `device`."""
    if device.type == "cuda":
        device_name = torch.cuda.get_device_name(device)
    else:
        device_name = str(torch.cpu.get_capabilities().get("cpu_name", platform.processor()))
    return Environment(
        **identity.model_dump(),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        device_name=device_name,
        cores=os.cpu_count(),
        trained_together=trained_together,
    )


def environment(device: torch.device, dtype: torch.dtype) -> Environment:
    """Versions, device, precision and threads of this process."""
    here = Identity(
        cnnlab=__version__,
        torch=torch.__version__,
        numpy=version("numpy"),
        numba=numba_version(),
        device=device.type,
        precision=str(dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
    )
    return made_here(here, device)


def environments_of(runs: Iterable[Run]) -> list[tuple[Environment, int]]:
    """The environments that runs were made in, each with how many of them, in the order of the first of each.

    The nodes of a cluster alone do not set runs apart. Raises UserError where a record is missing or damaged.
    """
    found: list[tuple[Environment, int]] = []
    for run in runs:
        record = run.environment().model_copy(update={"host": None, "ray_node": None})
        places = [place for place, (known, _) in enumerate(found) if known == record]
        if places:
            found[places[0]] = (record, found[places[0]][1] + 1)
        else:
            found.append((record, 1))
    return found

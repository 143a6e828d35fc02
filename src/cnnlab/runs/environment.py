"""What a run was made on: its identity, and more about the machine, which decides no digit beyond that."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch

from cnnlab.runs.identity import Identity
from cnnlab.version import __version__

if TYPE_CHECKING:
    from cnnlab.runs.folder import Run

#: What tells the nodes of a cluster apart, and no figures.
_PLACES = ("host", "ray_node")


def machine(device: torch.device) -> dict[str, Any]:
    """Python, system, processor and cores, as a JSON-ready record."""
    if device.type == "cuda":
        device_name = torch.cuda.get_device_name(device)
    else:
        device_name = str(torch.cpu.get_capabilities().get("cpu_name", platform.processor()))
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device_name": device_name,
        "cores": os.cpu_count(),
    }


def environment(device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """Versions, device, precision and threads of this process, as a JSON-ready record."""
    here = Identity(
        cnnlab=__version__,
        torch=torch.__version__,
        numpy=version("numpy"),
        device=device.type,
        precision=str(dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
    )
    return here.model_dump(exclude={"seeds_together", "net_code"}) | machine(device)


def environments_of(runs: Iterable[Run]) -> list[tuple[dict[str, Any], int]]:
    """The environments that runs were made in, each with how many of them, in the order of the first of each.

    The nodes of a cluster alone do not set runs apart. Raises UserError where a record is missing or damaged.
    """
    found: list[tuple[dict[str, Any], int]] = []
    for run in runs:
        record = {name: value for name, value in run.environment().items() if name not in _PLACES}
        places = [place for place, (known, _) in enumerate(found) if known == record]
        if places:
            found[places[0]] = (record, found[places[0]][1] + 1)
        else:
            found.append((record, 1))
    return found

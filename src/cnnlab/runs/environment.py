"""On what a run was made."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import torch

import cnnlab


def environment(device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """Versions, device, precision and threads, as a JSON-ready record."""
    if device.type == "cuda":
        device_name = torch.cuda.get_device_name(device)
    else:
        device_name = str(torch.cpu.get_capabilities().get("cpu_name", platform.processor()))
    return {
        "cnnlab": cnnlab.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "system": f"{platform.system()} {platform.machine()}",
        "device": device.type,
        "device_name": device_name,
        "precision": str(dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
    }

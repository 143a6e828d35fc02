"""Where the arithmetic happens and in which precision, and what this process asks of its memory."""

from __future__ import annotations

import ctypes
import platform
import sys

import torch
from torch import Tensor

from cnnlab.config import Device, Precision
from cnnlab.errors import UserError


def resolve_device(device: Device) -> torch.device:
    """`auto` is the GPU where there is one. Raises UserError for a device that this machine lacks."""
    has = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if device == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if has[name]))
    if not has[device]:
        here = ", ".join(name for name, there in has.items() if there)
        raise UserError(f"device {device} is not on this machine; expected one of: {here}, or auto")
    return torch.device(device)


def resolve_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 where the hardware multiplies it, float32 elsewhere; `bf16` insists."""
    if precision == "fp32":
        return torch.float32
    if precision == "bf16" or has_bf16(device):
        return torch.bfloat16
    return torch.float32


def has_bf16(device: torch.device) -> bool:
    """Whether the hardware itself multiplies bfloat16: elsewhere it is emulated, and slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))
    return False


def random_state(device: torch.device) -> Tensor:
    """The state that dropout on a device draws from."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def set_random_state(device: torch.device, state: Tensor) -> None:
    """Let dropout on a device draw from `state` on."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed blocks of up to 64 MiB instead of handing each large one back to the kernel.

    Every step allocates and frees the same few large tensors; by default each costs a page fault for every 4 KiB.
    Larger ones are copies of a data set, made once and better given back. A setting of the whole process, so the
    command line makes it, never the library. Returns whether it took.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return False
    mmap_threshold, trim_threshold = -3, -1
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(mmap_threshold, 2**26) and libc.mallopt(trim_threshold, 2**31 - 1))

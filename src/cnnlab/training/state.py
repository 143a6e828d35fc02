"""Where a training stands: everything that decides its next step, as named tensors and a few numbers.

Packing a state and starting anew from the package gives the same figures, bit for bit, as never having stopped.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar

import torch
from pydantic import ConfigDict, Field
from torch import Tensor, nn

from cnnlab.config import Count, Seconds, Training, checked
from cnnlab.errors import UserError
from cnnlab.training.machine import resolve_device, resolve_precision
from cnnlab.training.optimizers import make_optimizer


@dataclass
class Position:
    """How far a training has come.

    epoch: whole epochs done; step: steps done in the epoch under way. loss_sum, correct, seen: of that epoch's
    steps so far. best_*: of the best epoch by validation (0: none yet). train_time_s: in training steps alone.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    epoch: Count = 0
    step: Count = 0
    loss_sum: Annotated[float, Field(strict=True, ge=0)] = 0.0
    correct: Count = 0
    seen: Count = 0
    best_epoch: Count = 0
    best_accuracy: Annotated[float, Field(strict=True, ge=-1, le=1)] = -1.0
    best_loss: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=True)] = float("inf")
    train_time_s: Seconds = 0.0


@dataclass
class TrainingState:
    """A net, its optimizer, its place in the run and the random state that it draws dropout from."""

    net: nn.Module
    optimizer: torch.optim.Optimizer
    device: torch.device
    dtype: torch.dtype
    seed: int
    position: Position
    dropout_random: Tensor | None = None
    augment_random: Tensor | None = None

    def pack(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Named tensors, all on the CPU, and a JSON-ready record: what `start` needs to go on from here."""
        tensors = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        optimizer = self.optimizer.state_dict()
        for index, entries in optimizer["state"].items():
            for key, value in entries.items():
                tensors[f"optimizer.{index}.{key}"] = torch.as_tensor(value)
        if self.dropout_random is not None:
            tensors["random.dropout"] = self.dropout_random
        if self.augment_random is not None:
            tensors["random.augment"] = self.augment_random
        copied = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
        return copied, {"position": asdict(self.position)}

    def is_finite(self) -> bool:
        """Whether the state is worth keeping: no parameter or buffer is NaN or infinite."""
        return all(bool(torch.isfinite(value).all()) for value in self.net.state_dict().values())


def start(
    net: nn.Module,
    training: Training,
    *,
    seed: int,
    packed: tuple[dict[str, Tensor], dict[str, Any]] | None = None,
    packed_in: str = "the training's state",
) -> TrainingState:
    """Put a net on its device, in its memory format and under its optimizer; go on from `packed` where given.

    The net is moved, not copied: it is the one that gets trained. Raises UserError for a device this machine lacks, and
    where `packed`, which lies in the file `packed_in`, is no state of such a net under such an optimizer.
    """
    device = resolve_device(training.device)
    dtype = resolve_precision(training.precision, device)
    if packed is not None:
        position = position_of(packed[1], packed_in)
        _require_state(net, training, device, packed[0], position, packed_in)
        net.load_state_dict(_under("net.", packed[0]))
    net.to(device=device)
    lay_out(net, torch.channels_last if training.channels_last else torch.contiguous_format)
    state = TrainingState(net, make_optimizer(net.parameters(), training, device), device, dtype, seed, Position())
    if packed is not None:
        _restore(state, packed[0])
        state.position = position
    return state


def lay_out(net: nn.Module, layout: torch.memory_format) -> None:
    """Put every filter into a memory format; what a net computes is the same but for rounding.

    A filter of one input channel counts as contiguous in both formats, so `contiguous` would leave its strides alone;
    a convolution takes its output's format from just those strides, and pooling is ten times slower on the wrong one.
    """
    for parameter in net.parameters():  # nn.Module.to(memory_format=…) refuses parameters of other ranks
        if parameter.dim() == 4:
            parameter.data = torch.empty_like(parameter.data, memory_format=layout).copy_(parameter.data)


def derived_seed(seed: int, purpose: str, epoch: int) -> int:
    """A seed for one purpose in one epoch, independent of all others: nothing needs to remember earlier draws."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}/{epoch}".encode()).digest()[:8], "big") >> 1


def position_of(record: dict[str, Any], packed_in: str) -> Position:
    """The position in a packed state's record. Raises UserError where it is none. packed_in: the file that has it."""
    values = record.get("position")
    if not isinstance(values, dict) or values.keys() < asdict(Position()).keys():
        raise UserError(f"{packed_in} does not say where the training stands; expected its position: train it again")
    return checked(Position, values, f"{packed_in}: position")


def _require_state(
    net: nn.Module,
    training: Training,
    device: torch.device,
    tensors: dict[str, Tensor],
    position: Position,
    packed_in: str,
) -> None:
    """Raise UserError unless tensors from a file are a packed state of this net and its optimizer.

    A parameter that no step has moved has no history. Of a net and its history, names, shapes and types are looked at;
    random states are tried.
    """

    def damaged(reason: str) -> UserError:
        return UserError(f"{packed_in} is damaged: {reason}; expected what cnnlab train wrote: train the run again")

    expected = {f"net.{name}": value for name, value in net.state_dict().items()}
    groups = make_optimizer(net.parameters(), training, torch.device("cpu")).param_groups
    moved = {name.split(".")[1] for name in tensors if name.startswith("optimizer.")}
    of_matrix, of_vector = _history(training, (2, 3)), _history(training, (3,))
    for index, parameter in enumerate(parameter for group in groups for parameter in group["params"]):
        if str(index) in moved:
            for key, of_one in (of_matrix if parameter.dim() >= 2 else of_vector).items():
                like = parameter if of_one.dim() else of_one
                expected[f"optimizer.{index}.{key}"] = torch.empty(like.shape, dtype=like.dtype, device="meta")
    random = {name: value for name, value in tensors.items() if name in ("random.dropout", "random.augment")}
    for name in sorted(tensors.keys() - random.keys() | expected.keys()):
        got, wanted = tensors.get(name), expected.get(name)
        if got is None or wanted is None or got.shape != wanted.shape or got.dtype != wanted.dtype:
            raise damaged(f"its tensor {name[:100]} is not that of such a net and optimizer")
    if position.step and len(random) < 2:
        raise damaged("it stands within an epoch without the random states of that place")
    if position.correct > position.seen or position.best_epoch > position.epoch:
        raise damaged(f"its position contradicts itself ({position})")
    for name, value in random.items():
        where = device if name == "random.dropout" and device.type == "cuda" else torch.device("cpu")
        try:
            if value.dim() != 1:
                raise TypeError("it is no row of bytes")
            torch.Generator(where).set_state(value)
        except (RuntimeError, TypeError) as error:
            raise damaged(f"{name} is no random state ({' '.join(str(error).split())[:100]})") from None


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _history(training: Training, shape: tuple[int, ...]) -> dict[str, Tensor]:
    """What the optimizer remembers of a parameter of that shape after a step, by its own names."""
    parameter = nn.Parameter(torch.ones(shape))
    optimizer = make_optimizer([parameter], training, torch.device("cpu"))
    parameter.grad = torch.ones(shape)
    optimizer.step()
    return {key: torch.as_tensor(value) for key, value in optimizer.state[parameter].items()}


def _restore(state: TrainingState, tensors: dict[str, Tensor]) -> None:
    parameters = [parameter for group in state.optimizer.param_groups for parameter in group["params"]]
    entries: dict[int, dict[str, Any]] = {}
    for name, value in _under("optimizer.", tensors).items():
        index, key = name.split(".", 1)
        entries.setdefault(int(index), {})[key] = value
    settings = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": entries, "param_groups": settings})
    for parameter in parameters:
        for key, value in state.optimizer.state[parameter].items():
            if value.shape == parameter.shape:  # the fused kernels want both in one memory format
                state.optimizer.state[parameter][key] = torch.empty_like(parameter).copy_(value)
    state.dropout_random = tensors.get("random.dropout")
    state.augment_random = tensors.get("random.augment")

"""Several nets of one kind in one set of tensors, with a leading dimension of seeds, under one optimizer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cnnlab.config import Training
from cnnlab.training.state import TrainingState, make_optimizer

#: What torch's optimizers keep once a parameter, not for each of its numbers: equal for seeds at the same step. Their
#: shape does not tell them from the history of a parameter that is one number.
OF_ALL_NUMBERS = frozenset({"step", "mu_product"})


class Stack:
    """Trainings that stand at the same step, stacked: parameters and buffers (S, …) by name, and their optimizer.

    Each net becomes a view of its slice, in the memory format that it had: what the stack learns the nets have.
    The optimizer goes on from what the trainings' own hold; `hand_out` gives it back to them.
    """

    def __init__(self, states: Sequence[TrainingState], training: Training) -> None:
        self.states = tuple(states)
        parameters = [dict(state.net.named_parameters()) for state in states]
        buffers = [dict(state.net.named_buffers()) for state in states]
        self.parameters = {
            name: nn.Parameter(_in_one([each[name] for each in parameters]), requires_grad=first.requires_grad)
            for name, first in parameters[0].items()
        }
        self.buffers = {name: _in_one([each[name] for each in buffers]) for name in buffers[0]}
        self.optimizer = make_optimizer(self.parameters.values(), training, states[0].device, are_stacked=True)
        for name, parameter in self.parameters.items():
            own = [state.optimizer.state[each[name]] for state, each in zip(states, parameters, strict=True)]
            for key, value in own[0].items():
                self.optimizer.state[parameter][key] = (
                    value.clone()
                    if key in OF_ALL_NUMBERS
                    else _in_one([entries[key] for entries in own], like=parameter)
                )

    def hand_out(self) -> None:
        """Let every training's own optimizer hold its part of the history, as a view."""
        for i, state in enumerate(self.states):
            for own, parameter in zip(state.net.parameters(), self.parameters.values(), strict=True):
                state.optimizer.state[own] = {
                    key: value if key in OF_ALL_NUMBERS else value[i]
                    for key, value in self.optimizer.state[parameter].items()
                }


def _in_one(tensors: Sequence[Tensor], like: Tensor | None = None) -> Tensor:
    """Tensors of one shape → (S, …), each slice with the strides that the tensor had; nets' tensors become views.

    like: take its strides, and leave the tensors as they are.
    """
    first = tensors[0].detach()
    strides = torch.empty_like(first).stride() if like is None else like.stride()[1:]
    stacked = torch.empty_strided(
        (len(tensors), *first.shape), (first.numel(), *strides), dtype=first.dtype, device=first.device
    )
    for each, part in zip(tensors, stacked, strict=True):
        part.copy_(each.detach())
        if like is None:
            each.data = part
    return stacked

"""Whether answers are probabilities where logits are wanted."""

from __future__ import annotations

import torch
from torch import Tensor


def is_softmax(answers: Tensor) -> bool:
    """Whether every row of answers (N, classes) sums to 1, or its exponentials do: a softmax or its logarithm."""
    ones = torch.ones(len(answers))
    return any(bool(torch.allclose(each.sum(dim=1), ones, atol=1e-4)) for each in (answers, answers.exp()))

"""Classes of uneven sizes: weights in the loss, or draws by which an epoch sees each class as often."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.config import Training
from cnnlab.data.imageset import ImageSet


def class_weights(training: Training, data: ImageSet, device: torch.device) -> Tensor | None:
    """What each class counts in the loss, float32 (K,), where the training has weights: n / (K · n_c), else None.

    n: training images, n_c: those of the class, K: classes that have some. So each class weighs as much as any other,
    and images count 1 on the average. A class without images counts 0.
    """
    if training.balance != "weights":
        return None
    counts = torch.bincount(data.train.labels, minlength=len(data.classes)).double()
    has_images = counts > 0
    weights = torch.where(has_images, counts.sum() / (has_images.sum() * counts.clamp(min=1)), 0.0)
    return weights.float().to(device)


def mean_loss(answers: Tensor, labels: Tensor, training: Training, weights: Tensor | None) -> Tensor:
    """The mean cross-entropy of a step, in nats, as `torch.nn.CrossEntropyLoss(weight=…)` has it.

    answers: float (N, K) → one number; (S, N, K), with labels (S, N) → (S,), each seed's own.
    """
    if answers.dim() == 2:
        return F.cross_entropy(answers, labels, weights, label_smoothing=training.label_smoothing)
    losses = F.cross_entropy(
        answers.flatten(0, 1), labels.flatten(), weights, label_smoothing=training.label_smoothing, reduction="none"
    ).unflatten(0, labels.shape)
    return losses.mean(dim=1) if weights is None else losses.sum(dim=1) / weights[labels].sum(dim=1)


def balanced_order(labels: Tensor, generator: torch.Generator) -> Tensor:
    """An epoch of as many draws as there are images, int64 (N,): each class as often as any other, but for one.

    Of a class with fewer images than that all come again and again, each as often as any other of it, but for one; of a
    larger class some are left out, others in the next epoch. labels: int64 (N,).
    """
    counts = torch.bincount(labels)
    present = counts.nonzero().flatten()
    present = present[torch.randperm(len(present), generator=generator)]
    share, left = divmod(len(labels), len(present))
    draws = []
    for place, label in enumerate(present.tolist()):
        mine = (labels == label).nonzero().flatten()
        whole, rest = divmod(share + (place < left), len(mine))
        draws += [mine.repeat(whole), mine[torch.randperm(len(mine), generator=generator)[:rest]]]
    order = torch.cat(draws)
    return order[torch.randperm(len(order), generator=generator)]

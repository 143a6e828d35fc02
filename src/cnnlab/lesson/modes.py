"""What `net.train()` and `net.eval()` change: one image, answered again and again in each mode."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from cnnlab.data.normalise import normalise
from cnnlab.lesson.evidence import Evidence

#: Images of a batch.
BATCH = 64

#: A way to set the two kinds of layer that know a mode: says, is dropout training, is batch norm training.
WAYS = (
    ("eval mode", False, False),
    ("dropout alone in train mode", True, False),
    ("batch norm alone in train mode", False, True),
    ("train mode", True, True),
)


@dataclass(frozen=True)
class Answers:
    """The probability (0–1) of one class for one image: in two passes of a batch, and among other images."""

    way: str
    first: float
    second: float
    among_others: float


@dataclass(frozen=True)
class Modes:
    """label, called: the image's class, and the one whose probability is followed: what eval mode answers."""

    image: Tensor
    label: str
    called: str
    batch: int
    answers: tuple[Answers, ...]


def modes(evidence: Evidence) -> Modes:
    """Ask SimpleCNN about the validation image that it is least sure of among some, in every mode.

    On a copy: in train mode running averages move. Dropout's masks come from a fixed seed.
    """
    cnn, data = evidence.simple_cnn, evidence.data
    net = copy.deepcopy(cnn.net)
    images = data.validation.images[: 3 * BATCH]
    x = normalise(images, data.mean, data.std)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sure, called = net.eval()(x).softmax(dim=1).max(dim=1)
        at = int(sure.argmin())
        others = torch.cat([x[:at], x[at + 1 :]])
        half = min(BATCH - 1, len(others) // 2)
        batches = [torch.cat([x[at : at + 1], some]) for some in (others[:half], others[:half], others[-half:])]
        answers = []
        for way, dropout, norm in WAYS:
            for module in net.modules():
                if isinstance(module, _DropoutNd | _BatchNorm):
                    module.train(dropout if isinstance(module, _DropoutNd) else norm)
            found = [float(_answer(net, batch)[called[at]]) for batch in batches]
            answers.append(Answers(way, *found))
    return Modes(
        image=images[at],
        label=data.classes[int(data.validation.labels[at])],
        called=data.classes[int(called[at])],
        batch=half + 1,
        answers=tuple(answers),
    )


def _answer(net: nn.Module, batch: Tensor) -> Tensor:
    """Probabilities of the batch's first image; running averages are left as they were."""
    then = copy.deepcopy(net.state_dict())
    answer = net(batch)[0].softmax(dim=0)
    net.load_state_dict(then)
    return answer

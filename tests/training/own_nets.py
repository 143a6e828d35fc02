"""Nets as people write them, by name: a file's text each, whose class is Net."""

from __future__ import annotations

HEAD = """
import torch
from torch import nn
"""

FLAT = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 10))
    def forward(self, x):
        return self.layers(x)
"""

FOR_32 = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 5, stride=3)
        self.answer = nn.Linear(4 * 10 * 10, 10)
    def forward(self, x):
        return self.answer(self.conv(x).relu().flatten(1))
"""

IN_COLOUR = FOR_32.replace("nn.Conv2d(1,", "nn.Conv2d(3,").replace("10 * 10", "8 * 8")
LARGE_COLOUR = FOR_32.replace("nn.Conv2d(1,", "nn.Conv2d(3,")
FOR_64 = FOR_32.replace("10 * 10", "20 * 20")

SEQUENTIAL = """
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 10 * 10, 10))
"""

SQUEEZES = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 10, 28)
    def forward(self, x):
        return self.conv(x).squeeze()
"""

MAPS = SQUEEZES.replace(".squeeze()", "")
CLASSES = SQUEEZES.replace("1, 10, 28", "1, 7, 28").replace("squeeze()", "flatten(1)")

KEEPS_MAPS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, stride=2)
        self.answer = nn.Linear(4 * 13 * 13, 10)
        self.seen = {"maps": []}
    def forward(self, x):
        self.maps = self.conv(x)
        self.seen["maps"] = [self.maps.relu()]
        return self.answer(self.seen["maps"][0].flatten(1))
"""

OLD_NORM = """
import warnings
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.conv = torch.nn.utils.weight_norm(nn.Conv2d(1, 4, 3, stride=2))
        self.answer = nn.Linear(4 * 13 * 13, 10)
    def forward(self, x):
        return self.answer(self.conv(x).relu().flatten(1))
"""
OLD_SPECTRAL = OLD_NORM.replace("weight_norm", "spectral_norm")

TUPLE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, stride=2)
        self.answer, self.second = nn.Linear(4 * 169, 10), nn.Linear(4 * 169, 10)
    def forward(self, x):
        x = self.conv(x).relu().flatten(1)
        return (self.answer(x), self.second(x)) if self.training else self.answer(x)
"""
DICT = TUPLE.replace("(self.answer(x), self.second(x))", "{'aux': self.second(x), 'logits': self.answer(x)}")
GATE = TUPLE.replace(
    "return (self.answer(x), self.second(x)) if self.training else self.answer(x)",
    "return self.answer(x) * torch.sigmoid(self.second(x))",
)

BATCH_NORM = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10))
    def forward(self, x):
        return self.layers(x)
"""

LAZY = """
class Net(nn.Sequential):
    def __init__(self):
        conv, norm = nn.LazyConv2d(4, 5, stride=2), nn.LazyBatchNorm2d()
        super().__init__(conv, norm, nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))
"""

PLAIN_LIST = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 169, 10)]
    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
"""
HALF_IN_A_LIST = PLAIN_LIST.replace(
    "self.layers = [", "self.last = nn.Linear(10, 10)\n        self.layers = ["
).replace("return x", "return self.last(x)")
FROZEN = BATCH_NORM.replace("nn.Linear(16, 10))", "nn.Linear(16, 10)).requires_grad_(False)")
EMPTY = """
class Net(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, 300:310]
"""

DETACHED = KEEPS_MAPS.replace("[0].flatten(1))", "[0].flatten(1)).detach()")
CARRIES = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.answer, self.before = nn.Linear(784, 10), 0
    def forward(self, x):
        answers = self.answer(x.flatten(1))
        if self.training:
            answers = answers + 0.1 * self.before
            self.before = answers.mean()
        return answers
"""
IN_PLACE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.answer = nn.Linear(784, 16), nn.Linear(16, 10)
    def forward(self, x):
        x = self.hidden(x.flatten(1)).sigmoid()
        y = self.answer(x)
        if self.training:
            x += 1
        return y
"""
ASKS_FOR_28 = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.pool, self.answer = nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(4), nn.Linear(4 * 49, 10)
    def forward(self, x):
        assert x.shape[-1] == 28, "28 pixels, please"
        return self.answer(self.pool(self.conv(x)).flatten(1))
"""

SHARED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, stride=3)
        self.norm = nn.BatchNorm2d(4)
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.again, self.norm_again = self.conv, self.norm
        self.answer = nn.Linear(4 * 9 * 9, 10)
        self.register_buffer("scales", torch.ones(2))
        self.register_buffer("scale", self.scales[:1])
    def forward(self, x):
        x = self.norm(self.first(x)).relu()
        return self.answer(self.norm_again(self.again(self.conv(x))).flatten(1) * self.scale)
"""

COMPLEX = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.filter = nn.Parameter(torch.randn(28, 15, dtype=torch.cfloat) / 28)
        self.answer = nn.Linear(784, 10)
    def forward(self, x):
        return self.answer(torch.fft.irfft2(torch.fft.rfft2(x) * self.filter, s=(28, 28)).flatten(1))
"""

CHECKPOINTED = """
from torch.utils.checkpoint import checkpoint

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, stride=3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3))
        self.answer = nn.Linear(4 * 7 * 7, 10)
    def forward(self, x):
        return self.answer(checkpoint(self.body, x, use_reentrant=False).flatten(1))
"""

EXPERTS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(784, 2)
        self.experts = nn.ModuleList(nn.Linear(784, 10) for _ in range(2))
    def forward(self, x):
        x = x.flatten(1)
        shares = self.gate(x).softmax(1)
        answers = x.new_zeros(len(x), 10)
        for expert, share in zip(self.experts, shares.T):
            mine = share >= 0.5
            answers[mine] = share[mine, None] * expert(x[mine])
        return answers
"""

DOUBLE = """
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 10))
        self.double()
"""

WORDS_IN_STATE = """
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 10))
    def get_extra_state(self):
        return "version 2"
    def set_extra_state(self, state):
        pass
"""

HOLDS_A_LOCK = """
import threading

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.lock = nn.Linear(784, 10), threading.Lock()
        self.numbers, self.random = (i for i in range(3)), torch.Generator()
    def forward(self, x):
        with self.lock:
            return self.layer(x.flatten(1))
"""

SPARSE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.greys = nn.EmbeddingBag(8, 10, mode="mean", sparse=True)
    def forward(self, x):
        return self.greys((2 + 2 * x).clamp(0, 7).long().flatten(1))
"""

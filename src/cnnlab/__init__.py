"""A laboratory for convolutional networks.

The names below are loaded when they are first used, so that `import cnnlab` costs nothing and `cnnlab --help`
does not wait for torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cnnlab.version import __version__

_HOMES = {
    "ConvNet": "cnnlab.nets",
    "LeNet5": "cnnlab.nets",
    "MLP": "cnnlab.nets",
    "SimpleCNN": "cnnlab.nets",
    "Anatomy": "cnnlab.anatomy",
    "Stopped": "cnnlab.errors",
    "Training": "cnnlab.config",
    "UserError": "cnnlab.errors",
    "Watch": "cnnlab.workflows.watch",
    "compare": "cnnlab.workflows.comparison",
    "data_of": "cnnlab.data",
    "describe": "cnnlab.anatomy",
    "evaluate": "cnnlab.evaluation",
    "feature_maps": "cnnlab.features",
    "find_learning_rate": "cnnlab.training",
    "load": "cnnlab.data",
    "open_run": "cnnlab.runs",
    "recipe": "cnnlab.training",
    "sweep": "cnnlab.workflows.sweep",
    "train": "cnnlab.training",
}

__all__ = [
    "MLP",
    "Anatomy",
    "ConvNet",
    "LeNet5",
    "SimpleCNN",
    "Stopped",
    "Training",
    "UserError",
    "Watch",
    "__version__",
    "claims",
    "compare",
    "data_of",
    "describe",
    "evaluate",
    "feature_maps",
    "find_learning_rate",
    "load",
    "open_run",
    "recipe",
    "sweep",
    "train",
]

if TYPE_CHECKING:
    from cnnlab.anatomy import Anatomy, describe
    from cnnlab.config import Training
    from cnnlab.data import data_of, load
    from cnnlab.errors import Stopped, UserError
    from cnnlab.evaluation import evaluate
    from cnnlab.features import feature_maps
    from cnnlab.nets import MLP, ConvNet, LeNet5, SimpleCNN
    from cnnlab.runs import open_run
    from cnnlab.training import find_learning_rate, recipe, train
    from cnnlab.workflows.claims import claims
    from cnnlab.workflows.comparison import compare
    from cnnlab.workflows.sweep import sweep
    from cnnlab.workflows.watch import Watch


class _Callable(ModuleType):
    """The room `cnnlab.claims`, called as the function that puts claims to the test: both have that name."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return import_module("cnnlab.workflows.claims").claims(*args, **options)


class _Front(ModuleType):
    """This package, which is told of each room when it is first imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "claims" and isinstance(value, ModuleType):
            value.__class__ = _Callable
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Front


def __getattr__(name: str) -> Any:
    if name == "claims":
        return import_module("cnnlab.claims")
    if name not in _HOMES:
        raise AttributeError(f"module 'cnnlab' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__

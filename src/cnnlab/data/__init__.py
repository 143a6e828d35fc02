"""Where images come from: every source becomes three splits of uint8 images.

Names are resolved when first used, so that listing data sets (`available`) never loads torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnlab.data.arrays import data_of
    from cnnlab.data.imageset import ImageSet, Progress, Split
    from cnnlab.data.listing import Availability, available
    from cnnlab.data.loading import load

__all__ = ["Availability", "ImageSet", "Progress", "Split", "available", "data_of", "load"]

_HOMES = {
    "Availability": "listing",
    "ImageSet": "imageset",
    "Progress": "imageset",
    "Split": "imageset",
    "available": "listing",
    "data_of": "arrays",
    "load": "loading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__

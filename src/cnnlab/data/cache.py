"""The cache folder: what can be had again."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder(cache: str | Path | None = None) -> Path:
    """Where to keep what can be had again: `cache`, else $CNNLAB_CACHE, else the user's cache folder."""
    chosen = cache or os.environ.get("CNNLAB_CACHE")
    return Path(os.path.expanduser(chosen)) if chosen else user_cache_path("cnnlab")

"""A run by its path: a folder, or a file that the playground saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cnnlab.given_path import given_path
from cnnlab.runs import folder
from cnnlab.runs.folder import Run
from cnnlab.runs.saved import open_saved


def open_run(path: str | Path, *, data_root: str | Path | None = None, say: Callable[[str], None] | None = None) -> Run:
    """Open a run folder, as `cnnlab train` makes one, or a safetensors file that the playground saved.

    A saved file becomes a run folder beside it, once, measured by PyTorch here. data_root: where its data lie, as in
    `load`. say: told in a line when that folder is made.
    Raises UserError when there is no run, or when it is damaged.
    """
    path = given_path(path, "run")
    if path.suffix == ".safetensors" and path.is_file():
        return open_saved(path, data_root=data_root, say=say)
    return folder.open_run(path)

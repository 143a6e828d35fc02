"""The images of a run are read while PyTorch is imported, which opening the run needs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from cnnlab.errors import UserError
from cnnlab.given_path import given_path
from cnnlab.runs.records import read_json


def read_images_ahead(path: str | Path, *, data_root: str | Path | None = None) -> None:
    """Begin to read the images that the run was trained on; imports no torch.

    path, data_root: as in `open_run` and `load`. Whatever is wrong with them is told by these.
    """
    with suppress(UserError, OSError, ValueError):
        data = read_json(given_path(path, "run") / "config.json").get("data")
        name = data.get("name") if isinstance(data, dict) else None
        if isinstance(name, str):
            from cnnlab.data.ahead import read_ahead

            read_ahead(name, root=data_root)

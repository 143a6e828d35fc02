"""A data set looked through for copies and wrong labels, written as a page and a record."""

from __future__ import annotations

from pathlib import Path

from cnnlab.data import load
from cnnlab.data.views import with_skipping
from cnnlab.inspection.copies import NEAR
from cnnlab.inspection.inspecting import Inspection, inspect
from cnnlab.plain_files import place_in
from cnnlab.report.inspection.page import inspection_page
from cnnlab.runs.folder import write_json
from cnnlab.whole_files import write_whole
from cnnlab.workflows.watch import Watch


def check(
    data: str,
    *,
    out: str | Path = "check",
    test_labels: bool = False,
    near: float = NEAR,
    quick: bool = False,
    repeats: int = 1,
    data_root: str | Path | None = None,
    image_size: int | None = None,
    skip_damaged: bool = False,
    watch: Watch | None = None,
) -> Inspection:
    """Look a data set through: `cnnlab data DATA --check` from Python; OUT gets `index.html` and `check.json`.

    test_labels, near, quick, repeats: as for `inspect`. A set whose test split repeats training images is not refused
    here. Nothing is written before all is found. Raises UserError for what the user can mend.
    """
    watch, folder = watch or Watch(), Path(out)
    page = place_in(folder, "index.html")
    images = load(
        with_skipping(data) if skip_damaged else data,
        root=data_root,
        image_size=image_size,
        progress=watch.on_data,
        leaks_allowed=True,
    )
    found = inspect(images, test_labels=test_labels, near=near, quick=quick, repeats=repeats, progress=watch.on_data)
    write_whole(page, inspection_page(found).encode())
    write_json(folder / "check.json", found.to_json() | {"page": str(page)})
    return found

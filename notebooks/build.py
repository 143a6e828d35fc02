"""Make the two notebooks of the lesson from their one source, and run them, so that their outputs are real.

    python notebooks/build.py [FOLDER]

`lesson3_Pytorch_MNIST_cnn.py` holds both versions: cells tagged `student` stand in the notebook to be filled in, cells
tagged `solution` in the teacher's, all others in both. A test fails when this was forgotten.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbformat import NotebookNode, writes

from cnnlab.whole_files import write_whole

HERE = Path(__file__).parent
SOURCE = HERE / "lesson3_Pytorch_MNIST_cnn.py"

#: Notebook → the cells that the other one has.
NOTEBOOKS = {
    "lesson3_Pytorch_MNIST_cnn.ipynb": "solution",
    "lesson3_Pytorch_MNIST_cnn_teacher.ipynb": "student",
}


def notebook(left_out: str) -> NotebookNode:
    """The source as a notebook without outputs, less the cells with the tag `left_out`."""
    made = jupytext.read(SOURCE)
    made.cells = [cell for cell in made.cells if left_out not in cell.metadata.get("tags", ())]
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number}"
        cell.metadata = {}
    made.metadata = {"kernelspec": made.metadata["kernelspec"], "language_info": {"name": "python"}}
    return made


def require_no_paths(made: NotebookNode) -> None:
    """Raise ValueError where an output shows a path of this machine."""
    for cell in made.cells:
        for output in cell.get("outputs", ()):
            text = str({key: value for key, value in output.get("data", output).items() if key != "image/png"})
            found = re.search(r"(?<![\w.:/<])/(?:home|root|Users|tmp|work|usr|opt|var)/\S+", text)
            if found:
                raise ValueError(f"{cell.id} shows a path of this machine: {found[0]}")


def main(folder: Path) -> None:
    """Make, run and write both notebooks."""
    # Threads that wait for one another lose most of their speed beside busy neighbours; one thread sums in one order.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name, left_out in NOTEBOOKS.items():
        began = time.perf_counter()
        made = notebook(left_out)
        here = {"metadata": {"path": str(HERE)}}
        NotebookClient(made, timeout=600, record_timing=False, coalesce_streams=True, resources=here).execute()
        made.metadata["language_info"] = {"name": "python"}  # the kernel's own says which Python ran it
        require_no_paths(made)
        content = f"{writes(made)}\n".encode()
        write_whole(folder / name, content)
        print(f"{name}: {len(content) / 1e3:,.0f} kB, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

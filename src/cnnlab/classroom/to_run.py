"""What only a teacher may run: notebooks, and runs that were not measured, as files. Nothing of them is run here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cnnlab.classroom.hand_in import HandIn
from cnnlab.classroom.results import StudentResult
from cnnlab.plain_files import place_in
from cnnlab.whole_files import write_whole

#: What a student's notebook is called there, so that commands can name it.
NOTEBOOK = "NOTEBOOK.ipynb"


def write_to_run(folder: Path, result: StudentResult, hand_ins: Iterable[HandIn]) -> None:
    """Write what of a student's hand-ins a teacher may want to run into a folder under the student's key.

    A notebook of which a task is "to be run by you", and the runs whose nets were not measured, each in a folder of its
    name. hand_ins: those that count, whole. Raises UserError when the disk refuses.
    """
    unmeasured = {net.name for net in result.nets if net.accuracy is None}
    has_code = any(task.standing == "to be run by you" for task in result.tasks)
    there = place_in(folder, result.student.key)
    for hand_in in hand_ins:
        if hand_in.notebook is not None and has_code:
            write_whole(place_in(there, NOTEBOOK), hand_in.notebook.text.encode(errors="replace"))
        for run in hand_in.runs:
            if run.name in unmeasured and run.name.casefold() != NOTEBOOK.casefold():
                for name, content in run.files.items():
                    write_whole(place_in(there, f"{run.name}/{name}"), content)

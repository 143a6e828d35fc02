"""What a student's notebook holds, read without running it, and what the homework's checks say of it."""

from __future__ import annotations

from cnnlab.classroom.results import CheckedTask


def check_notebook(text: str, *, points: float = 1.0) -> tuple[CheckedTask, ...]:
    """The tasks of the lesson's notebook, each checked by its value as it stands in a student's, which is not run.

    text: of the .ipynb. points: for each task that is checked here; those of code, which only a teacher may run, have 0
    of 0. Raises UserError where the text is no notebook.
    """
    raise NotImplementedError

"""What only a teacher may run lies beside the teacher's page, file for file, and was not run."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from tests.classroom.class_of_sixty import notebook
from tests.classroom.test_marking import ROSTER, by, by_key, given, small

from cnnlab.classroom.collecting import collect

TIME = datetime(2026, 12, 1, tzinfo=UTC)
#: A net of a student's own, in a run folder as it is handed in.
OWN = [
    {"name": "config.json", "text": '{"net": {"name": "mine.py:Net"}}'},
    {"name": "mine.py", "text": "raise SystemExit('was run')\n"},
]


def test_a_notebook_with_code_and_a_run_that_was_not_measured_are_written(tmp_path):
    of_code = notebook(3)
    of_code["text"] = json.dumps(
        {"nbformat": 4, "cells": [{"cell_type": "code", "source": "net = build()\nafter_conv = 26"}]}
    )
    holds = by("a1", notebook=of_code, runs=[{"name": "my run", "files": OWN}])
    place = small(tmp_path, roster=ROSTER)
    results = collect(place, [given(tmp_path, {"a1.json": (holds, TIME)})], to_run=tmp_path / "to-run")
    assert [net.accuracy for net in by_key(results)["a1"].nets] == [None]
    found = {str(path.relative_to(tmp_path / "to-run")): path for path in (tmp_path / "to-run").rglob("*.*")}
    assert set(found) == {"a1/NOTEBOOK.ipynb", "a1/my run/config.json", "a1/my run/mine.py"}
    assert found["a1/NOTEBOOK.ipynb"].read_text() == of_code["text"]
    assert found["a1/my run/mine.py"].read_text() == OWN[1]["text"]


def test_what_is_marked_without_running_is_not_written_again(tmp_path):
    place = small(tmp_path, roster=ROSTER)
    values = {"name": "x.ipynb", "text": json.dumps({"nbformat": 4, "cells": []})}
    collect(place, [given(tmp_path, {"a1.json": (by("a1", notebook=values), TIME)})], to_run=tmp_path / "to-run")
    assert not (tmp_path / "to-run").exists()

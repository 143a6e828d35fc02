"""What is written as JSON is read by every reader, infinite numbers and NaN included."""

from __future__ import annotations

import json
import math

import pytest

from cnnlab.config import checked
from cnnlab.runs.folder import SplitFigures, write_json
from cnnlab.runs.records import read_json
from cnnlab.strict_json import strict_json


def refused(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_numbers_that_json_has_no_word_for_come_by_their_names():
    text = strict_json({"a": [math.inf, (-math.inf, 1.5)], "b": {"c": math.nan, "d": None, "e": True, "f": "NaN"}})
    record = json.loads(text, parse_constant=refused)
    assert record == {"a": ["Infinity", ["-Infinity", 1.5]], "b": {"c": "NaN", "d": None, "e": True, "f": "NaN"}}


@pytest.mark.parametrize("loss", [math.inf, math.nan, 0.25])
def test_a_loss_that_is_infinite_comes_back_from_its_file(tmp_path, loss):
    path = tmp_path / "result.json"
    figures = SplitFigures(accuracy=0.1, loss=loss, accuracy_interval=(0.0, 0.2), images=10)
    write_json(path, figures.model_dump())
    json.loads(path.read_text(), parse_constant=refused)
    again = checked(SplitFigures, read_json(path), "result.json").loss
    assert again == loss or (math.isnan(again) and math.isnan(loss))

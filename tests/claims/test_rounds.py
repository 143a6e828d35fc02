"""claims.json: entries of one round stay together, those of another are put aside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cnnlab.claims.claim import Finding
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.registry import find_claim
from cnnlab.claims.rounds import RoundRecord, read_round, round_of
from cnnlab.errors import UserError
from cnnlab.experiments.engines import InProcess


@pytest.fixture
def round_(tmp_path):
    def call(**changes):
        laboratory = Laboratory(
            data="mnist-5k",
            fashion="mnist-5k",
            seeds=changes.pop("seeds", (0, 1)),
            is_quick=True,
            epochs=1,
            folder=tmp_path / "runs",
            engine=InProcess(),
        )
        return round_of(laboratory, engine="here").model_copy(update=changes)

    return call


def entry(name, verdict="supported"):
    found = Finding(1.0, "points", None, 3, "cases", verdict, "So.")
    return find_claim(name).entry(found, 1.0)


def test_one_claim_measured_again_leaves_the_others(tmp_path, round_):
    first = RoundRecord(tmp_path / "claims.json", round_())
    for name in ("output-size", "memorise", "cnn-beats-dense"):
        first.add(entry(name))
    again = RoundRecord(tmp_path / "claims.json", round_())
    again.add(entry("memorise", "undecided"))
    document = json.loads((tmp_path / "claims.json").read_text())
    assert [(one["id"], one["verdict"]) for one in document["claims"]] == [
        ("output-size", "supported"),
        ("memorise", "undecided"),
        ("cnn-beats-dense", "supported"),
    ]
    assert again.put_aside is None


def test_entries_stand_in_the_lessons_order_however_they_were_asked_for(tmp_path, round_):
    record = RoundRecord(tmp_path / "claims.json", round_())
    for name in ("memorise", "output-size"):
        record.add(entry(name))
    assert list(record.entries) == ["output-size", "memorise"]


@pytest.mark.parametrize(
    "changes",
    [{"seeds": (0, 1, 2)}, {"seeds": (5, 6)}, {"quick": False}, {"data": "mnist"}, {"data_sha256": "0"}, {"epochs": 3}],
)
def test_another_round_is_put_aside_whole_and_not_mixed_in(tmp_path, round_, changes):
    RoundRecord(tmp_path / "claims.json", round_()).add(entry("output-size"))
    before = (tmp_path / "claims.json").read_text()
    other = RoundRecord(tmp_path / "claims.json", round_(**changes))
    other.add(entry("memorise"))
    assert [one["id"] for one in json.loads((tmp_path / "claims.json").read_text())["claims"]] == ["memorise"]
    assert other.put_aside is not None
    assert other.put_aside.read_text() == before


def test_other_versions_are_another_round(tmp_path, round_):
    RoundRecord(tmp_path / "claims.json", round_()).add(entry("output-size"))
    other = round_()
    other = other.model_copy(update={"environment": other.environment.model_copy(update={"torch": "1.0"})})
    assert RoundRecord(tmp_path / "claims.json", other).entries == {}


def test_a_damaged_record_is_told_with_its_field_and_is_not_lost(tmp_path, round_):
    RoundRecord(tmp_path / "claims.json", round_()).add(entry("output-size"))
    record = json.loads((tmp_path / "claims.json").read_text())
    record["claims"][0]["verdict"] = "perhaps"
    spoilt = json.dumps(record)
    (tmp_path / "claims.json").write_text(spoilt)
    with pytest.raises(UserError, match=r"claims.json: claims.0.verdict: got 'perhaps'; input should be 'supported', "):
        read_round(tmp_path / "claims.json")
    put_aside = RoundRecord(tmp_path / "claims.json", round_()).put_aside
    assert put_aside is not None
    assert put_aside.read_text() == spoilt


@pytest.mark.parametrize("name", ["claims.json", "claims-quick.json"])
def test_the_published_rounds_are_such_records(name):
    published = Path(__file__).parents[2] / "results" / name
    whole = json.loads(published.read_text())
    found = read_round(published)
    assert [entry.to_json() for entry in found.claims] == whole["claims"], "read and written it is the same"
    assert found.is_same(found)


def test_a_record_of_before_there_were_versions_is_put_aside(tmp_path, round_):
    (tmp_path / "claims.json").write_text(json.dumps({"quick": True, "data": "mnist-5k", "seeds": 2, "claims": []}))
    assert RoundRecord(tmp_path / "claims.json", round_()).put_aside is not None

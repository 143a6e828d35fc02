"""`cnnlab claims`: a list of entries on stdout, pages as claims end, and earlier entries of the round kept."""

from __future__ import annotations

import json

from cnnlab.claims.registry import find_claim
from cnnlab.errors import Stopped


def test_entries_pages_and_what_was_there_before(cnnlab, tmp_path):
    out = tmp_path / "claims"
    first = cnnlab("claims", "fewer-params", "pooling-cost", "--quick", "--out", out, "--json")
    assert first.code == 0, first.err
    assert [entry["id"] for entry in first.json] == ["fewer-params", "pooling-cost"]
    keys = {"id", "statement", "kind", "effect", "unit", "interval", "n", "verdict", "time_s"}
    assert all(keys <= set(entry) for entry in first.json)
    again = cnnlab("claims", "pooling-cost", "--quick", "--out", out, "--json")
    assert [entry["id"] for entry in again.json] == ["pooling-cost"]
    record = json.loads((out / "claims.json").read_text())
    assert [entry["id"] for entry in record["claims"]] == ["fewer-params", "pooling-cost"]
    assert record["environment"]["torch"]
    assert (record["data"], record["seeds"], record["quick"]) == ("mnist-5k", 3, True)
    assert {path.name for path in out.glob("*.html")} == {"index.html", "fewer-params.html", "pooling-cost.html"}


def test_another_round_says_what_becomes_of_the_first(cnnlab, tmp_path):
    out = tmp_path / "claims"
    cnnlab("claims", "fewer-params", "--quick", "--out", out)
    other = cnnlab("claims", "pooling-cost", "--quick", "--seeds", 2, "--out", out)
    assert other.code == 0
    assert "claims-before.json" in other.err
    assert [one["id"] for one in json.loads((out / "claims.json").read_text())["claims"]] == ["pooling-cost"]


def test_stopped_it_keeps_the_pages_of_what_is_finished(cnnlab, tmp_path, monkeypatch):
    """Ctrl-C between two claims."""
    from cnnlab.workflows import claims as workflow

    def measure(claim, laboratory, whole=workflow.measure):
        if claim.id == "pooling-cost":
            raise Stopped
        return whole(claim, laboratory)

    monkeypatch.setattr(workflow, "measure", measure)
    out = tmp_path / "claims"
    outcome = cnnlab("claims", "fewer-params", "pooling-cost", "--quick", "--out", out, "--json")
    assert [entry["id"] for entry in outcome.json] == ["fewer-params"]
    assert (out / "fewer-params.html").exists()
    assert find_claim("fewer-params").statement in (out / "index.html").read_text().replace("&#39;", "'")

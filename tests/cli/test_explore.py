"""`cnnlab explore`: where the page goes, what links to it, and what is said when there can be none."""

from __future__ import annotations

import pytest


@pytest.fixture
def run(cnnlab, tmp_path):
    outcome = cnnlab("train", "lenet5", "--data", "mnist-5k@200", "--epochs", 1, "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    return tmp_path / "run"


def test_explorer_and_report_link_to_each_other(run, cnnlab):
    assert 'href="explorer.html"' not in (run / "report.html").read_text()
    assert "cnnlab explore" in (run / "report.html").read_text()
    outcome = cnnlab("explore", run, "--no-open")
    assert outcome.code == 0, outcome.err
    assert str(run / "explorer.html") in outcome.out
    assert 'href="explorer.html"' in (run / "report.html").read_text()
    assert '"report":"report.html"' in (run / "explorer.html").read_text()


def test_a_page_elsewhere_is_linked_to_from_nowhere(run, cnnlab, tmp_path):
    before = (run / "report.html").read_text()
    outcome = cnnlab("explore", run, "--out", tmp_path / "page.html", "--json")
    assert outcome.json["page"] == str(tmp_path / "page.html")
    assert outcome.json["bytes"] == (tmp_path / "page.html").stat().st_size
    assert '"report":null' in (tmp_path / "page.html").read_text()
    assert (run / "report.html").read_text() == before
    assert not (run / "explorer.html").exists()


def test_an_unfinished_run_is_said_to_be_one(run, cnnlab):
    (run / "result.json").unlink()
    outcome = cnnlab("explore", run, "--no-open")
    assert outcome.code == 2
    assert "not finished" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (run / "explorer.html").exists()


def test_an_unknown_layer_leaves_no_page(cnnlab, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(
        "from torch import nn\n\n\nclass Normed(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.Conv2d(1, 4, 5), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(2304, 10))\n"
    )
    path, net = tmp_path / "own", f"{own}:Normed"
    assert cnnlab("train", net, "--data", "mnist-5k@200", "--epochs", 1, "--out", path).code == 0
    outcome = cnnlab("explore", path, "--net", net, "--no-open")
    assert outcome.code == 2
    assert "layer 1 (GroupNorm)" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (path / "explorer.html").exists()
    refused = cnnlab("explore", path, "--no-open")
    assert refused.code == 2
    assert "--net" in refused.err

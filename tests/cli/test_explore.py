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
        "        super().__init__(nn.Conv2d(1, 4, 5), nn.LocalResponseNorm(2), nn.Flatten(), nn.Linear(2304, 10))\n"
    )
    path, net = tmp_path / "own", f"{own}:Normed"
    assert cnnlab("train", net, "--data", "mnist-5k@200", "--epochs", 1, "--out", path).code == 0
    outcome = cnnlab("explore", path, "--net", net, "--no-open")
    assert outcome.code == 2
    assert "layer 1 (LocalResponseNorm)" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (path / "explorer.html").exists()
    refused = cnnlab("explore", path, "--no-open")
    assert refused.code == 2
    assert "--net" in refused.err


def test_two_runs_of_own_nets_are_each_given_their_code(cnnlab, tmp_path):
    for name, hidden in (("one", 12), ("two", 20)):
        (tmp_path / f"{name}.py").write_text(
            f"from torch import nn\n\n\nclass {name.title()}(nn.Sequential):\n    def __init__(self):\n"
            f"        super().__init__(nn.Flatten(), nn.Linear(784, {hidden}), nn.ReLU(), nn.Linear({hidden}, 10))\n"
        )
    nets = [f"{tmp_path / 'one.py'}:One", f"{tmp_path / 'two.py'}:Two"]
    runs = [tmp_path / "run-one", tmp_path / "run-two"]
    for net, path in zip(nets, runs, strict=True):
        assert cnnlab("train", net, "--data", "mnist-5k@200", "--epochs", 1, "--out", path).code == 0
    outcome = cnnlab("explore", *runs, "--net", nets[0], "--net", nets[1], "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["layers"] == [4, 4]
    swapped = cnnlab("explore", *runs, "--net", nets[1], "--net", nets[0], "--no-open")
    assert swapped.code == 2
    assert "do not fit" in swapped.err
    many = cnnlab("explore", *runs, *("--net", nets[0]) * 3, "--no-open")
    assert many.code == 2
    assert "--net: got 3 of them; expected one for each run of your own net: 2 here" in many.err


def test_a_trained_run_brings_its_moments(run, cnnlab):
    outcome = cnnlab("explore", run, "--json")
    kept = len(list((run / "checkpoints").iterdir()))
    assert kept >= 2
    assert outcome.json["moments"] == [kept + 1]


def test_a_damaged_moment_is_said(run, cnnlab):
    first = sorted((run / "checkpoints").iterdir())[0]
    first.write_bytes(first.read_bytes()[:100])
    outcome = cnnlab("explore", run, "--no-open")
    assert outcome.code == 2
    assert str(first) in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_a_run_that_keeps_nothing_of_unlike_images_is_said_with_what_mends_it(run, cnnlab):
    assert '"unlike":{"scores":["answer","features","pixels"]' in _page(run, cnnlab)
    (run / "unlike.safetensors").unlink()
    outcome = cnnlab("explore", run, "--json")
    (note,) = [note for note in outcome.json["notes"] if "unlike.safetensors" in note]
    assert '"unlike":null' in (run / "explorer.html").read_text()
    command = note.rpartition(": cnnlab ")[2].split()
    assert cnnlab(*command).code == 0
    assert '"unlike":{"scores"' in _page(run, cnnlab)


def _page(run, cnnlab):
    outcome = cnnlab("explore", run, "--json")
    assert not [note for note in outcome.json["notes"] if "unlike" in note]
    return (run / "explorer.html").read_text()

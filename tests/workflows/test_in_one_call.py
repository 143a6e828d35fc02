"""compare, sweep and claims from Python give what the commands give, with the same files."""

from __future__ import annotations

import json

import pytest

import cnnlab
from cnnlab.errors import Stopped

SMALL = {"net": "mlp", "data": "mnist-5k@60", "epochs": 1, "seeds": 2, "engine": "here"}
OPTIONS = ["--net", "mlp", "--data", "mnist-5k@60", "--epochs", "1", "--seeds", "2", "--engine", "here"]


def without_times(document):
    if isinstance(document, dict):
        kept = (name for name in document if "time" not in name and name != "front")  # a front counts time as a cost
        return {name: without_times(document[name]) for name in kept}
    return [without_times(one) for one in document] if isinstance(document, list) else document


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "given", "arguments"),
    [
        ("compare", ["sgd", "hidden=16"], ["compare", "sgd", "--set", "hidden=16"]),
        (
            "sweep",
            ["hidden=8", "hidden=16", "learning_rate=0.01"],
            ["sweep", "--hidden", "8", "16", "--set", "learning_rate=0.01"],
        ),
    ],
)
def test_from_python_as_from_the_command_line(tmp_path, monkeypatch, cnnlab_process, call, given, arguments):
    asked, called = tmp_path / "asked", tmp_path / "called"
    asked.mkdir(), called.mkdir()
    printed = cnnlab_process(*arguments, *OPTIONS, "--out", "out", "--json", folder=asked).result
    monkeypatch.chdir(called)
    ahead, found = [], []
    watch = cnnlab.Watch(on_ahead=ahead.append, on_found=lambda *counts: found.append(counts))
    result = getattr(cnnlab, call)(given, out="out", watch=watch, **SMALL)
    written = json.loads((called / "out" / f"{'comparison' if call == 'compare' else call}.json").read_text())
    assert without_times(written) == without_times(printed)
    assert without_times(result.to_json()).items() <= without_times(written).items()
    assert files(called) == files(asked)
    assert ahead[0] >= 4
    assert found in ([], [(0, 6)])


def test_stopped_from_python_keeps_what_is_finished(tmp_path):
    done = []
    watch = cnnlab.Watch(
        on_progress=lambda run, share: done.append(run) if share == 1 else None, should_stop=lambda: len(done) > 1
    )
    with pytest.raises(Stopped, match="2 of 4 runs are finished and kept"):
        cnnlab.compare(["sgd"], out=tmp_path, watch=watch, **SMALL)
    found = []
    cnnlab.compare(["sgd"], out=tmp_path, watch=cnnlab.Watch(on_found=lambda *counts: found.append(counts)), **SMALL)
    assert found == [(2, 4)]
    assert (tmp_path / "index.html").is_file()


def test_claims_from_python_as_from_the_command_line(tmp_path, monkeypatch, cnnlab_process):
    asked, called = tmp_path / "asked", tmp_path / "called"
    asked.mkdir(), called.mkdir()
    command = ("claims", "fewer-params", "pooling-cost", "--quick", "--seeds", 1, "--out", "out", "--json")
    printed = cnnlab_process(*command, folder=asked).result
    monkeypatch.chdir(called)
    begun, measured, work = [], [], []
    watch = cnnlab.Watch(on_work=work.append)
    results = cnnlab.claims(
        ["fewer-params", "pooling-cost"],
        quick=True,
        seeds=1,
        out="out",
        on_begin=begun.append,
        on_measured=measured.append,
        watch=watch,
    )
    written = json.loads((called / "out" / "claims.json").read_text())["claims"]
    assert without_times(written) == without_times(printed)
    assert [one.finding.verdict for one in results] == [entry["verdict"] for entry in written]
    assert begun == ["fewer-params", "pooling-cost"]
    assert measured == results
    assert work == [{}], "these two train nothing"
    assert files(called) == files(asked)


def test_the_room_of_claims_is_there_under_its_name_too():
    import cnnlab.claims.registry

    assert cnnlab.claims.registry.CLAIMS
    assert callable(cnnlab.claims)

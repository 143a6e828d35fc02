"""`cnnlab compare`: from the command to figures, found again, refused where it must be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

COMPARE = ("compare", "--net", "mlp", "--data", "mnist-5k", "--train-size", "150", "--epochs", "2", "--engine", "here")


def test_from_the_command_to_verdicts(cnnlab, tmp_path):
    out = tmp_path / "experiment"
    arguments = (*COMPARE, "--variants", "dropout", "--set", "hidden=16", "--seeds", 3, "--out", out)
    code, text, _ = cnnlab(*arguments, "--json")
    assert code == 0
    document = json.loads(text)
    assert document == json.loads((out / "comparison.json").read_text())
    assert [one["name"] for one in document["variants"]] == ["baseline", "dropout", "hidden=16"]
    page = Path(document["page"]).read_text()
    assert page.count("report.html") >= 9
    assert all((Path(path) / "report.html").exists() for one in document["variants"] for path in one["runs"])
    base = document["variants"][0]
    for one in document["variants"][1:]:
        assert len(one["runs"]) == 3
        for path, accuracy in zip(one["runs"], one["test"]["accuracies"], strict=True):
            assert json.loads((Path(path) / "result.json").read_text())["test"]["accuracy"] == accuracy
        expected = np.mean(np.subtract(one["test"]["accuracies"], base["test"]["accuracies"]))
        assert one["difference"]["mean"] == pytest.approx(expected)
        assert one["verdict"]["words"]
    p = [one["difference"]["p"] for one in document["variants"][1:]]
    raw = [
        stats.ttest_rel(one["test"]["accuracies"], base["test"]["accuracies"]).pvalue
        for one in document["variants"][1:]
    ]
    assert p == pytest.approx(raw, rel=0.2)  # rounding to whole images widens the spread a little
    adjusted = [one["difference"]["adjusted_p"] for one in document["variants"][1:]]
    assert all(corrected >= single for corrected, single in zip(adjusted, p, strict=True))

    code, text, err = cnnlab(*arguments)
    assert code == 0
    assert "9 of 9 runs are there already" in err
    assert "dropout" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "got no variants"),
        (("--variants", "no-droput"), "did you mean no-dropout"),
        (("--set", "dropot=1"), "did you mean dropout"),
        (("--variants", "no-dropout"), "the same training as baseline"),
        (("--variants", "no-batchnorm"), "mlp has no option batch-norm"),
    ],
)
def test_refusals(cnnlab, tmp_path, arguments, says):
    code, out, err = cnnlab(*COMPARE, *arguments, "--out", tmp_path / "x")
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.glob("x/runs/*"))


@pytest.mark.slow
def test_a_factorial_design_from_the_command(cnnlab, tmp_path):
    out = tmp_path / "design"
    arguments = (*COMPARE, "--factorial", "--set", "dropout=0.5", "--set", "weight-decay=0.01", "--seeds", 2)
    code, text, _ = cnnlab(*arguments, "--out", out, "--json")
    assert code == 0
    document = json.loads(text)
    names = [one["name"] for one in document["variants"]]
    assert names == ["baseline", "dropout=0.5", "weight-decay=0.01", "dropout=0.5 + weight-decay=0.01"]
    neither, first, second, together = (np.array(one["test"]["accuracies"]) for one in document["variants"])
    effects = {one["name"]: one["test"]["mean"] for one in document["factorial"]}
    assert effects == pytest.approx(
        {
            "dropout=0.5": np.mean((first - neither + together - second) / 2),
            "weight-decay=0.01": np.mean((second - neither + together - first) / 2),
            "dropout=0.5 × weight-decay=0.01": np.mean((together - second) - (first - neither)),
        }
    )
    page = (out / "index.html").read_text()
    assert "a 2×2 design" in page
    assert "dropout=0.5 × weight-decay=0.01" in page
    code, _, error = cnnlab(*COMPARE, "--factorial", "--set", "dropout=0.5", "--out", out)
    assert code == 2
    assert "--factorial: got 1 variant; expected two" in error

"""A lesson's folder once its pages are written: small, whole, and able to go on."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from tests.lesson.conftest import Small
from tests.lesson.test_lesson import Links, record_of

from cnnlab.claims.claim import Claim
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.measuring import Measured, measure
from cnnlab.errors import UserError
from cnnlab.lesson.chapters import CHAPTERS
from cnnlab.lesson.evidence import Evidence
from cnnlab.report.back import back_from_look, back_from_run
from cnnlab.runs import open_run


def test_of_all_weights_those_of_the_two_nets_stay(small: Small, evidence: Evidence) -> None:
    kept = {path.parent.relative_to(small.out).as_posix() for path in small.out.rglob("weights.safetensors")}
    assert kept == {"lenet5", "simple-cnn"}
    assert not list(small.out.rglob("resume.safetensors"))
    assert len(list(small.out.rglob("result.json"))) > 20


def test_a_run_without_its_weights_has_its_figures_and_says_how_to_get_them_back(
    small: Small, evidence: Evidence
) -> None:
    run = evidence.architectures.baseline.runs[0]
    assert run.result().test.accuracy == run.evaluations()["test"].accuracy
    assert run.epochs()
    assert (run.path / "report.html").exists()
    with pytest.raises(UserError, match=rf"lets go.*cnnlab train simple-cnn --out \S*{run.path.name} --resume$"):
        run.load_net()


def test_a_link_leads_to_a_file_from_every_page(small: Small, evidence: Evidence) -> None:
    for page in small.out.rglob("*.html"):
        for href in Links(page.read_text()).hrefs:
            target = unquote(href.partition("#")[0])
            assert not target or (page.parent / target).is_file(), (page, href)


@pytest.mark.slow
def test_a_claim_that_is_added_later_is_measured_and_nothing_else(
    small: Small, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the folder of an older cnnlab meets one with a claim more."""
    again = Small(small.out, small.images)
    path = small.out / "claims" / "claims.json"
    record = json.loads(path.read_text())
    left = [entry for entry in record["claims"] if entry["id"] != "fewer-params"]
    assert len(left) == len(record["claims"]) - 1
    path.write_text(json.dumps(record | {"claims": left}))
    measured: list[str] = []

    def watched(claim: Claim, laboratory: Laboratory) -> Measured:
        measured.append(claim.id)
        return measure(claim, laboratory)

    monkeypatch.setattr("cnnlab.workflows.lesson.measure", watched)
    again.run()
    assert measured == ["fewer-params"]
    assert again.engine.trained == []
    assert {entry["id"] for entry in json.loads(path.read_text())["claims"]} == set(small.sizes.claims)


def test_explore_and_look_keep_the_way_back(
    small: Small, evidence: Evidence, cnnlab: Callable[..., Any], tmp_path: Path
) -> None:
    lesson = shutil.copytree(small.out, tmp_path / "lesson")
    files = {chapter.name: chapter.file for chapter in CHAPTERS}
    for net, chapter in (("lenet5", "lenet"), ("simple-cnn", "simple_cnn")):
        assert cnnlab("explore", lesson / net, "--no-open").code == 0
        assert Links((lesson / net / "report.html").read_text()).hrefs[:2] == [f"../{files[chapter]}", "../index.html"]
        assert record_of(lesson / net / "explorer.html")["lesson"] == f"../{files[chapter]}"
    assert cnnlab("look", lesson / "simple-cnn", "--layer", "features.0").code == 0
    page = Links((lesson / "simple-cnn" / "look" / "layer-features.0.html").read_text())
    assert page.hrefs[:2] == [f"../../{files['early_and_late']}", "../../index.html"]


def test_a_run_s_weights_come_back_by_the_command_that_is_named(
    small: Small, evidence: Evidence, cnnlab: Callable[..., Any], tmp_path: Path
) -> None:
    lesson = shutil.copytree(small.out, tmp_path / "lesson")
    run = open_run(lesson / "claims" / "runs" / evidence.architectures.baseline.runs[0].path.name)
    told = cnnlab("explore", run.path, "--no-open")
    assert told.code == 2
    assert len(told.err.splitlines()) == 1
    before = run.evaluations()
    command = shlex.split(told.err.partition(" with: ")[2])
    assert cnnlab(*command[1:]).code == 0
    assert run.evaluations() == before
    assert run.test_openings() == 1
    assert cnnlab("explore", run.path, "--no-open").code == 0
    assert record_of(run.explorer_path)["lesson"] == f"../../../{CHAPTERS[-1].file}"


def test_a_run_that_lies_in_no_lesson_leads_nowhere_back(small: Small, evidence: Evidence, tmp_path: Path) -> None:
    path = tmp_path / "simple-cnn"
    path.symlink_to(evidence.simple_cnn.run.path)
    assert back_from_run(path) == back_from_run(evidence.simple_cnn.run.path), "a link is where it leads"
    assert back_from_run(tmp_path / "elsewhere" / "simple-cnn") is None
    assert back_from_look(small.out / "mine") is None

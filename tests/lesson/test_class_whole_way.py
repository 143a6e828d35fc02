"""The whole way of docs/how-to/teaching.md: made, handed out, answered in a browser, collected and marked."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cnnlab.classroom.variants import numbers_key, variant_of
from cnnlab.cli import cnnlab as command_line
from cnnlab.lesson.evidence import Evidence

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
COMMANDS = re.findall(r"^cnnlab (?:class|hand-in) .+$", (ROOT / "docs/how-to/teaching.md").read_text(), re.MULTILINE)
NOTEBOOK = "lesson3_Pytorch_MNIST_cnn.ipynb"

#: As Moodle exports it; the student's id is the one of the page's `hand-in` command.
ROSTER = (
    '\ufeff"First name","Last name","ID number","Email address","Assignment: Lesson (Real)"\r\n'
    '"Ada","Lovelace","s1234567","ada@example.org","-"\r\n'
    '"Emmy","Noether","s7654321","emmy@example.org","-"\r\n'
)


def run(command: str) -> str:
    done = CliRunner().invoke(command_line, shlex.split(command)[1:])
    assert done.exit_code == 0, f"{command}: {done.output} {done.exception!r}"
    return done.output


def of(name: str) -> str:
    """The command of the page that does it."""
    return next(command for command in COMMANDS if command.startswith(f"cnnlab {name} "))


@pytest.fixture(scope="module")
def teacher(evidence: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher's folder: a finished lesson and the roster. A student's run and notebook lie there, too."""
    folder = tmp_path_factory.mktemp("teacher")
    shutil.copytree(evidence.folder, folder / "lesson")
    (folder / "grades.csv").write_text(ROSTER, encoding="utf-8", newline="")
    shutil.copy(ROOT / "notebooks" / NOTEBOOK, folder / NOTEBOOK)
    run(f"cnnlab train mlp --data mnist-5k@500 --epochs 1 --out {shlex.quote(str(folder / 'runs' / 'cnn'))}")
    return folder


def answered_in_the_browser(browser: Any, pages: Path, right: str, text: str, out: Path) -> None:
    """Ada opens what was handed out, gives her id, answers one question right, writes a text, and saves her hand-in."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto((pages / "index.html").as_uri())
    page.locator("#student-id").fill("S1234567 ")
    page.locator("#reader").fill("Ada Lovelace")
    page.locator("#reader").press("Tab")
    page.locator("a[href='03-shapes.html']").first.click()
    form = page.locator("#q-output-height")
    form.get_by_label("Your answer").fill(right)
    form.get_by_role("button", name="Check").click()
    assert "at the first try" in form.get_by_role("status").inner_text()
    page.locator("a[href='index.html']").first.click()
    page.locator("a[href='14-regularisers.html']").first.click()
    page.locator("textarea").fill(text)
    page.locator("textarea").press("Tab")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save the hand-in as a file").click()
    waiting.value.save_as(out)
    context.close()


def test_the_whole_way(browser: Any, teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(teacher)
    run(of("class new"))
    run(of("class hand-out"))
    a_class = teacher / "Deep-learning"
    handout = a_class / "Deep-learning-handout.zip"
    assert handout.stat().st_size < 6_000_000
    zipfile.ZipFile(handout).extractall(teacher / "theirs")
    pages = teacher / "theirs" / "Deep-learning"
    assert (pages / "assignment.html").exists()

    lies = str(Path(json.loads((teacher / "lesson" / "lesson.json").read_text())["lesson"]["data"][4:]).parent)
    telling = [each.name for each in pages.rglob("*.html") if lies in each.read_text()]
    assert not telling, f"these say that the teacher's images lie in {lies}"

    settings = json.loads((a_class / "class.json").read_text())
    assert settings["secret"] not in "".join(each.read_text() for each in pages.rglob("*.html"))
    asked = {one["id"]: one for one in json.loads((a_class / "questions.json").read_text())["questions"]}
    variants = asked["output-height"]["variants"]
    index = variant_of(numbers_key(settings["secret"]), "s1234567", "output-height", len(variants))
    right = variants[index]["answer"]
    answered_in_the_browser(browser, pages, right, "Without dropout <b>the gap</b> grew.", teacher / "page.json")
    run(of("hand-in"))
    by_python = teacher / "hand-in-python-s1234567.json"

    with zipfile.ZipFile(teacher / "submissions.zip", "w") as archive:
        archive.write(teacher / "page.json", "Ada Lovelace_101_assignsubmission_file_/hand-in-s1234567.json")
        archive.write(by_python, f"Ada Lovelace_101_assignsubmission_file_/{by_python.name}")
        archive.writestr("Emmy Noether_102_assignsubmission_file_/essay.pdf", b"%PDF-1.7")
    run(of("class collect"))
    first = {path.name: path.read_bytes() for path in (a_class / "collected").rglob("*") if path.is_file()}
    ada, emmy = json.loads(first["results.json"])["results"]
    (question,) = [one for one in ada["answered"] if one["given"]]
    assert (question["id"], question["variant"], question["given"]) == ("output-height", index, [right])
    assert ada["question_points"] == 1
    assert [one["text"] for one in ada["texts"] if one["text"]] == [
        "Without dropout <b>the gap</b> grew.",
        "Dropout helped, see runs/cnn.",
    ]
    assert ada["homework_points"] is None
    assert {one["standing"] for one in ada["tasks"] if one["most"]} == {"not filled in"}
    assert not emmy["file"]
    assert any("essay.pdf" in line for line in json.loads(first["results.json"])["lines"])
    assert f"{ada['student']['key']}.html" in first
    assert b"<b>the gap" not in first["index.html"]

    (a_class / "marks").mkdir(exist_ok=True)
    of_ada = {"homework-2": {"points": 1.5, "remark": "Which seed?"}}
    marks = {"kind": "cnnlab marks", "format": 1, "class": settings["made"], "marks": {ada["student"]["key"]: of_ada}}
    (a_class / "marks" / "marks-Deep-learning.json").write_text(json.dumps(marks))
    run("cnnlab class collect --class Deep-learning --gradebook grades.csv")
    filled = (a_class / "collected" / "grades.csv").read_bytes().decode("utf-8")
    before, after = (text.split("\r\n") for text in (ROSTER, filled))
    assert [line[: len(old)] for line, old in zip(after, before, strict=True)] == before
    questions, homework, *_ = after[1].removeprefix(before[1]).strip(",").replace('"', "").split(",")
    assert (float(questions), float(homework)) == (1, 1.5)
    assert after[2].removeprefix(before[2]).replace('"', "").strip(",") == ""
    feedback = (a_class / "collected" / "feedback" / f"{ada['student']['key']}.html").read_text()
    assert "Which seed?" in feedback
    assert "Noether" not in feedback

    (a_class / "marks" / "marks-Deep-learning.json").unlink()
    run(of("class collect"))  # the same again
    again = {path.name: path.read_bytes() for path in (a_class / "collected").rglob("*") if path.is_file()}
    assert again == first

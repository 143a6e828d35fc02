"""A lesson's handout: all of its pages work by themselves, it is small, and written whole or not at all."""

from __future__ import annotations

import html
import json
import shlex
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import markupsafe
import pytest

from cnnlab.errors import UserError
from cnnlab.workflows import handout
from cnnlab.workflows.handout import hand_out, handout_path


class Page(HTMLParser):
    """A page's links and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hrefs += [value or "" for name, value in attrs if tag == "a" and name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def page(*links: str, more: str = "") -> str:
    listed = "".join(f'<a class=x href="{link}">to {link}</a> ' for link in links)
    return f"<main><p>{listed}</p>{more}</main>"


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    """A folder like a lesson's: pages, two explorers, runs' reports, weights, and what no page leads to."""
    folder = tmp_path / "my lesson"
    files = {
        "index.html": page("01-a.html", "lenet5/explorer.html#image=3&amp;layer=c1", "claims/index.html"),
        "01-a.html": page("index.html", "#q-1", "lenet5/report.html", "claims/runs/a%20b/report.html#curves"),
        "lenet5/report.html": page("../01-a.html", "explorer.html"),
        "lenet5/explorer.html": page("report.html", more="moments " * 3000),
        "claims/index.html": page("../index.html", "one.html"),
        "claims/one.html": page("index.html", "runs/a%20b/report.html", "runs/c/report.html"),
        "claims/runs/a b/report.html": page("../../one.html"),
        "claims/runs/c/report.html": page("../../one.html"),
        "claims/runs/d/report.html": page("../../one.html"),
        "lenet5/weights.safetensors": "weights",
        "lesson.json": "{}",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def unzipped(path: Path, to: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(to)
    return to


def dead_links(folder: Path) -> list[tuple[str, str]]:
    return [
        (str(path.relative_to(folder)), href)
        for path in folder.rglob("*.html")
        for href in Page(path.read_text()).hrefs
        if (target := unquote(href.partition("#")[0])) and not (path.parent / target).is_file()
    ]


@pytest.mark.parametrize("name", ["digits.npz", "Übung & <1>.npz"])
def test_it_does_not_tell_where_the_teacher_s_images_lie(lesson: Path, tmp_path: Path, name: str) -> None:
    place = f'/home/ada l/Kurs "7"/{name}'
    spelt = [
        f"<p>{markupsafe.escape(place)}</p>",
        f"<script>{json.dumps({'data': f'npz:{place}@500'})}</script>",
        f"<script>{json.dumps(place, ensure_ascii=False)}</script>",
        f"<pre>{html.escape(shlex.join(['cnnlab', 'train', '--data', f'npz:{place}']))}</pre>",
    ]
    (lesson / "01-a.html").write_text("".join(spelt), encoding="utf-8")
    made = hand_out(lesson, {"lenet5/explorer.html": spelt[1].encode()}, data=(f"npz:{place}", "mnist"))
    found = unzipped(made.path, tmp_path / "out") / "my lesson"
    texts = [path.read_text(encoding="utf-8") for path in found.rglob("*.html")]
    assert not [text for text in texts if "ada" in text or "Kurs" in text]
    assert (found / "01-a.html").read_text(encoding="utf-8") == "".join(
        [
            f"<p>{markupsafe.escape(name)}</p>",
            f"<script>{json.dumps({'data': f'npz:{name}@500'})}</script>",
            f"<script>{json.dumps(name, ensure_ascii=False)}</script>",
            f"<pre>cnnlab train --data &#x27;npz:{html.escape(name)}&#x27;</pre>",
        ]
    )


def test_a_set_that_names_no_folder_changes_nothing(lesson: Path, tmp_path: Path) -> None:
    before = (lesson / "01-a.html").read_bytes()
    made = hand_out(lesson, {}, data=("mnist-5k", "csv:digits.csv", "folder:/", "idx:"))
    assert (unzipped(made.path, tmp_path / "out") / "my lesson" / "01-a.html").read_bytes() == before


def test_every_link_in_it_works_and_it_holds_what_links_lead_to(lesson: Path, tmp_path: Path) -> None:
    made = hand_out(lesson, {"lenet5/explorer.html": b"light"})
    assert made.path == tmp_path / "my lesson-handout.zip"
    found = unzipped(made.path, tmp_path / "out") / "my lesson"
    assert {path.relative_to(found).as_posix() for path in found.rglob("*") if path.is_file()} == {
        "index.html", "01-a.html", "lenet5/report.html", "lenet5/explorer.html", "claims/index.html",
        "claims/one.html", "claims/runs/a b/report.html", "claims/runs/c/report.html",
    }  # fmt: skip
    assert dead_links(found) == []
    assert made.left_out == ()
    assert (found / "lenet5" / "explorer.html").read_text() == "light"
    assert (found / "01-a.html").read_bytes() == (lesson / "01-a.html").read_bytes()


def test_what_does_not_fit_is_left_out_and_pages_say_so_instead_of_leading_there(
    lesson: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handout, "_SPARE_BYTES", 0)
    made = hand_out(lesson, {}, most_bytes=1)
    assert made.left_out == ("claims/runs/a b/report.html", "claims/runs/c/report.html", "lenet5/explorer.html")
    found = unzipped(made.path, tmp_path / "out") / "my lesson"
    assert dead_links(found) == []
    contents = Page((found / "index.html").read_text())
    assert contents.hrefs == ["01-a.html", "claims/index.html"]
    assert "to lenet5/explorer.html" in contents.text
    assert "1 page that this one would lead to is not in this handout: cnnlab lesson makes all of it." in contents.text
    claim = Page((found / "claims" / "one.html").read_text())
    assert "2 links of this page lead to what is not in this handout" in claim.text


def test_the_same_folder_gives_the_same_bytes(lesson: Path) -> None:
    first = hand_out(lesson, {}).path.read_bytes()
    for path in lesson.rglob("*"):
        path.touch()
    assert hand_out(lesson, {}).path.read_bytes() == first


def test_a_disk_that_refuses_leaves_the_handout_that_was_there(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = hand_out(lesson, {}).path.read_bytes()
    (lesson / "index.html").write_text(page("01-a.html"))

    def refuse(_source: Path, _target: Path) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(UserError, match="cannot write"):
        hand_out(lesson, {})
    monkeypatch.undo()
    assert handout_path(lesson).read_bytes() == before
    assert [path.name for path in lesson.parent.iterdir() if path.name.endswith(".part")] == []


def test_a_folder_named_by_a_dot_has_its_handout_beside_it(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lesson)
    assert handout_path(Path()) == lesson.parent / "my lesson-handout.zip"

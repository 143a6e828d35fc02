"""The lesson as a folder: its pages, going on after a stop, its record, its progress."""

from __future__ import annotations

import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from tests.lesson.conftest import Small

from cnnlab.claims.registry import CLAIMS, find_claim
from cnnlab.cli import lesson_view
from cnnlab.cli.lesson_view import LessonView
from cnnlab.errors import Stopped, UserError
from cnnlab.lesson import sizes
from cnnlab.lesson.chapters import CHAPTERS
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.experiments import best
from cnnlab.lesson.record import LessonRecord


class Links(HTMLParser):
    """A page's links, ids and visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self._inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.hrefs += [found["href"] or ""] if tag == "a" and "href" in found else []
        self.ids += [found["id"] or ""] if "id" in found else []
        self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._inside):
            self.text += data


@pytest.fixture(scope="module")
def pages(small: Small, evidence: Evidence) -> dict[str, str]:
    return {path.name: path.read_text() for path in small.out.glob("*.html")}


def test_every_chapter_has_its_page_in_the_lesson_s_order(pages: dict[str, str]) -> None:
    chapters = [chapter.file for chapter in CHAPTERS]
    assert {*chapters, "index.html", "anatomy.html"} < set(pages)
    assert [href for href in Links(pages["index.html"]).hrefs if re.match(r"\d\d-[^#]*$", href)] == chapters
    for before, page, after in zip([None, *chapters], chapters, [*chapters[1:], None], strict=False):
        for rel, other in (("prev", before), ("next", after)):
            assert f'<a rel="{rel}" href="{other or "index.html"}">' in pages[page]


def test_all_links_lead_to_files_and_places_in_them(small: Small, pages: dict[str, str]) -> None:
    lead = {name: Links(page).hrefs for name, page in pages.items()}
    assert any("explorer.html#" in href for hrefs in lead.values() for href in hrefs)
    for name, hrefs in lead.items():
        for href in hrefs:
            path, _, fragment = href.partition("#")
            target = small.out / unquote(path) if path else small.out / name
            assert target.is_file(), (name, href)
            if fragment and "explorer.html" not in path:
                assert fragment in Links(target.read_text()).ids, (name, href)


def test_links_into_the_explorer_name_layers_and_units_that_are_there(
    pages: dict[str, str], evidence: Evidence
) -> None:
    nets = {one.folder: one.anatomy for one in (evidence.lenet, evidence.simple_cnn)}
    seen = set()
    for page in pages.values():
        for href in re.findall(r'href="([\w-]+)/explorer\.html#([^"]+)"', page):
            folder, state = href
            found = dict(part.split("=") for part in unquote(state).replace("&amp;", "&").split("&"))
            if "layer" not in found:
                continue  # the whole net
            shape = nets[folder].layer(found["layer"]).output_shape
            unit = [int(at) for at in found["unit"].split(".")]
            assert all(at < side for at, side in zip(unit, (*shape, 1, 1)[:3], strict=True)), href
            seen.add(found["layer"])
    assert len(seen) > 5


def test_no_page_asks_for_anything_or_holds_a_path(pages: dict[str, str], small: Small) -> None:
    for name, page in pages.items():
        assert "default-src 'none'" in page, name
        assert not re.search(r'(src|href)="(https?:)?//', page), name
        if name[0].isdigit():
            assert str(small.out.parent) not in page, name


def record_of(explorer: Path) -> dict[str, Any]:
    found = re.search(r'<script[^>]*id="record"[^>]*>(.*?)</script>', explorer.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_every_page_that_the_lesson_leads_to_leads_back_to_its_chapter_and_the_contents(
    small: Small, pages: dict[str, str]
) -> None:
    chapters = {chapter.file for chapter in CHAPTERS}
    others = [path for path in small.out.rglob("*.html") if path.read_text() != "a report"]
    others = [path for path in others if path.parent != small.out or path.name not in {*chapters, "index.html"}]
    assert {"claims", "lenet5", "simple-cnn", "look", small.out.name} < {path.parent.name for path in others}
    for path in others:
        if path.name in ("explorer.html", "playground.html"):
            back = [record_of(path)["lesson"]]
        else:
            back = Links(path.read_text()).hrefs[:2]
            assert (path.parent / back[1]).resolve() == (small.out / "index.html").resolve(), path
        assert (path.parent / back[0]).resolve().name in chapters, path
        assert (path.parent / back[0]).resolve().parent == small.out.resolve(), path


def test_both_nets_have_moments_for_their_explorers(small: Small, evidence: Evidence) -> None:
    for one in (evidence.lenet, evidence.simple_cnn):
        moments = len(list((one.run.path / "checkpoints").glob("*.safetensors")))
        assert moments >= 3
        assert len(record_of(one.run.explorer_path)["nets"][0]["history"]["moments"]) >= 3
    assert {path.parent.name for path in small.out.rglob("checkpoints")} == {"lenet5", "simple-cnn"}


def test_a_handout_holds_the_pages_and_no_weights(small: Small, evidence: Evidence, tmp_path: Path) -> None:
    made = small.lesson.hand_out()
    with zipfile.ZipFile(made.path) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / small.out.name
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".html"}
    assert made.left_out == ()
    assert made.path.stat().st_size < 6_000_000
    for path in folder.rglob("*.html"):
        for href in Links(path.read_text()).hrefs:
            target = unquote(href.partition("#")[0])
            assert not target or (path.parent / target).is_file(), (path, href)
    explorer = (folder / "simple-cnn" / "explorer.html").read_text()
    assert len(explorer) < len(evidence.simple_cnn.run.explorer_path.read_text())
    assert '"history":null' in explorer


def test_every_question_is_on_its_page_and_its_answer_is_not_told_before(
    pages: dict[str, str], evidence: Evidence
) -> None:
    for chapter in CHAPTERS:
        shown = Links(pages[chapter.file])
        for question in chapter.section(evidence).questions:
            assert shown.ids.count(f"q-{question.id}") == 1
            assert question.text in shown.text.replace("&#39;", "'")
            assert question.worked not in shown.text
            for slip in question.slips:
                assert slip.hint not in shown.text


def test_questions_json_holds_what_the_pages_ask_in_all_numbers_and_the_texts(small: Small, evidence: Evidence) -> None:
    record = json.loads((small.out / "questions.json").read_text())
    assert record["format"] == 1
    assert record["lesson"]["made"] == small.record.made
    assert record["lesson"]["data_sha256"] == evidence.data.sha256
    asked = {one["id"]: one for one in record["questions"]}
    expected = {
        question.id: (chapter.file, [each.to_page() for each in question.variants])
        for chapter in CHAPTERS
        for question in chapter.section(evidence).questions
    }
    assert list(asked) == list(expected)
    assert {name: (one["page"], one["variants"]) for name, one in asked.items()} == expected
    homework = [chapter for chapter in CHAPTERS if chapter.is_homework]
    assert [(one["id"], one["page"], one["title"]) for one in record["texts"]] == [
        (f"homework-{i}", chapter.file, chapter.title) for i, chapter in enumerate(homework, start=1)
    ]
    assert all("?" in one["text"] for one in record["texts"])


def test_validation_and_not_test_chooses_the_net_of_homework_4(evidence: Evidence) -> None:
    means = {one.variant.name: sum(one.validation) / len(one.validation) for one in evidence.architectures.variants}
    winner = best(evidence.architectures)
    assert means[winner.variant.name] == max(means.values())
    dense, cnn = evidence.best_cnn.variants
    assert dense.plan.net.name == "mlp"
    assert cnn.plan.net == winner.plan.net


def test_two_by_two_design_holds_all_four_ways(evidence: Evidence) -> None:
    nets = {one.variant.name: one.plan.meet(evidence.data, 0)[1] for one in evidence.regularisers.variants}
    has = {name: {type(module).__name__ for module in net.modules()} for name, net in nets.items()}
    dropout = {name: any(getattr(module, "p", 0) > 0 for module in net.modules()) for name, net in nets.items()}
    norm = {name: "BatchNorm2d" in found for name, found in has.items()}
    assert [*dropout.values()] == [False, True, False, True]
    assert [*norm.values()] == [False, False, True, True]


@pytest.mark.slow
def test_again_trains_nothing_and_keeps_what_the_parts_took(small: Small, evidence: Evidence) -> None:
    again = Small(small.out, small.images)
    took = dict(again.record.parts)
    written = {path: path.stat().st_mtime_ns for path in small.out.rglob("explorer.html")}
    again.run()
    assert again.engine.trained == []
    assert again.record.parts == took
    assert {path: path.stat().st_mtime_ns for path in small.out.rglob("explorer.html")} == written


@pytest.mark.slow
def test_a_stop_keeps_what_is_done_and_the_lesson_goes_on_from_there(tmp_path: Path, bars: Path) -> None:
    stopped = Small(tmp_path / "lesson", bars, seeds=1)
    finished = lambda: [path.parent.name for path in stopped.out.rglob("result.json")]  # noqa: E731
    stopped.is_stopped = lambda: len(finished()) >= 3
    with pytest.raises(Stopped), stopped.record.part("trainings"):
        stopped.lesson.train()
    done = finished()
    assert 3 <= len(done) < 12
    record = json.loads((stopped.out / "lesson.json").read_text())
    assert [(part["name"], part["is_finished"]) for part in record["parts"]] == [("trainings", False)]
    on = Small(stopped.out, bars, seeds=1)
    on.lesson.train()
    assert {job.path.name for job in on.engine.trained}.isdisjoint(done)
    assert on.record.parts["trainings"] == record["parts"][0]["time_s"]


def test_a_folder_of_another_lesson_is_refused(small: Small, evidence: Evidence) -> None:
    with pytest.raises(UserError, match=r"seeds 2; this one has 3: choose another --out"):
        Small(small.out, small.images, seeds=3)


def test_a_net_of_another_training_is_refused(tmp_path: Path, bars: Path) -> None:
    from tests.new_runs import make_run

    lesson = Small(tmp_path / "lesson", bars)
    make_run(lesson.out / "lenet5", lesson.data, net="lenet5", recipe_name="fast", epochs=2)
    with pytest.raises(UserError, match="--recipe is lesson, but the run there has fast"):
        lesson.lesson.train()


def test_a_new_version_makes_the_pages_again(small: Small, evidence: Evidence, tmp_path: Path) -> None:
    record = json.loads((small.out / "lesson.json").read_text())
    record["environment"]["cnnlab"] = "0.0.9"
    path = tmp_path / "lesson.json"
    path.write_text(json.dumps(record))
    assert LessonRecord(small.out / "lesson.json", small.sizes, small.data, seed=0).finished
    assert not LessonRecord(path, small.sizes, small.data, seed=0).finished


def test_a_quick_lesson_tests_what_its_time_allows_and_a_full_one_everything() -> None:
    quick, full = sizes.quick("mnist-5k", "mnist-5k"), sizes.full("mnist", "fashion-mnist")
    assert full.claims == CLAIMS
    assert [name for name in CLAIMS if name in quick.claims] == list(quick.claims)
    exact = {name for name in CLAIMS if find_claim(name).kind == "exact"}
    assert exact < set(quick.claims) < set(CLAIMS)
    assert not quick.has_fashion
    assert full.has_fashion


def test_without_a_terminal_progress_is_lines(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(lesson_view.time, "monotonic", lambda: now[0])
    view = LessonView()
    view.expect({"a": 1.0, "b": 3.0})
    view.begin("trainings")
    now[0] += 20
    view.progress("a", 1.0)
    now[0] += 1
    view.progress("b", 0.1)
    view.close()
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.replace("\u00a0", " ").splitlines() == [
        "lesson: trainings",
        "lesson: trainings, 25% of all, about 1 min 00 s left",
    ]

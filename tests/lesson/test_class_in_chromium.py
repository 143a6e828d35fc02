"""The lesson's pages for a class: each id has its own numbers and answers, and all is handed in as one file."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from tests.axe import findings
from tests.lesson.test_lesson_in_chromium import APART, REFUSED, answer, opened

from cnnlab.classroom.variants import variant_of
from cnnlab.lesson.chapters import CHAPTERS, Chapter
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.question import Question

pytestmark = pytest.mark.browser

KEY = "00112233445566778899aabbccddeeff"
CLASS = {
    "name": "7b <b>",
    "made": "0123456789ab",
    "key": KEY,
    "due": "2026-12-04T18:00:00+01:00",
    "due_text": "Friday, 4 December 2026, 18:00",
}

WITHOUT = '<script type="application/json" id="class">null</script>'

SHAPES = next(one for one in CHAPTERS if one.name == "shapes")
HOMEWORK = next(one for one in CHAPTERS if one.is_homework)


@pytest.fixture(scope="module")
def folder(evidence: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lesson's pages as a class has them."""
    folder = tmp_path_factory.mktemp("of-a-class")
    given = json.dumps(CLASS).replace("<", "\\u003c")
    for name in ("index.html", *(chapter.file for chapter in CHAPTERS)):
        page = (evidence.folder / name).read_text()
        assert page.count(WITHOUT) == 1, name
        (folder / name).write_text(page.replace(WITHOUT, WITHOUT.replace("null", given)))
    return folder


@pytest.fixture(scope="module")
def asked(evidence: Evidence) -> dict[str, tuple[Question, ...]]:
    return {one.id: one.variants for one in SHAPES.section(evidence).questions}


def with_other_numbers(asked: dict[str, tuple[Question, ...]], question: str) -> str:
    """An id that has not the plain numbers of a question."""
    return next(id for id in (f"S{i}" for i in range(50)) if variant_of(KEY, id, question, len(asked[question])))


def own(asked: dict[str, tuple[Question, ...]], question: str, id: str) -> Question:
    return asked[question][variant_of(KEY, id, question, len(asked[question]))]


def use(page: Any, id: str) -> None:
    page.get_by_role("textbox", name="Enter your id first").fill(id)
    page.get_by_role("button", name="Use this id").click()


def legend(page: Any, question: str) -> str:
    return page.locator(f"#q-{question} legend").inner_text()


def shown_by(page: Any, question: Question) -> bool:
    """Whether the page asks a question with these numbers."""
    labels = page.locator(f"#q-{question.id} .choices label").all_inner_texts()
    return question.text in legend(page, question.id) and [one.strip() for one in labels] == list(question.choices)


def test_an_id_has_its_own_numbers_in_all_that_the_page_says(
    browser: Any, folder: Path, asked: dict[str, tuple[Question, ...]]
) -> None:
    for name in asked:
        id = with_other_numbers(asked, name)
        question, plain = own(asked, name, id), asked[name][0]
        with opened(browser, folder / SHAPES.file) as page:
            assert shown_by(page, plain), "before an id is given"
            use(page, f"  {id.lower()} ")
            assert page.locator("#whose-says").inner_text() == f"Questions with the numbers of {id.lower()}"
            assert shown_by(page, question)
            slip = question.slips[0]
            said = answer(page, question, slip.answer)
            assert said.startswith("Not quite.")
            assert slip.hint in said
            said = answer(page, question, question.answer)
            assert said.startswith("Right.")
            assert question.worked in said
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
            solved = page.locator(f"#q-{name} .solved").inner_text()
            assert question.worked in solved
            assert plain.worked not in solved
            page.emulate_media(media="print")
            assert page.locator("#whose-says").is_visible()
            assert not page.locator("#whose-form").is_visible()


def test_a_copied_answer_is_not_right(browser: Any, folder: Path, asked: dict[str, tuple[Question, ...]]) -> None:
    id = with_other_numbers(asked, "output-height")
    with opened(browser, folder / SHAPES.file) as page:
        use(page, id)
        said = answer(page, asked["output-height"][0], asked["output-height"][0].answer)
        assert said.startswith("Not quite.")


def test_each_id_has_its_own_answers_texts_and_name(
    browser: Any, folder: Path, asked: dict[str, tuple[Question, ...]]
) -> None:
    question = own(asked, "output-height", "ann")
    with opened(browser, folder / HOMEWORK.file) as page:
        use(page, "ann")
        page.locator("textarea").fill("three blocks, for two reasons")
        page.get_by_label("Your name").fill("Ann")
        page.goto((folder / SHAPES.file).as_uri())
        assert page.locator("#whose-form").is_hidden(), "asked for once"
        answer(page, question, question.answer)
        page.get_by_role("button", name="Not you?").click()
        page.get_by_role("textbox", name="Whose numbers?").fill("bob")
        page.keyboard.press("Enter")
        assert shown_by(page, own(asked, "output-height", "bob"))
        assert page.locator("#q-output-height .feedback").inner_text() == ""
        assert page.locator("#a-output-height").input_value() == ""
        assert page.locator("#answered").inner_text().startswith("0 of")
        assert page.get_by_label("Your name").input_value() == ""
        page.get_by_label("Your id", exact=True).fill("ANN")  # at the foot; the same id by what counts
        page.get_by_label("Your name").focus()
        assert page.locator("#answered").inner_text().startswith("1 of")
        assert page.locator("#a-output-height").input_value() == question.answer
        assert page.get_by_label("Your name").input_value() == "Ann"
        page.goto((folder / HOMEWORK.file).as_uri())
        assert page.locator("textarea").input_value() == "three blocks, for two reasons"
        page.goto((folder / "index.html").as_uri())
        for name, variants in asked.items():
            link = page.locator(f"[data-asks='{name}']")
            assert link.text_content() == own(asked, name, "ann").text, len(variants)


def test_a_page_in_another_window_follows_the_id(
    browser: Any, folder: Path, asked: dict[str, tuple[Question, ...]]
) -> None:
    with opened(browser, folder / SHAPES.file) as page:
        use(page, "ann")
        page.locator("#a-output-height").fill("12")
        other = page.context.new_page()
        other.goto((folder / SHAPES.file).as_uri())
        other.get_by_label("Your name").fill("Ann")
        assert page.locator("#a-output-height").input_value() == "12", "typed and not checked"
        other.get_by_label("Your id", exact=True).fill("bob")
        other.get_by_label("Your name").focus()
        page.get_by_text("Questions with the numbers of bob").wait_for()
        assert shown_by(page, own(asked, "output-height", "bob"))
        assert page.locator("#a-output-height").input_value() == ""


def test_what_was_answered_before_an_id_goes_with_the_first_where_the_numbers_are_the_same(
    browser: Any, folder: Path, evidence: Evidence
) -> None:
    fixed = HOMEWORK.section(evidence).questions[0]
    shapes = {one.id: one.variants for one in SHAPES.section(evidence).questions}
    id = with_other_numbers(shapes, "output-height")
    plain = shapes["output-height"][0]
    with opened(browser, folder / SHAPES.file) as page:
        answer(page, plain, plain.answer)
        page.goto((folder / HOMEWORK.file).as_uri())
        answer(page, fixed, fixed.answer)
        page.locator("textarea").fill("mine")
        use(page, id)
        assert page.locator("#answered").inner_text().startswith("1 of")
        assert page.locator("textarea").input_value() == "mine"
        page.get_by_role("button", name="Not you?").click()
        page.get_by_role("textbox", name="Whose numbers?").fill("somebody else")
        page.keyboard.press("Enter")
        assert page.locator("#answered").inner_text().startswith("0 of")
        assert page.locator("textarea").input_value() == ""


def test_the_class_is_named_and_the_id_asked_for_unless_there_is_none(
    browser: Any, folder: Path, evidence: Evidence
) -> None:
    with opened(browser, folder / "index.html") as page:
        assert page.locator("#class-note").inner_text() == "7b <b>: to be handed in by Friday, 4 December 2026, 18:00"
        assert page.get_by_role("textbox", name="Enter your id first: your numbers follow from it").is_visible()
        assert page.locator("#no-id").is_visible()
        assert "as your teacher’s list has it" in page.locator("#hand-in").inner_text()
    with opened(browser, evidence.folder / "index.html") as page:
        for each in ("#class-note", "#whose", "#no-id", "#id-hint", "#due"):
            assert page.locator(each).is_hidden()
        page.get_by_label("Your id", exact=True).fill("ann")
        page.get_by_label("Your name").focus()
        assert page.locator("#whose").is_hidden()


@pytest.mark.parametrize("memory", [APART, REFUSED], ids=["apart", "refused"])
def test_links_take_id_and_texts_along(
    browser: Any, folder: Path, asked: dict[str, tuple[Question, ...]], memory: str
) -> None:
    context = browser.new_context()
    context.add_init_script(memory)
    page = context.new_page()
    page.goto((folder / HOMEWORK.file).as_uri())
    use(page, "ann")
    page.locator("textarea").fill("what I found: 3 % & more")
    page.get_by_role("link", name="The lesson, run").click()
    page.locator(f"a[href='{SHAPES.file}']").first.click()
    page.wait_for_url(f"**/{SHAPES.file}#")
    assert page.locator("#whose-says").inner_text() == "Questions with the numbers of ann"
    question = own(asked, "output-height", "ann")
    assert shown_by(page, question)
    answer(page, question, question.answer)
    assert "1 of 4 texts (7 words)" in page.locator("#holds").inner_text()
    page.get_by_role("link", name="The lesson, run").click()
    page.locator(f"a[href='{HOMEWORK.file}']").first.click()
    page.wait_for_url(f"**/{HOMEWORK.file}#")
    assert page.locator("textarea").input_value() == "what I found: 3 % & more"
    assert page.locator("#answered").inner_text().startswith("1 of")
    context.close()


def playground_record(nets: int, drawings: int) -> dict[str, Any]:
    """As the playground saves it."""
    net = {"file": "lenet5.safetensors", "base64": base64.b64encode(b"weights").decode()}
    drawn = {"label": "3", "shape": [1, 16, 16], "pixels": base64.b64encode(bytes(256)).decode()}
    return {
        "kind": "cnnlab playground record",
        "format": 2,
        "name": "",
        "saved": "2026-11-27T10:00:00.000Z",
        "data": {"name": "mnist-5k"},
        "runs": [],
        "homework": [],
        "nets": [net] * nets,
        "drawn": [drawn] * drawings,
    }


def saved_weights(numbers: int = 4, by: str = "cnnlab") -> bytes:
    """A safetensors file as the playground saves it."""
    says = {by: json.dumps({"format": 1, "page": "0.2.0", "net": "lenet5"})}
    tensor = {"dtype": "F32", "shape": [numbers], "data_offsets": [0, 4 * numbers]}
    header = json.dumps({"__metadata__": says, "a": tensor}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * numbers)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """What somebody may choose: two files of the playground, and others."""
    contents = {
        "record.json": json.dumps(playground_record(1, 12)).encode(),
        "net.safetensors": saved_weights(),
        "again.safetensors": saved_weights(),
        "other.safetensors": saved_weights(by="format"),
        "cut.safetensors": saved_weights()[:20],
        "old.json": json.dumps({"kind": "cnnlab playground record", "format": 1, "runs": []}).encode(),
        "hand-in.json": json.dumps({"kind": "cnnlab hand-in", "format": 1}).encode(),
        "notes.json": b"{}",
        "half.json": b'{"kind": ',
        "photo.png": b"\x89PNG",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in contents}


def hand_in(page: Any, to: Path) -> tuple[bytes, str]:
    """Save the hand-in: its bytes, and the name that the page gives it."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the hand-in as a file").click()
    download.value.save_as(to)
    return to.read_bytes(), download.value.suggested_filename


@pytest.mark.parametrize("has_class", [True, False], ids=["a class", "no class"])
def test_a_hand_in_holds_all_of_it_in_a_frame_with_its_sum(
    browser: Any, evidence: Evidence, folder: Path, tmp_path: Path, files: dict[str, Path], has_class: bool
) -> None:
    shapes = {one.id: one.variants for one in SHAPES.section(evidence).questions}
    id = with_other_numbers(shapes, "output-height")
    variant = variant_of(KEY, id, "output-height", len(shapes["output-height"])) if has_class else 0
    question = shapes["output-height"][variant]
    pages = folder if has_class else evidence.folder
    with opened(browser, pages / SHAPES.file) as page:
        page.locator("#a-output-height").fill("typed")
        page.get_by_label("Your id", exact=True).fill(f" {id}")
        page.get_by_label("Your name").fill("Ann Bé ")
        assert page.locator("#a-output-height").input_value() == ("" if has_class else "typed"), (
            "of other numbers or not"
        )
        answer(page, question, question.slips[0].answer)
        answer(page, question, question.answer)
        page.goto((pages / HOMEWORK.file).as_uri())
        words = "Das fünfte \u2028 „Netz“ <b>\U0001f600"
        page.locator("textarea").fill(words)
        page.get_by_label("Files from the playground").set_input_files([files["record.json"], files["net.safetensors"]])
        page.locator("#attached li").nth(1).wait_for()
        total = sum(len(chapter.section(evidence).questions) for chapter in CHAPTERS)
        assert page.locator("#holds").inner_text() == (
            f"1 of {total} questions answered, 1 of 4 texts (4 words), 1 playground record with 1 net and 12 drawings, "
            "1 net beside."
        )
        saved, name = hand_in(page, tmp_path / "saved.json")
        assert page.locator("#saved").inner_text().startswith(f"Saved as hand-in-{id.lower()}.json")
    assert name == f"hand-in-{id.lower()}.json"
    start = b'{"kind":"cnnlab hand-in","format":1,"sha256":"'
    assert saved.startswith(start)
    sum_, between, rest = saved[len(start) :][:64], saved[len(start) + 64 :][:12], saved[len(start) + 76 :]
    assert between == b'","content":'
    assert rest.endswith(b"}\n")
    content = rest[:-2]
    assert hashlib.sha256((KEY if has_class else "").encode() + b"\n" + content).hexdigest().encode() == sum_
    given = json.loads(content)
    assert json.loads(saved)["content"] == given
    assert given["made_by"] == "lesson page"
    assert given["class"] == ({"name": "7b <b>", "made": "0123456789ab"} if has_class else None)
    assert given["lesson"] == json.loads((evidence.folder / "questions.json").read_text())["lesson"]
    assert given["student"] == {"id": id, "name": "Ann Bé"}
    (one,) = given["answers"]
    assert (one["id"], one["variant"]) == ("output-height", variant)
    assert [(each["given"], each["right"]) for each in one["given"]] == [
        (question.slips[0].answer, False),
        (question.answer, True),
    ]
    assert given["texts"] == [{"id": "homework-1", "text": words}]
    assert given["playground"] == [playground_record(1, 12)]
    assert given["weights"] == [{"name": "net.safetensors", "base64": base64.b64encode(saved_weights()).decode()}]
    assert (given["runs"], given["notebook"], given["text"]) == ([], None, "")
    assert KEY.encode() not in content


def test_other_files_are_told_in_a_line_and_left_out(browser: Any, folder: Path, files: dict[str, Path]) -> None:
    told = {
        "again.safetensors": "it is attached already",
        "other.safetensors": "it is no safetensors file that the playground saved",
        "cut.safetensors": "it is no safetensors file that the playground saved",
        "old.json": "an older playground saved it; save the record again from the playground of this lesson",
        "hand-in.json": "it is a hand-in itself; what is attached here are a playground’s files",
        "notes.json": "it is no record (.json) and no weights (.safetensors) that the playground saved",
        "half.json": "it is no whole JSON file",
        "photo.png": "it is no record (.json) and no weights (.safetensors) that the playground saved",
    }
    with opened(browser, folder / "index.html") as page:
        chooser = page.get_by_label("Files from the playground")
        chooser.set_input_files([files["net.safetensors"], *(files[name] for name in told)])
        page.get_by_text("photo.png was left out").wait_for()
        assert page.locator("#left-out p").all_inner_texts() == [
            f"{name} was left out: {why}." for name, why in told.items()
        ]
        assert page.locator("#attached li").count() == 1
        page.get_by_role("button", name="Remove net.safetensors").click()
        assert page.locator("#attached li").count() == 0
        assert "net" not in page.locator("#holds").inner_text()
        chooser.set_input_files([files["again.safetensors"]])
        page.locator("#attached li").wait_for()
        assert page.locator("#left-out p").count() == 0


def test_more_than_a_hand_in_may_have_is_told_and_much_does_not_freeze_the_page(
    browser: Any, folder: Path, tmp_path: Path
) -> None:
    large = [tmp_path / name for name in ("a.safetensors", "b.safetensors", "c.safetensors")]
    for path, numbers in zip(large, (5_000_000, 5_100_000, 5_200_000), strict=True):
        path.write_bytes(saved_weights(numbers))
    with opened(browser, folder / "index.html") as page:
        page.get_by_label("Files from the playground").set_input_files(large)
        page.get_by_text("c.safetensors was left out").wait_for()
        assert page.locator("#left-out p").inner_text() == (
            "c.safetensors was left out: with it the files would take 81.6 MB, and 60 MB is the most."
        )
        assert page.locator("#attached li").count() == 2
        page.evaluate(
            "() => { let before = performance.now(); globalThis.longest = 0; setInterval(() => { const now = "
            "performance.now(); globalThis.longest = Math.max(globalThis.longest, now - before); before = now; }, 5); }"
        )
        saved, _ = hand_in(page, tmp_path / "saved.json")
        frozen_ms = page.evaluate("globalThis.longest")
    assert len(saved) > 53_000_000
    content = saved[saved.index(b',"content":') + len(b',"content":') : -2]
    assert hashlib.sha256(f"{KEY}\n".encode() + content).hexdigest() == json.loads(saved)["sha256"]
    assert frozen_ms < 5_000, "about a second on a machine that does nothing else"


@pytest.mark.parametrize("chapter", [None, SHAPES, HOMEWORK], ids=["contents", "shapes", "homework"])
def test_axe_finds_nothing_with_a_class(
    browser: Any, folder: Path, files: dict[str, Path], chapter: Chapter | None
) -> None:
    with opened(browser, folder / (chapter.file if chapter else "index.html")) as page:
        assert findings(page) == []
        use(page, "ann")
        page.get_by_label("Files from the playground").set_input_files([files["record.json"], files["photo.png"]])
        page.get_by_text("photo.png was left out").wait_for()
        assert findings(page) == []
        page.get_by_role("button", name="Not you?").click()
        assert findings(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1366])
def test_a_class_s_pages_fit(browser: Any, folder: Path, files: dict[str, Path], width: int, scheme: str) -> None:
    for name in ("index.html", HOMEWORK.file):
        path = folder / name
        with opened(browser, path, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
            if page.locator("#whose-form").is_visible():
                use(page, "an-id-of-many-letters-that-nobody-would-want-to-type@students.school.example")
            page.get_by_label("Files from the playground").set_input_files(list(files.values()))
            page.locator("#left-out p").nth(6).wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= width

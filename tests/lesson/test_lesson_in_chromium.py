"""The lesson's pages as a browser shows them: quiet, judging answers, keeping and saving them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cnnlab.lesson.chapters import CHAPTERS
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.question import Question

pytestmark = pytest.mark.browser

#: All pages of the lesson that a student reads, by number: 0 is the contents.
PAGES = range(len(CHAPTERS) + 1)


def file_of(number: int) -> str:
    return CHAPTERS[number - 1].file if number else "index.html"


@contextmanager
def opened(browser: Any, path: Path, **options: Any) -> Iterator[Any]:
    """The page; at its end, that it said nothing and asked for nothing but itself."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    page = context.new_page()
    page.set_default_timeout(20_000)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    try:
        page.goto(path.as_uri())
        yield page
    finally:
        context.close()
    assert said == []
    folder = path.parent.as_uri()
    assert [url for url in asked if not url.startswith((folder, "data:", "blob:"))] == []


def answer(page: Any, question: Question, given: str) -> str:
    """Answer, and what the page says to it."""
    form = page.locator(f"#q-{question.id}")
    if question.choices:
        form.get_by_label(given, exact=True).check()
    else:
        form.get_by_label("Your answer").fill(given)
    form.get_by_role("button", name="Check").click()
    return form.get_by_role("status").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("number", PAGES)
def test_opens_quietly_and_fits(browser: Any, evidence: Evidence, number: int, width: int, scheme: str) -> None:
    path = evidence.folder / file_of(number)
    with opened(browser, path, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        while (button := page.get_by_role("button", name="Show without an answer").first).is_visible():
            button.click()
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("[data-held-back][hidden]").count() == 0
        sizes = page.evaluate(
            "[...document.querySelectorAll('math, math *')].filter(each => !['mspace', 'mtr'].includes(each.localName))"
            ".map(each => [each.localName, each.getBoundingClientRect().width, each.getBoundingClientRect().height])"
        )
        assert all(wide > 0 and high > 0 for _, wide, high in sizes), sizes
        light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(252, 252, 251)"
        assert light == (scheme == "light")


def test_every_equation_is_mathml(evidence: Evidence) -> None:
    equations = {chapter.name: (evidence.folder / chapter.file).read_text().count("<math ") for chapter in CHAPTERS}
    assert {name for name, count in equations.items() if count} == {
        "convolution", "shapes", "dropout", "batch_norm", "training",
    }  # fmt: skip


@pytest.mark.parametrize("chapter", [one for one in CHAPTERS if one.name != "verdicts"], ids=lambda one: one.name)
def test_right_and_wrong_answers_are_told_apart_with_what_is_off(
    browser: Any, evidence: Evidence, chapter: Any
) -> None:
    with opened(browser, evidence.folder / chapter.file) as page:
        for question in chapter.section(evidence).questions:
            held = page.locator(f"[data-held-back='{question.id}']")
            hidden = [one for one in held.all() if not one.is_visible()]
            assert len(hidden) == held.count()
            for slip in question.slips:
                said = answer(page, question, slip.answer)
                assert said.startswith("Not quite.")
                assert slip.hint in said
                assert question.worked in said
            for given in (question.answer,) if question.is_graded else question.choices:
                said = answer(page, question, given)
                assert said.startswith("Right." if question.is_graded else "Not decided.")
                assert question.worked in said
            assert all(one.is_visible() for one in held.all())


def test_no_answer_and_no_number_are_asked_for_again(browser: Any, evidence: Evidence) -> None:
    chapter = CHAPTERS[0]
    questions = {question.id: question for question in chapter.section(evidence).questions}
    with opened(browser, evidence.folder / chapter.file) as page:
        assert answer(page, questions["dense-parameters"], "many") == "Write a number first."
        form = page.locator("#q-twice-the-image")
        form.get_by_role("button", name="Check").click()
        assert form.get_by_role("status").inner_text() == "Choose one of the answers first."
        assert page.locator("#answered").inner_text().startswith("0 of")


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("1,028", 1028),
        ("1 028", 1028),
        ("1028", 1028),
        ("0,5", 0.5),
        ("0.5", 0.5),
        ("−3", -3),
        ("2,302585", 2.302585),
        ("1,028,000", 1028000),
    ],
)
def test_numbers_may_be_written_in_several_ways(browser: Any, evidence: Evidence, typed: str, value: float) -> None:
    source = (Path(__file__).parents[2] / "src/cnnlab/report/lesson/web/judging.js").read_text()
    with opened(browser, evidence.folder / "index.html") as page:
        found = page.evaluate(f"(typed) => {{ {source.replace('export ', '')}; return toNumber(typed); }}", typed)
    assert found == value


def test_keyboard_alone_answers(browser: Any, evidence: Evidence) -> None:
    chapter = CHAPTERS[0]
    question = chapter.section(evidence).questions[0]
    with opened(browser, evidence.folder / chapter.file) as page:
        while page.evaluate("document.activeElement.id") != f"a-{question.id}":
            page.keyboard.press("Tab")
        page.keyboard.type(question.answer)
        page.keyboard.press("Enter")
        assert page.locator(f"#q-{question.id}").get_by_role("status").inner_text().startswith("Right.")
        form = page.get_by_role("group", name=question.text)
        assert form.get_by_role("textbox", name="Your answer").count() == 1


def test_answers_of_all_pages_are_kept_and_saved_as_a_file(browser: Any, evidence: Evidence, tmp_path: Path) -> None:
    first, second = CHAPTERS[0], CHAPTERS[3]
    right, wrong = first.section(evidence).questions[0], second.section(evidence).questions[0]
    slip = wrong.slips[0]
    with opened(browser, evidence.folder / first.file) as page:
        answer(page, right, right.slips[0].answer)
        answer(page, right, right.answer)
        page.goto((evidence.folder / second.file).as_uri())
        answer(page, wrong, slip.answer)
        page.goto((evidence.folder / "index.html").as_uri())
        total = sum(len(chapter.section(evidence).questions) for chapter in CHAPTERS)
        assert page.locator("#answered").inner_text() == f"2 of {total} questions answered, 1 right."
        assert page.locator(f"[data-mark='{right.id}']").text_content() == "right"
        assert page.locator(f"[data-mark='{wrong.id}']").text_content() == "not yet right"
        page.get_by_label("Your name").fill("Ann Bé")
        with page.expect_download() as download:
            page.get_by_role("button", name="Save answers as a file").click()
        assert download.value.suggested_filename == "lesson-answers-ann-bé.json"
        download.value.save_as(tmp_path / "answers.json")
        page.goto((evidence.folder / first.file).as_uri())
        assert page.locator(f"#q-{right.id}").get_by_role("status").inner_text().startswith("Right.")
        assert page.locator(f"#a-{right.id}").input_value() == right.answer
        page.goto((evidence.folder / "index.html").as_uri())
        page.locator("summary").click()
        page.get_by_role("button", name="Forget my answers").click()
        assert page.locator("#answered").inner_text().startswith("0 of")
    saved = json.loads((tmp_path / "answers.json").read_text())
    assert saved["name"] == "Ann Bé"
    assert saved["covers"] == "all pages"
    assert saved["lesson"]["data_sha256"] == evidence.data.sha256
    assert {"cnnlab", "torch", "seed", "made"} < set(saved["lesson"])
    questions = {question["id"]: question for question in saved["questions"]}
    assert len(questions) == total
    assert [(one["given"], one["right"]) for one in questions[right.id]["answers"]] == [
        (right.slips[0].answer, False),
        (right.answer, True),
    ]
    assert questions[right.id]["text"] == right.text
    assert questions[right.id]["page"] == first.file
    assert [(one["given"], one["right"]) for one in questions[wrong.id]["answers"]] == [(slip.answer, False)]
    assert sum(not question["answers"] for question in questions.values()) == total - 2


def test_a_browser_that_keeps_nothing_saves_a_page_by_itself(browser: Any, evidence: Evidence, tmp_path: Path) -> None:
    chapter = CHAPTERS[0]
    question = chapter.section(evidence).questions[0]
    context = browser.new_context()
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('not for files'); } });"
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((evidence.folder / chapter.file).as_uri())
    answer(page, question, question.answer)
    count = len(chapter.section(evidence).questions)
    assert page.locator("#answered").inner_text() == f"1 of {count} questions answered on this page, 1 right."
    assert page.locator("#not-kept").is_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save answers as a file").click()
    download.value.save_as(tmp_path / "answers.json")
    context.close()
    saved = json.loads((tmp_path / "answers.json").read_text())
    assert saved["covers"].startswith("one page")
    assert len(saved["questions"]) == count
    assert errors == []


def test_without_scripts_nothing_is_held_back(browser: Any, evidence: Evidence) -> None:
    with opened(browser, evidence.folder / CHAPTERS[0].file, java_script_enabled=False) as page:
        assert page.locator("[data-held-back]").first.is_visible()
        assert page.locator("noscript .warning").is_visible()


def test_explorer_links_open_their_unit(browser: Any, evidence: Evidence) -> None:
    for chapter in (CHAPTERS[3], CHAPTERS[7]):
        with opened(browser, evidence.folder / chapter.file) as page:
            link = page.locator(".see a[href*='explorer.html#']").first
            state = dict(part.split("=") for part in (link.get_attribute("href") or "").partition("#")[2].split("&"))
            link.click()
            page.wait_for_function("() => window.explorer")
            page.evaluate("explorer.checked.then(() => null)")
            assert state["layer"] in page.locator("#unit-title").inner_text()

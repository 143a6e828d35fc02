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
def test_a_first_wrong_answer_gets_a_hint_and_a_second_the_working(
    browser: Any, evidence: Evidence, chapter: Any
) -> None:
    with opened(browser, evidence.folder / chapter.file) as page:
        for question in chapter.section(evidence).questions:
            held = page.locator(f"[data-held-back='{question.id}']")
            for place, slip in enumerate(question.slips):
                said = answer(page, question, slip.answer)
                assert said.startswith("Not quite.")
                assert slip.hint in said
                assert (question.worked in said) == (place > 0)
                assert all(one.is_visible() == (place > 0) for one in held.all())
            for given in (question.answer,) if question.is_graded else question.choices:
                said = answer(page, question, given)
                assert said.startswith("Right." if question.is_graded else "Not decided.")
                assert question.worked in said
            assert all(one.is_visible() for one in held.all())


def test_what_is_no_answer_is_told_apart_and_counts_for_nothing(browser: Any, evidence: Evidence) -> None:
    chapter = CHAPTERS[0]
    questions = {question.id: question for question in chapter.section(evidence).questions}
    with opened(browser, evidence.folder / chapter.file) as page:
        said = answer(page, questions["dense-parameters"], "many")
        assert said.startswith("“many” is not understood. Write a number, or arithmetic")
        assert answer(page, questions["dense-parameters"], " ").startswith("No answer yet.")
        form = page.locator("#q-twice-the-image")
        form.get_by_role("button", name="Check").click()
        assert form.get_by_role("status").inner_text() == "Choose one of the answers first."
        assert page.locator("#answered").inner_text().startswith("0 of")
        answer(page, questions["dense-parameters"], "1")
        said = answer(page, questions["dense-parameters"], "1")  # pressed twice
        assert said == "That is the answer that you gave before. Try another one."
        assert page.locator("#answered").inner_text().startswith("1 of")


def test_a_wrong_number_that_nobody_foresaw_is_told_to_be_too_large_or_too_small(
    browser: Any, evidence: Evidence
) -> None:
    chapter = CHAPTERS[0]
    question = next(one for one in chapter.section(evidence).questions if one.id == "dense-parameters")
    with opened(browser, evidence.folder / chapter.file) as page:
        assert "Too large." in answer(page, question, f"{question.answer}*3")
        assert "Too small." in answer(page, question, f"{question.answer}/3")


#: As typed → its value, by Python's own arithmetic.
TYPED = {
    "1028": 1028,
    "1,028": 1028,
    "1 028": 1028,
    "1\u202f028": 1028,
    "7’850": 7850,
    "1,028,000": 1028000,
    "1.028,5": 1028.5,
    "7,850.25": 7850.25,
    "0,5": 0.5,
    "0.5": 0.5,
    ".5": 0.5,
    "0,125": 0.125,
    "2,302585": 2.302585,
    "−3": -3,
    "1e-3": 0.001,
    "784*10+10": 784 * 10 + 10,
    "784 × 10 + 10": 784 * 10 + 10,
    "784·10 + 10": 784 * 10 + 10,
    "28x28": 28 * 28,
    "28 X 28 x 2": 28 * 28 * 2,
    "(3*3*1+1)*32": (3 * 3 * 1 + 1) * 32,
    "2+3*4-1": 2 + 3 * 4 - 1,
    "8/2/2": 8 / 2 / 2,
    "10 − 4 − 3": 10 - 4 - 3,
    "1/9": 1 / 9,
    "−1/9": -1 / 9,
    "2*-3": -6,
    "5² * 6": 25 * 6,
    "2^3^2": 2**3**2,
    "-3**2": -(3**2),
    "98.7 %": 0.987,
    "98,7%": 0.987,
    "ln(10)": 2.302585092994046,
    "1,028 * 2": 2056,
}

#: What is no number and no arithmetic, or comes to none.
NO_NUMBERS = (
    "", "many", "1,2,3", "12 34", "1 2", "3+", "*3", "(3", "3)", "()", "1/0", "ln", "ln(0)", "--", "NaN", "Infinity",
    "alert(1)", "3 pixels", "1..2", "2 ^", "%",
)  # fmt: skip


def test_numbers_and_arithmetic_are_understood_as_a_reader_writes_them(browser: Any, evidence: Evidence) -> None:
    source = (Path(__file__).parents[2] / "src/cnnlab/report/lesson/web/arithmetic.js").read_text()
    script = f"(typed) => {{ {source.replace('export ', '')}; return typed.map((one) => toNumber(one)); }}"
    with opened(browser, evidence.folder / "index.html") as page:
        found = dict(zip(TYPED, page.evaluate(script, list(TYPED)), strict=True))
        assert found == pytest.approx(TYPED, rel=1e-12)
        nothing = dict(zip(NO_NUMBERS, page.evaluate(script, list(NO_NUMBERS)), strict=True))
        assert nothing == dict.fromkeys(NO_NUMBERS)
        with_units = script.replace("toNumber(one)", "toNumber(...one)")
        assert page.evaluate(with_units, [["25 %", "%"], ["3 pixels", "pixels"]]) == [25, 3]


def test_arithmetic_is_told_what_it_came_to(browser: Any, evidence: Evidence) -> None:
    chapter = CHAPTERS[0]
    question = next(one for one in chapter.section(evidence).questions if one.id == "dense-parameters")
    with opened(browser, evidence.folder / chapter.file) as page:
        said = answer(page, question, "16×16·4 + 4")
        assert said.startswith("Right, at the first try.")
        assert "You wrote 16×16·4 + 4 = 1,028." in said


def test_paper_holds_what_is_folded_held_back_and_worked_out(browser: Any, evidence: Evidence) -> None:
    for chapter in (CHAPTERS[0], CHAPTERS[5]):
        with opened(browser, evidence.folder / chapter.file) as page:
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
            page.emulate_media(media="print")
            assert page.locator("details:not([open])").count() == 0
            assert page.locator("[data-held-back][hidden]").count() == 0
            text = page.locator("main").inner_text()
            for question in chapter.section(evidence).questions:
                assert question.worked in text
                assert all(slip.hint in text for slip in question.slips)
            page.evaluate("dispatchEvent(new Event('afterprint'))")
            assert page.locator(".solved").count() == 0
            assert page.locator("[data-held-back]:not([hidden])").count() == 0


def test_keyboard_alone_answers(browser: Any, evidence: Evidence) -> None:
    chapter = CHAPTERS[0]
    question = chapter.section(evidence).questions[0]
    with opened(browser, evidence.folder / chapter.file) as page:
        while page.evaluate("document.activeElement.id") != f"a-{question.id}":
            page.keyboard.press("Tab")
        page.keyboard.type(question.answer)
        page.keyboard.press("Enter")
        assert page.locator(f"#q-{question.id}").get_by_role("status").inner_text().startswith("Right, at the first")
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
        assert (
            page.locator("#answered").inner_text()
            == f"2 of {total} questions answered: 0 right at the first try, 1 right later."
        )
        assert page.locator(f"[data-mark='{right.id}']").text_content() == "right later"
        assert page.locator(f"[data-mark='{wrong.id}']").text_content() == "not right"
        page.get_by_label("Your name").fill("Ann Bé")
        page.reload()
        with page.expect_download() as download:
            page.get_by_role("button", name="Save the hand-in as a file").click()
        assert download.value.suggested_filename == "hand-in.json"
        download.value.save_as(tmp_path / "answers.json")
        page.goto((evidence.folder / first.file).as_uri())
        assert page.locator(f"#q-{right.id}").get_by_role("status").inner_text().startswith("Right.")
        assert page.locator(f"#a-{right.id}").input_value() == right.answer
        page.goto((evidence.folder / "index.html").as_uri())
        page.locator("summary").click()
        page.get_by_role("button", name="Forget my answers").click()
        assert page.locator("#answered").inner_text().startswith("0 of")
    saved = json.loads((tmp_path / "answers.json").read_text())["content"]
    assert saved["student"] == {"id": "", "name": "Ann Bé"}
    assert saved["class"] is None
    assert saved["covers"] == "all pages"
    assert saved["lesson"] == json.loads((evidence.folder / "questions.json").read_text())["lesson"]
    questions = {question["id"]: question for question in saved["answers"]}
    assert set(questions) == {right.id, wrong.id}
    assert [(one["given"], one["right"]) for one in questions[right.id]["given"]] == [
        (right.slips[0].answer, False),
        (right.answer, True),
    ]
    assert [(one["given"], one["right"]) for one in questions[wrong.id]["given"]] == [(slip.answer, False)]
    assert {one["variant"] for one in questions.values()} == {0}


def test_what_follows_the_working_does_not_count(browser: Any, evidence: Evidence) -> None:
    chapter = CHAPTERS[2]
    first, second = [one for one in chapter.section(evidence).questions if len(one.slips) > 1][:2]
    with opened(browser, evidence.folder / chapter.file) as page:
        for given in (first.slips[0].answer, first.slips[1].answer, first.answer):
            said = answer(page, first, given)
        assert said.startswith("Right.")
        assert "0 right at the first try, 0 right later" in page.locator("#answered").inner_text()
        answer(page, second, second.answer)
        answer(page, second, second.slips[0].answer)
        assert "2 of" in page.locator("#answered").inner_text()
        assert "1 right at the first try, 0 right later" in page.locator("#answered").inner_text()


def test_what_was_shown_without_an_answer_is_remembered(browser: Any, evidence: Evidence) -> None:
    chapter = CHAPTERS[0]
    question = next(one for one in chapter.section(evidence).questions if one.id == "twice-the-image")
    with opened(browser, evidence.folder / chapter.file) as page:
        page.get_by_role("button", name="Show without an answer").click()
        page.reload()
        assert page.locator(f"[data-held-back='{question.id}']").first.is_visible()
        answer(page, question, question.answer)
        assert page.locator("#answered").inner_text().startswith("0 of")
        page.goto((evidence.folder / "index.html").as_uri())
        assert page.locator(f"[data-mark='{question.id}']").text_content() == "shown without an answer"


#: A browser that gives every file a memory of its own, and one that gives none.
APART = """
for (const name of ["getItem", "setItem", "removeItem"]) {
  const plain = Storage.prototype[name];
  Storage.prototype[name] = function (key, ...rest) { return plain.call(this, location.pathname + key, ...rest); };
}"""
REFUSED = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('not for files'); } });"


@pytest.mark.parametrize("memory", [APART, REFUSED], ids=["apart", "refused"])
def test_links_take_answers_along_where_pages_share_no_memory(
    browser: Any, evidence: Evidence, tmp_path: Path, memory: str
) -> None:
    chapter, after = CHAPTERS[0], CHAPTERS[1]
    question, later = chapter.section(evidence).questions[0], after.section(evidence).questions[0]
    total = sum(len(one.section(evidence).questions) for one in CHAPTERS)
    context = browser.new_context()
    context.add_init_script(memory)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((evidence.folder / chapter.file).as_uri())
    answer(page, question, question.answer)
    assert page.locator("#not-kept").is_visible() == (memory == REFUSED)
    page.get_by_label("Your name").fill("Ann")
    page.get_by_role("link", name=after.title).click()
    answer(page, later, later.answer)
    page.get_by_role("link", name="The lesson, run").click()
    page.wait_for_url("**/index.html#")
    assert page.locator("#answered").inner_text() == (
        f"2 of {total} questions answered: 2 right at the first try, 0 right later."
    )
    assert page.get_by_label("Your name").input_value() == "Ann"
    page.locator("summary").click()
    page.locator(f"a[href='{chapter.file}#q-{question.id}']").click()
    page.wait_for_url(f"**/{chapter.file}#q-{question.id}")
    assert page.locator(f"#a-{question.id}").input_value() == question.answer
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the hand-in as a file").click()
    download.value.save_as(tmp_path / "answers.json")
    context.close()
    saved = json.loads((tmp_path / "answers.json").read_text())["content"]
    assert saved["covers"].startswith("all pages" if memory == APART else "pages since they were opened")
    assert {one["id"]: [each["right"] for each in one["given"]] for one in saved["answers"]} == {
        question.id: [True],
        later.id: [True],
    }
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

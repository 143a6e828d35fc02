"""The pages of a class: figures are those counted here, what students write is text, names stand where they belong."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.axe import findings
from tests.report.a_class import ASKED, DUE, EVIL, GRADED, a_class, hostile_class

from cnnlab.classroom.results import ClassResults, StudentResult
from cnnlab.report.classroom.feedback import feedback_page
from cnnlab.report.classroom.sheet import assignment_sheet
from cnnlab.report.classroom.teacher import teacher_page
from cnnlab.report.classroom.written import told_command

#: Texts as long as the lesson's.
TEXTS = (
    (
        "Homework 1: other nets",
        "Which net would you go on with, and why? Say which differences between your nets were larger than those "
        "between seeds of one net, with their figures.",
    ),
    (
        "Homework 2: dropout and batch norm",
        "What did dropout, batch norm and both together do to the gap between training and validation accuracy, in "
        "your runs? Say which of it you would still expect with another seed, and why.",
    ),
    (
        "Homework 3: early and late",
        "What do the early maps that you looked at answer to, and what the late ones? Say which of your descriptions "
        "turned out wrong for another image.",
    ),
    (
        "Homework 4: CNN against dense",
        "Is your CNN better than the fully connected net, by how much, and did all seeds agree? Say which clothes both "
        "mix up, and whether you could tell them apart yourself.",
    ),
)


@pytest.fixture(scope="module")
def results() -> ClassResults:
    return a_class()


@pytest.fixture(scope="module")
def page(results: ClassResults) -> str:
    return teacher_page(results, is_anonymous=False)


def came(results: ClassResults) -> list[StudentResult]:
    return [one for one in results.results if one.file]


def article(page: str, question: str) -> str:
    return page.split(f'id="q-{question}">')[1].split("</article>")[0]


def settings(**changes: Any) -> Any:
    points = SimpleNamespace(first=1.0, later=0.5, text=2.0, task=1.0)
    withheld = SimpleNamespace(data="mnist", images=2000)
    return SimpleNamespace(
        **{"name": "CNNs", "due": DUE, "points": points, "withheld": withheld, "secret": "5ec" * 21} | changes
    )


def sheet(**changes: Any) -> str:
    return assignment_sheet(settings(**changes), questions=31, texts=TEXTS, lesson_data="mnist-5k")


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.id)
def test_a_question_s_bar_counts_every_hand_in(results: ClassResults, page: str, asked: Any) -> None:
    words = {"not decided": "answered, not graded"}
    expected = Counter(
        words.get(each.standing, each.standing) for one in came(results) for each in one.answered if each.id == asked.id
    )
    found = re.findall(r"<b>(\d+)</b> ([^<]+)</span>", article(page, asked.id))
    assert {says: int(count) for count, says in found} == expected
    assert sum(expected.values()) == len(came(results))


def test_a_hand_in_without_answers_leaves_questions_open(results: ClassResults, page: str) -> None:
    one = next(one for one in came(results) if one.answered[0].standing != "open")
    changed = tuple(replace(each, answered=()) if each is one else each for each in results.results)
    other = teacher_page(replace(results, results=changed), is_anonymous=False)
    before, after = (
        dict(map(reversed, re.findall(r"<b>(\d+)</b> ([^<]+)</span>", article(each, one.answered[0].id))))
        for each in (page, other)
    )
    assert int(after["open"]) == int(before["open"]) + 1


@pytest.mark.parametrize("asked", GRADED, ids=lambda asked: asked.id)
def test_slips_are_counted_over_all_variants(results: ClassResults, page: str, asked: Any) -> None:
    expected: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for one in came(results):
        for each in one.answered:
            if each.id != asked.id or not each.given or each.given[0] in ("", each.answer):
                continue
            n = 28 + 2 * each.variant
            hints = {hint.format(n=n): hint for _, hint in asked.slips}
            if each.slips[0]:
                expected[hints[each.slips[0]].format(n="#")] += 1
            else:
                unknown[each.given[0]] += 1
    rows = re.findall(r'class="many">(\d+)</span>.*?class="hint">([^<]+)', article(page, asked.id))
    found = {re.sub(r"\b(28|3[02468])\b", "#", says.strip()): int(count) for count, says in rows}
    assert found == expected
    assert [int(count) for count, _ in rows] == sorted((int(count) for count, _ in rows), reverse=True)
    several = re.findall(r'class="many">(\d+)</span>.{0,120}class="hint"><bdi>([^<]+)</bdi>', article(page, asked.id))
    assert {given: int(count) for count, given in several} == {
        given: count for given, count in unknown.items() if count > 1
    }


def test_equal_wrong_answers_are_counted_together_however_they_are_written(results: ClassResults) -> None:
    """Values stand here as somebody would work them out, beside what students might type."""
    typed = [("0.5", 0.5), ("1/2", 0.5), (",50", 0.5), ("0,5", 0.5), ("50 %", 0.5), ("0.5", 0.5)]
    typed += [("1/3", 1 / 3), ("2/6", 2 / 6), ("0.3333", 0.3333), ("1,000 + 1", 1001.0), ("a lot", None)]
    ((at, question),) = [(at, each) for at, each in enumerate(came(results)[0].answered) if each.id == GRADED[0].id]
    answered = [
        replace(question, given=(given,), values=(value,), slips=("",), standing="not right", points=0.0)
        for given, value in typed
    ]
    those = [
        replace(one, answered=(*one.answered[:at], each, *one.answered[at + 1 :]))
        for one, each in zip(came(results), answered, strict=False)
    ]
    assert len(those) == len(typed)
    of_it = article(teacher_page(replace(results, results=tuple(those)), is_anonymous=False), question.id)
    several = re.findall(r'class="many">(\d+)</span>.{0,120}class="hint"><bdi>([^<]+)</bdi>', of_it)
    assert several == [("6", "0.5"), ("2", "1/3")]
    assert re.search(r'class="many">3</span>.*?other wrong answers', of_it)


def test_the_hardest_questions_come_first(results: ClassResults, page: str) -> None:
    shares = {}
    for asked in GRADED:
        those = [each for one in came(results) for each in one.answered if each.id == asked.id]
        answered = [each for each in those if each.given and each.given[0]]
        right = sum(each.given[0] == each.answer for each in answered)
        shares[asked.id] = (right / len(answered), f"{right} of {len(answered)}")
    talk = page.split('<ol class="talk">')[1].split("</ol>")[0]
    found = [(id, count) for count, id in re.findall(r'<b>([^<]+)</b>: <a href="#q-([^"]+)"', talk)]
    assert found == [(id, shares[id][1]) for id in sorted(shares, key=lambda id: shares[id])[:3]]


def test_a_handful_of_answers_is_said_to_be_too_few() -> None:
    page = teacher_page(a_class(4), is_anonymous=False)
    assert "too few to say what a class finds hard" in page
    assert re.search(r"\(only \d answered\)", page)


def test_the_table_has_everybody(results: ClassResults, page: str, read: Callable[[str], Any]) -> None:
    rows = read(page).tables["Students"][1:]
    for row, one in zip(rows, results.results, strict=True):
        assert row[0].startswith(one.student.name)
        assert row[1] == one.student.id
        assert ("not in the roster" in row[0]) == (one.student.row is None)
        if not one.file:
            assert row[2:] == ["nothing", "–", "–", "–", "–", "–"]
            continue
        assert row[3:6] == [str(one.tries), "late" if one.is_late else "–", f"{one.question_points:g}"]
        assert row[6] == ("–" if one.homework_points is None else f"{one.homework_points:g}")
        best = one.best
        expected = (
            "–" if best is None else f"{100 * best.accuracy:.2f} % [{100 * best.low:.2f} – {100 * best.high:.2f} %]"
        )
        assert row[7] == expected
    assert 'class="absent"' in page
    links = re.findall(r'href="(feedback/[^"]+)"', page)
    assert links == [f"feedback/{one.student.key}.html" for one in came(results)]


def test_the_head_counts_the_roster_alone(results: ClassResults, page: str) -> None:
    of = sum(one.student.row is not None for one in results.results)
    inside = sum(one.student.row is not None for one in came(results))
    assert f"<dd>{inside} of {of}<small>and 1 who is not in the roster" in page
    assert (
        f"<dt>Late</dt><dd>{sum(one.is_late for one in results.results)}<small>due on Friday, 4 December 2026, 17:00"
        in page
    )
    left = sum(bool(text.text) and text.points is None for one in results.results for text in one.texts)
    assert f"<dd>{left} to mark" in page


def test_who_overlaps_is_not_ranked(results: ClassResults, page: str) -> None:
    nets = sorted((one.best for one in came(results) if one.best), key=lambda net: -net.accuracy)

    def meet(one: Any, other: Any) -> bool:
        return max(one.low, other.low) <= min(one.high, other.high)

    first = 1
    while all(meet(nets[first], before) for before in nets[:first]):
        first += 1
    apart = sum(not meet(*pair) for pair in combinations(nets, 2))
    assert 1 < first < len(nets)
    assert apart
    assert f"The intervals of the first {first} overlap: these are not ranked." in page
    assert f"Of {len(nets) * (len(nets) - 1) // 2} pairs, {apart} lie apart" in page
    assert "only where their two 95 % intervals do not overlap" in page


def test_equal_nets_are_ranked_by_nobody(results: ClassResults) -> None:
    best = next(one.best for one in came(results) if one.best)
    same = replace(results, results=tuple(replace(one, best=best) if one.file else one for one in results.results))
    page = teacher_page(same, is_anonymous=False)
    assert f"All {len(came(results))} intervals overlap: nobody is ahead, and nobody is ranked." in page


def test_remarks_and_lines_are_said_and_not_judged(
    results: ClassResults, page: str, read: Callable[[str], Any]
) -> None:
    text = read(without_script(page)).text
    for one in results.results:
        for remark in one.remarks:
            assert remark in text
    assert all(line in text for line in results.lines)
    assert "Nothing here has changed a mark." in text
    assert not re.search(r"cheat|copied|suspic|plagiar", text, re.IGNORECASE)


@pytest.mark.parametrize("is_anonymous", [False, True])
def test_whatever_students_write_is_text(is_anonymous: bool, read: Callable[[str], Any]) -> None:
    hostile = hostile_class()
    pages = [teacher_page(hostile, is_anonymous=is_anonymous)]
    if not is_anonymous:
        pages += [feedback_page(one, hostile) for one in hostile.results]
    for page in map(read, pages):
        page.html.encode()  # no half of a pair is left
        tags = Counter(tag for tag, _ in page.tags)
        assert tags["script"] == (page.html == pages[0])
        assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
        assert all(source.startswith("data:image/png;base64,") for source in page.attributes("src"))
    if not is_anonymous:
        for evil in EVIL:
            assert evil.replace("\ud800", "\ufffd") in read(pages[0]).text


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("own code: to be run by you: cnnlab evaluate 'a b' --data mnist", "cnnlab evaluate 'a b' --data mnist"),
        ("got the net 'to be run by you: cnnlab x'; expected one of lenet5", ""),
        ("its data is to be run by you: cnnlab a; rm -rf ~", ""),
        ("to be run by you: cnnlab evaluate $(reboot)", ""),
        ("to be run by you: curl example.org", ""),
        ("to be run by you: cnnlab evaluate a\nreboot", ""),
    ],
)
def test_what_a_hand_in_says_is_no_command(says: str, expected: str) -> None:
    assert told_command(says)[1] == expected


def test_three_hundred_students_are_one_small_page() -> None:
    many = a_class(300, copies=4)
    began = time.process_time()
    page = teacher_page(many, is_anonymous=False)
    assert time.process_time() - began < 20
    assert len(page.encode()) < 3_000_000
    assert page.count('class="written"') == sum(bool(text.text) for one in many.results for text in one.texts)


def test_the_same_class_gives_the_same_bytes(results: ClassResults, page: str) -> None:
    assert teacher_page(a_class(), is_anonymous=False) == page
    assert teacher_page(a_class(), is_anonymous=True) == teacher_page(results, is_anonymous=True)
    one = results.results[0]
    assert feedback_page(one, results) == feedback_page(a_class().results[0], a_class())


def without_script(page: str) -> str:
    return page.partition('<script type="module">')[0]


def told_in(page: str, results: ClassResults) -> set[str]:
    """What of all that tells who is in a class stands in a page's source, as words of their own."""
    words = "|".join(re.escape(said) for said in sorted(set(strings_of(results)), key=len, reverse=True))
    return set(re.findall(rf"(?<!\w)(?:{words})(?!\w)", page))


def strings_of(results: ClassResults) -> Iterator[str]:
    """All that tells who is in a class, and every path."""
    for one in results.results:
        student = one.student
        yield from (student.key, student.id, student.email, student.name, *student.name.split())
        if one.file:
            yield one.file
    yield results.made


def test_the_order_without_names_cannot_be_worked_out_by_who_knows_the_handed_out_pages(results: ClassResults) -> None:
    """`made` stands in every student's pages, and classmates know each other's ids."""
    orders = []
    for key in ("a" * 32, "b" * 32):
        page = teacher_page(replace(results, order_key=key), is_anonymous=True)
        orders.append(re.findall(r'<th scope="row"><bdi>(Student \d+)</bdi></th><td>(.*?)</tr>', page))
        assert key not in page
    assert orders[0] != orders[1]
    assert sorted(cells for _, cells in orders[0]) == sorted(cells for _, cells in orders[1])


def test_without_names_no_answer_is_shown_beside_a_student_whose_numbers_are_their_own(results: ClassResults) -> None:
    page = teacher_page(results, is_anonymous=True)
    differing = {each.id for one in came(results) for each in one.answered if each.variant}
    heads = re.findall(r'<th scope="col"><a href="#q-([^"]+)">', page)
    rows = re.findall(r'<tr><th scope="row"><bdi>Student \d+</bdi></th>(.*?)</tr>', page)
    assert differing
    assert set(heads) - differing
    shown = {head for row in rows for head, cell in zip(heads, row.split("</td>"), strict=False) if "<bdi>" in cell}
    assert len(rows) == len(came(results))
    assert shown == set(heads) - differing


def test_without_names_nothing_of_the_roster_is_in_the_source(results: ClassResults) -> None:
    first, second = came(results)[:2]
    who, friend = first.student, second.student.name.split()[0]
    wrote = f"I am {who.name} ({who.id}, {who.email.upper()}); {friend} helped."
    texts = tuple(replace(text, text=wrote, remark=f"Well done, {first.student.name}!") for text in first.texts)
    answered = tuple(replace(each, given=(first.student.email, *each.given[1:])) for each in first.answered)
    signed = replace(first, texts=texts, answered=answered)
    named = replace(results, results=tuple(signed if one is first else one for one in results.results))
    page = teacher_page(named, is_anonymous=True)
    assert told_in(page, named) == set()
    assert first.student.email.upper() not in page
    assert [line for line in named.lines if line in page] == []
    assert re.search(r"I am Student \d+ \(Student \d+, Student \d+\); Student \d+ helped\.", page)
    assert not re.search(
        r"data-student|data-marking|feedback/|same weights|check_net|safetensors", without_script(page)
    )
    assert "whatever else they wrote about themselves is not" in page


def test_numbers_instead_of_names_do_not_follow_the_roster(results: ClassResults, read: Callable[[str], Any]) -> None:
    rows = read(teacher_page(results, is_anonymous=True)).tables["Students"][1:]
    assert [row[0] for row in rows] == [f"Student {number}" for number in range(1, len(results.results) + 1)]
    points = [f"{one.question_points:g}" if one.file else "–" for one in results.results]
    shown = [row[4] for row in rows]
    assert sorted(shown) == sorted(points)
    assert shown != points


def test_feedback_is_about_one_student_alone(results: ClassResults) -> None:
    for one in results.results:
        page = feedback_page(one, results)
        own = {one.student.key, one.student.id, one.student.email, one.student.name, *one.student.name.split()}
        assert told_in(page, results) <= own | {one.file}
        assert "same weights" not in page
        assert one.student.name in page


def test_feedback_keeps_what_is_noticed_of_one_s_own_file(results: ClassResults, read: Callable[[str], Any]) -> None:
    noticed = [one for one in results.results if any("was edited" in remark for remark in one.remarks)]
    assert noticed
    for one in noticed:
        assert (
            next(remark for remark in one.remarks if "was edited" in remark) in read(feedback_page(one, results)).text
        )


def test_feedback_gives_back_every_answer_and_mark(results: ClassResults, read: Callable[[str], Any]) -> None:
    firsts: dict[str, list[bool]] = {}
    for one in came(results):
        for each in one.answered:
            if each.given and each.given[0]:
                firsts.setdefault(each.id, []).append(each.standing == "right at the first try")
    one = next(one for one in came(results) if one.tasks and any(text.remark for text in one.texts))
    page = feedback_page(one, results)
    text = read(page).text
    for each in one.answered:
        part = read(next(part for part in page.split("<article")[1:] if each.text in read(part).text)).text
        assert all(given in part for given in each.given if given)
        assert all(slip in part for slip in each.slips if slip)
        assert each.worked in part
        if each.standing != "not decided":
            assert f"{sum(firsts[each.id])} of {len(firsts[each.id])} had it at the first try" in part
            assert f": {each.points:g} of 1" in part
    for written in one.texts:
        if written.text:
            assert written.text in text
            assert written.remark in text
    assert all(task.says in text for task in one.tasks if task.standing != "to be run by you")
    for net in one.nets:
        assert net.name in text
    assert "not ranked" not in text
    assert "highest" not in text


def test_who_handed_nothing_in_is_told_so(results: ClassResults, read: Callable[[str], Any]) -> None:
    absent = next(one for one in results.results if not one.file)
    text = read(feedback_page(absent, results)).text
    assert "Nothing of yours has come in; it was due on Friday, 4 December 2026, 17:00." in text


def test_the_sheet_says_what_is_due_and_what_it_is_worth(read: Callable[[str], Any]) -> None:
    page = sheet()
    text = " ".join(read(page).text.split())
    assert "Hand in by Friday, 4 December 2026, 17:00" in text
    assert "1 point if the first answer is right, 0.5 if the second is" in text
    assert "Up to 2 points" in text
    assert "up to 2,000 images of mnist that are not in the lesson" in text
    assert "Answer the 31 questions" in text
    assert "cnnlab hand-in RUN notebook.ipynb" in text
    assert "Nothing leaves your machine by itself" in text
    assert all(title in text and asked in text for title, asked in TEXTS)
    assert settings().secret not in page


def test_a_sheet_without_a_day_or_images_of_a_folder(read: Callable[[str], Any]) -> None:
    text = read(sheet(due=None)).text
    assert "Hand in by" not in text
    assert "until the time above" not in text
    assert "not measured" in read(sheet(withheld=SimpleNamespace(data=None, images=2000))).text
    page = sheet(withheld=SimpleNamespace(data="folder:/home/ann b/held back", images=50))
    assert "/home" not in page
    assert "up to 50 images that are not in the lesson" in read(page).text


@pytest.fixture
def written(results: ClassResults, page: str, tmp_path: Path) -> dict[str, Path]:
    full = next(one for one in came(results) if one.tasks and any(text.remark for text in one.texts))
    hostile = hostile_class()
    pages = {
        "teacher": page,
        "anonymous": teacher_page(results, is_anonymous=True),
        "feedback": feedback_page(full, results),
        "sheet": sheet(),
        "hostile": teacher_page(hostile, is_anonymous=False),
        "hostile-feedback": feedback_page(hostile.results[0], hostile),
    }
    for name, content in pages.items():
        (tmp_path / f"{name}.html").write_text(content)
    return {name: tmp_path / f"{name}.html" for name in pages}


PAGES = ["teacher", "anonymous", "feedback", "sheet", "hostile", "hostile-feedback"]


@pytest.mark.browser
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(browser: Any, written: dict[str, Path], name: str) -> None:
    if name in ("teacher", "anonymous"):  # axe takes its time over every element
        written[name].write_text(teacher_page(a_class(22), is_anonymous=name == "anonymous"))
    page = browser.new_page()
    page.goto(written[name].as_uri())
    assert findings(page) == []
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1366, 1920])
@pytest.mark.parametrize("name", PAGES)
def test_opens_quietly_and_fits(browser: Any, written: dict[str, Path], name: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(written[name].as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in asked if not url.startswith("data:")] == [written[name].as_uri()]
    assert said == []
    page.close()


@pytest.mark.browser
def test_the_sheet_is_one_printed_page(browser: Any, written: dict[str, Path]) -> None:
    page = browser.new_page()
    page.goto(written["sheet"].as_uri())
    for paper in ("A4", "Letter"):
        assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format=paper))) == 1, paper
    page.close()


@pytest.mark.browser
def test_a_heading_sorts_by_mouse_and_by_key(browser: Any, results: ClassResults, written: dict[str, Path]) -> None:
    page = browser.new_page()
    page.goto(written["teacher"].as_uri())
    column = "[...document.querySelectorAll('.students tbody tr')].map(row => row.cells[{}].textContent)"
    page.get_by_role("button", name="Questions", exact=True).click()
    shown = page.evaluate(column.format(5))
    points = sorted((one.question_points for one in came(results)), reverse=True)
    assert shown == [*(f"{each:g}" for each in points), *["–"] * (len(results.results) - len(points))]
    assert page.evaluate("document.querySelector('[aria-sort]').textContent.trim()") == "Questions"
    page.get_by_role("button", name="Questions", exact=True).press("Enter")
    assert page.evaluate(column.format(5))[: len(points)] == [f"{each:g}" for each in reversed(points)]
    page.get_by_role("button", name="Id", exact=True).click()
    assert page.evaluate(column.format(1)) == sorted(one.student.id for one in results.results)
    page.close()


@pytest.mark.browser
def test_each_student_s_first_answers_stand_in_a_table(
    browser: Any, results: ClassResults, written: dict[str, Path]
) -> None:
    page = browser.new_page()
    page.goto(written["teacher"].as_uri())
    table = page.locator("#questions details table").first
    rows = table.locator("tr").count()
    assert rows == 1 + len(came(results))
    column = "[...document.querySelectorAll('#questions details table tbody tr')].map(row => row.innerText)"
    page.locator("summary", has_text="first answers").click()
    signs = {"right at the first try": "✓", "right later": "◐", "not right": "✗"}
    for text, one in zip(page.evaluate(column), came(results), strict=True):
        assert one.student.name in text
        counted = [one.answered[i].standing for i in range(len(one.answered))]
        for standing, sign in signs.items():
            assert text.count(sign) == counted.count(standing)
    page.close()


@pytest.mark.browser
def test_a_name_leaves_those_standing_that_overlap(
    browser: Any, results: ClassResults, written: dict[str, Path]
) -> None:
    page = browser.new_page()
    page.goto(written["teacher"].as_uri())
    nets = {one.student.name: one.best for one in came(results) if one.best}
    name = next(iter(nets))
    page.locator(".ranking").get_by_role("button", name=name).click()
    apart = page.evaluate("[...document.querySelectorAll('.ranking .apart button')].map(each => each.textContent)")
    own = nets[name]
    assert sorted(apart) == sorted(other for other, net in nets.items() if net.high < own.low or net.low > own.high)
    assert apart
    page.close()


def marked(page: Any) -> dict[str, Any]:
    """What the button saves."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the marks as a file").click()
    assert download.value.suggested_filename == "marks-CNNs-autumn-2026.json"
    return json.loads(Path(download.value.path()).read_text())


def came_with(results: ClassResults) -> dict[str, dict[str, Any]]:
    """Student → text → mark, as the teacher gave them before."""
    found: dict[str, dict[str, Any]] = {}
    for one in results.results:
        for text in one.texts:
            if text.text and (text.points is not None or text.remark):
                mark = {"points": text.points, "remark": text.remark, "of": sum_of(text.text)}
                found.setdefault(one.student.key, {})[text.id] = mark
    return found


def sum_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.browser
def test_marks_are_kept_and_saved_as_the_file_that_is_collected(
    browser: Any, results: ClassResults, written: dict[str, Path]
) -> None:
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    page.goto(written["teacher"].as_uri())
    record = marked(page)
    assert record == {"kind": "cnnlab marks", "format": 1, "class": results.made, "marks": came_with(results)}

    open_one, done = (
        next(one for one in came(results) if one.texts[0].text and (one.texts[0].points is None) == is_open)
        for is_open in (True, False)
    )
    for one, points, remark in ((open_one, "1.5", "“Fine” </script>\nגם"), (done, "", "taken back")):
        article = page.locator(f'[data-text="homework-1"] [data-student="{one.student.key}"]')
        article.get_by_role("spinbutton").fill(points)
        article.get_by_role("textbox").fill(remark)
    assert "2 changes are in no file yet." in page.locator(".marking-bar").inner_text()
    page.reload()
    assert "2 changes are in no file yet." in page.locator(".marking-bar").inner_text()
    expected = came_with(results)
    texts = {one.student.key: one.texts[0].text for one in (open_one, done)}
    for one, points, remark in ((open_one, 1.5, "“Fine” </script>\nגם"), (done, None, "taken back")):
        mark = {"points": points, "remark": remark, "of": sum_of(texts[one.student.key])}
        expected.setdefault(one.student.key, {})["homework-1"] = mark
    assert marked(page)["marks"] == expected
    assert "in no file yet" not in page.locator(".marking-bar").inner_text()
    page.reload()
    assert marked(page)["marks"] == expected
    context.close()


@pytest.mark.browser
def test_a_mark_stays_that_of_the_text_it_was_given_for(browser: Any, results: ClassResults, tmp_path: Path) -> None:
    first, second = [one for one in came(results) if one.texts[0].text and one.texts[0].points is not None][:2]
    old = sum_of("what was handed in before")
    changed = tuple(
        replace(one, texts=(replace(one.texts[0], marked=old), *one.texts[1:])) if one in (first, second) else one
        for one in results.results
    )
    (tmp_path / "index.html").write_text(teacher_page(replace(results, results=changed), is_anonymous=False))
    page = browser.new_page(accept_downloads=True)
    page.goto((tmp_path / "index.html").as_uri())
    article = page.locator(f'[data-text="homework-1"] [data-student="{first.student.key}"]')
    assert "another text than the one that was marked" in article.inner_text()
    article.get_by_role("spinbutton").fill("0.5" if first.texts[0].points != 0.5 else "1")
    saved = marked(page)["marks"]
    assert saved[first.student.key]["homework-1"]["of"] == sum_of(first.texts[0].text)
    assert saved[second.student.key]["homework-1"]["of"] == old
    page.close()


@pytest.mark.browser
def test_points_that_cannot_be_are_not_taken(browser: Any, results: ClassResults, written: dict[str, Path]) -> None:
    page = browser.new_page(accept_downloads=True)
    page.goto(written["teacher"].as_uri())
    for points in ("2.5", "-1", "0.3"):
        field = page.get_by_role("spinbutton").first
        before = field.input_value()
        field.fill(points)
        assert "Not taken: expected 0 to 2 in steps of 0.5." in page.locator(".mark-status").first.inner_text()
        field.fill(before)
    assert marked(page)["marks"] == came_with(results)
    page.close()


@pytest.mark.browser
def test_what_was_collected_since_counts_and_what_is_unsaved_stays(
    browser: Any, results: ClassResults, written: dict[str, Path]
) -> None:
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    page.goto(written["teacher"].as_uri())
    saved, unsaved = [one for one in came(results) if one.texts[0].text and one.texts[0].points is None][:2]

    def field(one: StudentResult) -> Any:
        return page.locator(f'[data-text="homework-1"] [data-student="{one.student.key}"]').get_by_role("spinbutton")

    field(saved).fill("1")
    marked(page)
    field(unsaved).fill("0.5")
    # Somebody else gave 2 to both meanwhile, and the class was collected again.
    changed = tuple(
        replace(one, texts=(replace(one.texts[0], points=2.0), *one.texts[1:])) if one in (saved, unsaved) else one
        for one in results.results
    )
    written["teacher"].write_text(teacher_page(replace(results, results=changed), is_anonymous=False))
    page.reload()
    assert (field(saved).input_value(), field(unsaved).input_value()) == ("2", "0.5")
    context.close()


@pytest.mark.browser
def test_leaving_with_unsaved_marks_is_warned_of(browser: Any, written: dict[str, Path]) -> None:
    context = browser.new_context(accept_downloads=True)
    asked = []
    for is_saved in (True, False):
        page = context.new_page()
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
        page.goto(written["teacher"].as_uri())
        page.get_by_role("spinbutton").first.click()
        page.get_by_role("spinbutton").first.fill("0.5" if is_saved else "0")
        if is_saved:
            marked(page)
        page.close(run_before_unload=True)
        page.wait_for_event("close")
        assert asked == ([] if is_saved else ["beforeunload"])
    context.close()


@pytest.mark.browser
def test_one_text_at_a_time_and_on_to_the_next_without_points(
    browser: Any, results: ClassResults, written: dict[str, Path]
) -> None:
    page = browser.new_page()
    page.goto(written["teacher"].as_uri())
    shown = "[...document.querySelectorAll('[data-text]')].filter(each => !each.hidden).map(each => each.dataset.text)"
    assert page.evaluate(shown) == ["homework-1"]
    page.get_by_role("combobox", name="Text").select_option(index=2)
    assert page.evaluate(shown) == ["homework-3"]
    left = [one.student.key for one in came(results) if one.texts[2].text and one.texts[2].points is None]
    visited = []
    for _ in left:
        page.get_by_role("button", name="Next without points").click()
        visited.append(page.evaluate("document.activeElement.closest('.written').dataset.student"))
    assert visited == left
    page.get_by_role("button", name="Next without points").click()
    assert page.evaluate(shown) == ["homework-4"]
    page.emulate_media(media="print")
    assert page.evaluate("[...document.querySelectorAll('[data-text]')].every(each => each.offsetHeight > 0)")
    page.close()

"""What a reader of the lesson runs into: links, sums, answers told early, paper, phone and projector."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qs

import pytest

from cnnlab.lesson.chapters import CHAPTERS
from cnnlab.lesson.evidence import Evidence

#: A link's words → the block of the explorer that they speak of, the type of layer there, and the open experiment.
NAMED = {
    "One unit of this convolution": ("Conv 1", "Conv2d", None),
    "A unit of the second convolution": ("Conv 2", "Conv2d", None),
    "SimpleCNN’s maps for one image": (None, None, None),
    "A unit of the pool S2 (there: Pool 1)": ("Pool 1", "MaxPool2d", None),
    "LeNet-5, computed in the page": ("Conv 2", "Conv2d", None),
    "“Dropout: thin the net out”": (None, None, "dropping"),
    "A unit after batch norm": ("Conv 1", "BatchNorm2d", None),
    "SimpleCNN, computed in the page: what one dense unit": ("Dense 1", "Linear", None),
    "How the trained net comes to its answer": ("Dense 2", "Linear", None),
    "A unit of a late map": ("Conv 2", "ReLU", None),
}

#: Chapters whose claims tell what one of their questions asks.
TOLD = ("dropout", "batch_norm", "regularisers", "best_cnn")


def page_of(evidence: Evidence, name: str) -> str:
    return (evidence.folder / next(one.file for one in CHAPTERS if one.name == name)).read_text()


@pytest.mark.browser
def test_every_link_into_the_explorer_opens_what_its_words_name(browser: Any, evidence: Evidence) -> None:
    links = [
        (html.unescape(href), html.unescape(words))
        for chapter in CHAPTERS
        for href, words in re.findall(
            r'<a href="([^"]*explorer\.html#[^"]*)">(.*?)</a>', (evidence.folder / chapter.file).read_text()
        )
    ]
    assert len(links) == len(NAMED)
    for href, words in links:
        block, type, panel = next(named for start, named in NAMED.items() if words.startswith(start))
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.goto(f"{evidence.folder.as_uri()}/{href}")
        page.wait_for_function("() => window.explorer")
        page.evaluate("explorer.checked.then(() => null)")
        title = page.locator("#unit-title").inner_text() if block else ""
        assert (block or "") in title, words
        assert (type or "") in title, words
        if block:
            asked = parse_qs(href.partition("#")[2])
            chosen = page.evaluate("explorer.state.choice")
            assert [str(chosen["image"]), ".".join(map(str, chosen["unit"]))] == [*asked["image"], *asked["unit"]], (
                words
            )
        else:
            assert not page.locator("#unit").is_visible(), words
        if panel:
            box = page.locator(f"#{panel}").bounding_box()
            assert page.locator(f"#{panel}").get_attribute("open") is not None
            assert box is not None
            assert 0 <= box["y"] < 768 - 100, words  # its head and more than that is in sight
        page.close()


@pytest.mark.parametrize("name", ["pooling", "overfitting"])
def test_a_difference_is_that_of_the_figures_beside_it(evidence: Evidence, name: str) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", "", page_of(evidence, name))).replace("\u2212", "-")
    start = "Before the pool the maps change" if name == "pooling" else "After the last epoch "
    says = next(line for line in text.splitlines() if start in line and "before rounding" in line)
    numbers = [float(each) for each in re.findall(r"-?\d+\.\d+", says[says.index(start) :])]
    first, second, difference = numbers[:3]
    assert first - second == pytest.approx(difference, abs=0.0101)


@pytest.mark.parametrize("name", TOLD)
def test_claims_that_tell_an_answer_wait_for_it(evidence: Evidence, name: str) -> None:
    (waits,) = re.findall(r'<div data-held-back="([\w-]+)" hidden>\n<h3>Put to the test', page_of(evidence, name))
    assert f'data-question="{waits}"' in page_of(evidence, name)


@pytest.mark.browser
def test_paper_writes_numbers_as_the_page_does_and_says_which_are_wrong(browser: Any, evidence: Evidence) -> None:
    chapter = next(one for one in CHAPTERS if one.name == "larger_nets")
    page = browser.new_page()
    page.goto((evidence.folder / chapter.file).as_uri())
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    solved = page.locator("#q-vgg-first-dense .solved").inner_text()
    assert f"Answer: {512 * 7 * 7 * 4096 + 4096:,} parameters" in solved
    assert f"If the answer is {512 * 7 * 7 * 4096:,}: You left out the biases." in solved
    page.close()


@pytest.mark.browser
def test_a_wide_screen_gets_larger_words_and_pictures(browser: Any, evidence: Evidence) -> None:
    sizes = []
    for width in (1366, 1920):
        page = browser.new_page(viewport={"width": width, "height": 1080})
        page.goto((evidence.folder / CHAPTERS[1].file).as_uri())
        box = page.locator(".sliding svg").first.bounding_box()
        sizes.append([page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)"), box["width"]])
        page.close()
    assert sizes[0][0] == 16
    assert sizes[1] == pytest.approx([1.25 * each for each in sizes[0]])


@pytest.mark.browser
def test_no_letter_on_a_phone_is_too_small_to_read(browser: Any, evidence: Evidence) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto((evidence.folder / CHAPTERS[1].file).as_uri())
    least = page.evaluate(
        "Math.min(...[...document.querySelectorAll('.sliding text')].map(each => each.getBoundingClientRect().height))"
    )
    assert least > 9  # CSS pixels of a line
    page.close()

"""A claim's page and the index: what was measured stands there, as it was measured, and nothing else."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cnnlab.claims.claim import Claim, Finding, found_over_seeds
from cnnlab.claims.entry import ClaimEntry, MadeOn
from cnnlab.claims.judging import Control, Smallest, judge
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.measuring import Measured, measure
from cnnlab.claims.registry import CLAIMS, find_claim
from cnnlab.claims.rounds import Round, RoundRecord, round_of
from cnnlab.experiments.engines import InProcess
from cnnlab.experiments.statistics import paired_difference
from cnnlab.figures import Bars, Lines, Map, Maps, Series, over_seeds
from cnnlab.report.claims.index import claims_index
from cnnlab.report.claims.page import claim_page, command
from cnnlab.report.claims.strip import MARGIN, strip
from cnnlab.report.claims.words import why_not_supported
from cnnlab.report.figures.draw import draw_figures
from cnnlab.runs.environment import Environment
from cnnlab.workflows.claims import ClaimPages

ROUND = Round(
    quick=True,
    data="mnist-5k",
    data_sha256="ab" * 32,
    fashion="mnist-5k",
    seeds=3,
    first_seed=10,
    epochs=5,
    train_size=2000,
    engine="process",
    environment=Environment(
        cnnlab="0.1.0",
        python="3.11",
        torch="2.13",
        numpy="2.4",
        system="Linux",
        device="cpu",
        device_name="a processor",
        precision="bfloat16",
        threads=2,
        cores=2,
    ),
)
HOSTILE = "<script>alert(1)</script>"

LINES = Lines(
    "Accuracy",
    (1.0, 10.0, 100.0),
    "images",
    "accuracy",
    (over_seeds("with", [(0.5, 0.6, 0.7), (0.4, 0.6, 0.8)]), over_seeds("without", [(0.3, 0.4, 0.5), (0.2, 0.4, 0.6)])),
    levels=((0.9, "the target"),),
    is_share=True,
    log_x=True,
)
CASES = Lines(
    "Gap", ("none", "some thing", "weight-decay", "all"), "", "gap", (over_seeds("each seed", [(1, 2, 3, 4)] * 3),)
)
BARS = Bars("Parameters", ("a", "b"), ("pooled", "plain"), ((1.0, 20.0), (3.0, 4_000_000.0)))


SMALLEST = Smallest(1.0, "point", "that is what matters")


def finding(values: tuple[float, ...] = (0.02, 0.023, 0.026), **changes: Any) -> Finding:
    made = found_over_seeds(
        judge(paired_difference(values, [0.0] * len(values)), SMALLEST, scale=100),
        unit="points better",
        says="It came to -0.5 and 2e-15.",
        controls=(Control("the same on other seeds", 0.1, (-0.5, 0.7), 3, "not supported"),),
        table=(("net", "accuracy"), ("mlp", "-1.0")),
        figures=(LINES, CASES, BARS),
    )
    return replace(made, **changes)


def claim(**changes: Any) -> Claim:
    made = Claim(
        "memorise", "It is so.", "Dropout", "statistical", "supported when it is above 0", lambda _: finding(), SMALLEST
    )
    return replace(made, **changes)


def entry_of(found: Finding, **changes: Any) -> ClaimEntry:
    return claim(**changes).entry(found, 1.0)


def page_of(found: Finding, runs: tuple[Any, ...] = (), links: tuple[str, ...] = (), **changes: Any) -> str:
    measured = Measured(claim(**changes), found, runs, 0, 0, 1.0)
    entry = entry_of(found, **changes).model_copy(update={"runs": links})
    return claim_page(measured, entry, draw_figures(found.figures), ROUND, links=links)


def test_says_what_was_measured(read: Callable[[str], Any]) -> None:
    found = finding()
    text = read(page_of(found)).text
    low, high = found.interval or (0, 0)
    for said in ("It is so.", "supported", "points better", "n = 3 seeds", "supported when it is above 0", "Dropout"):
        assert said in text.replace("\u00a0", " "), said
    assert f"[{low:.2f}, {high:.2f}]" in text.replace("\u00a0", " ")
    assert "cnnlab claims memorise --quick" in text
    assert "−0.5 and 2 × 10⁻¹⁵" in text.replace("\u00a0", " ")


def test_leads_to_its_runs(digits: Any, read: Callable[[str], Any]) -> None:
    page = read(page_of(finding(), (digits.run,), ("runs/a b/report.html",)))
    assert "runs/a%20b/report.html" in [values.get("href") for tag, values in page.tags if tag == "a"]
    accuracy = digits.run.result().test.accuracy
    assert f"{100 * accuracy:.2f}" in page.text


def test_words_of_a_claim_are_never_markup(read: Callable[[str], Any]) -> None:
    found = finding(
        says=HOSTILE,
        unit=HOSTILE,
        table=((HOSTILE,), (HOSTILE,)),
        figures=(
            replace(LINES, title=HOSTILE, x_label=HOSTILE, series=(Series(HOSTILE, ((1.0, 2.0, 3.0),)),)),
            replace(BARS, rows=(HOSTILE, HOSTILE)),
            Maps(HOSTILE, (Map(HOSTILE, np.zeros((2, 2)), has_numbers=True),)),
        ),
    )
    html = page_of(found, statement=HOSTILE, section=HOSTILE, decides=f"supported when {HOSTILE}")
    html += claims_index([entry_of(found, statement=HOSTILE)], ROUND, of=20)
    assert "<script" not in html
    assert "script" not in [tag for tag, _ in read(html).tags]


def test_the_same_finding_gives_the_same_page() -> None:
    assert page_of(finding()) == page_of(finding())


# What a verdict that is not `supported` says of itself.


def test_undecided_says_what_the_seeds_say_and_how_many_would_settle_it() -> None:
    values = (0.01, 0.05, -0.02, 0.03)
    found = finding(values)
    assert found.verdict == "undecided"
    said = " ".join(why_not_supported(entry_of(found)))
    assert "Of 4 seeds 3 lie above 0" in said
    assert found.seeds_to_settle is not None
    low, high = found.seeds_to_settle
    assert f"{low} {f'to {high}' if high else 'or more'}" in said
    assert "lies above 1" not in said


def test_the_page_shows_the_environments_of_the_runs_and_not_of_this_process(read: Callable[[str], Any]) -> None:
    made = MadeOn(**vars(ROUND.environment) | {"threads": 1, "torch": "1.13.0"}, runs=6)
    other = made.model_copy(update={"torch": "2.13", "runs": 9})
    entry = entry_of(finding()).model_copy(update={"environments": (made, other)})
    measured = Measured(claim(), finding(), (), 0, 0, 1.0)
    text = read(claim_page(measured, entry, [], ROUND, links=())).text
    assert "of 6 runs" in text
    assert "torch 1.13.0" in text
    assert "1 thread a run" in text
    assert "2 threads" not in text


def test_a_rule_that_a_control_passes_says_so() -> None:
    found = finding(
        controls=(Control("a net <b>without</b> it", 3.0, (2.0, 4.0), 3, "supported"),), verdict="undecided"
    )
    (said,) = why_not_supported(entry_of(found))
    assert "a net <b>without</b> it" in said
    assert "<b>without" not in page_of(found)


def test_the_page_states_what_matters_and_the_control_beside_the_rule(read: Callable[[str], Any]) -> None:
    text = read(page_of(finding())).text
    assert "smallest effect that matters is 1 point: that is what matters" in text
    assert "the same on other seeds" in text


def test_one_seed_says_that_it_is_one() -> None:
    assert "at least two" in why_not_supported(entry_of(finding((0.01,))))[0]


def test_against_the_lesson_says_so_and_on_which_side_it_lies() -> None:
    found = finding((-0.02, -0.03, -0.04))
    assert found.verdict == "not supported"
    (said,) = why_not_supported(entry_of(found))
    assert "against the statement" in said
    assert "lies below 0" in said
    assert "smallest effect that matters" in said
    assert why_not_supported(entry_of(finding())) == []


def test_an_interval_that_decides_is_not_said_to_reach_across() -> None:
    """As cnn-beats-dense on digits: undecided for another reason."""
    said = " ".join(why_not_supported(entry_of(finding(verdict="undecided"))))
    assert "lies above 1" in said
    assert "asks for more" in said


# The line with the effect.


def test_the_strip_is_to_scale() -> None:
    entry = entry_of(finding(interval=(-1.0, 4.0), by_seed=(0.0, 2.0, 3.0), effect=1.5))
    placed = strip(entry)
    assert placed is not None

    def at(value: float) -> float:
        return MARGIN + (100 - 2 * MARGIN) * (value + 1) / 5

    assert (placed.low, placed.high) == pytest.approx((at(-1), at(4)))
    assert placed.seeds == pytest.approx((at(0), at(2), at(3)), abs=0.01)
    assert placed.boundary == pytest.approx((at(0),))
    assert all(place == pytest.approx(at(float(says.replace("−", "-"))), abs=0.01) for place, says in placed.ticks)


def test_the_strip_of_a_factor_is_to_scale_in_powers() -> None:
    entry = entry_of(finding(interval=(0.1, 10.0), by_seed=(1.0,), effect=1.0, boundary=(1.0,), is_ratio=True))
    placed = strip(entry)
    assert placed is not None
    assert (placed.low, placed.effect, placed.high) == pytest.approx((MARGIN, 50, 100 - MARGIN))


def test_no_strip_where_there_is_nothing_but_one_number() -> None:
    assert strip(entry_of(finding(interval=None, by_seed=()))) is None


# Figures.


def test_every_seed_is_drawn() -> None:
    (drawn,) = draw_figures((LINES,))
    paths = re.findall(r"<path d=\"[^\"]*\"[^>]*stroke: var\(--remeasured\)[^>]*>", str(drawn.chart))
    lines = [one for one in paths if "fill: none" in one]
    assert len(lines) == 2 + 1  # two seeds and their mean
    assert "2 seeds" in drawn.note
    assert [says for _, says in drawn.legend] == ["with", "without", "the target"]


def test_a_map_is_its_numbers() -> None:
    values = np.linspace(-1, 1, 15 * 14).reshape(15, 14)
    (drawn,) = draw_figures((Maps("maps", (Map("one", values, scale=1.0, box=(2, 3, 4, 5)),)),))
    svg = str(drawn.maps[0].picture)
    address = re.search(r"base64,([^\"]+)", svg)
    assert address is not None
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(address[1]))).convert("RGBA")).astype(int)
    assert np.abs(pixels[..., 3] - 255 * np.abs(values)).max() <= 1
    assert ((pixels[..., 0] > pixels[..., 2]) == (values > 0))[np.abs(values) > 0.01].all()
    assert 'x="3" y="2" width="5" height="4"' in svg


def test_a_small_map_writes_its_numbers() -> None:
    (drawn,) = draw_figures((Maps("maps", (Map("K", np.array([[-1.0, 0.0], [2.0, 1.0]]), has_numbers=True),)),))
    assert re.findall(r"<text[^>]*>([^<]*)</text>", str(drawn.maps[0].picture)) == ["−1", "0", "2", "1"]


# The index.


def test_the_index_counts_verdicts_and_names_them_in_words(read: Callable[[str], Any]) -> None:
    entries = [
        entry_of(finding(), id="memorise"),
        entry_of(finding((-0.02, -0.03, -0.04)), id="batchnorm-lr", statement="That is so."),
        entry_of(finding(interval=None, by_seed=()), id="output-size", kind="exact"),
    ]
    page = read(claims_index(entries, ROUND, of=20))
    text = " ".join(page.text.replace("\u00a0", " ").split())
    assert "2 supported 1 not supported 0 undecided" in text
    assert "3 of 20 claims, a quick round on mnist-5k, 3 seeds" in text
    links = [values["href"] for tag, values in page.tags if tag == "a"]
    assert links == ["output-size.html", "memorise.html", "batchnorm-lr.html"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "cnnlab claims --quick"),
        ({"seeds": 5}, "cnnlab claims --quick --seeds 5"),
        ({"quick": False, "data": "mnist", "seeds": 5}, "cnnlab claims"),
        ({"quick": False, "data": "folder:/a b", "seeds": 5}, "cnnlab claims --data 'folder:/a b'"),
    ],
)
def test_the_command_that_does_it_again(changes: dict[str, Any], words: str) -> None:
    assert command(None, ROUND.model_copy(update=changes)) == words


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The folder of a round of three claims that need no training, asked for out of order."""
    laboratory = Laboratory(
        data="mnist-5k",
        fashion="mnist-5k",
        seeds=(0, 1),
        is_quick=True,
        epochs=1,
        folder=tmp_path / "runs",
        engine=InProcess(),
    )
    record = RoundRecord(tmp_path / "claims.json", round_of(laboratory, engine="here"))
    pages = ClaimPages(tmp_path, record, laboratory.load)
    for name in ("pooling-cost", "fewer-params", "conv-formula"):
        measured = measure(find_claim(name), laboratory)
        record.add(measured.entry(tmp_path))
        pages.add(measured)
    return tmp_path


def test_all_links_of_a_round_lead_somewhere(written: Path, read: Callable[[str], Any]) -> None:
    seen = {}
    for path in written.glob("*.html"):
        seen[path.stem] = [values["href"] for tag, values in read(path.read_text()).tags if tag == "a"]
        assert all((written / link).exists() for link in seen[path.stem])
    order = [name for name in CLAIMS if name in seen]
    assert seen["index"] == [f"{name}.html" for name in order]
    assert seen[order[1]] == [f"{order[0]}.html", "index.html", f"{order[2]}.html"]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 400, 1280])
def test_opens_quietly_and_fits(browser: Any, written: Path, width: int, scheme: str) -> None:
    (written / "many.html").write_text(page_of(finding((0.01, 0.05, -0.02, 0.03))))
    for path in written.glob("*.html"):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        said, asked = [], []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name
        assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
        assert said == []
        page.close()

"""All claims on the lesson's pages: measured in it, or from the full round that ships, and told apart."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from tests.lesson.conftest import CLAIMS as MEASURED
from tests.lesson.conftest import Small

from cnnlab.claims import full_round as shipped
from cnnlab.claims.full_round import REWORDED, full_entries, full_round, is_current
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.registry import CLAIMS, find_claim
from cnnlab.errors import Stopped
from cnnlab.lesson.chapters import CHAPTERS
from cnnlab.lesson.evidence import Evidence
from cnnlab.numbers import typeset
from cnnlab.report.lesson.tested import shown
from cnnlab.runs import open_run
from cnnlab.runs.identity import Identity

RESULTS = Path(__file__).parents[2] / "results" / "claims.json"
RECORD = {entry["id"]: entry for entry in json.loads(RESULTS.read_text())["claims"]}
VERDICTS = CHAPTERS[-1].file


class Listed(HTMLParser):
    """The claims of a page, as its lists have them: text and links of each item."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.items: list[tuple[str, list[str]]] = []
        self._is_in_list = self._is_open = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self._is_in_list |= tag == "ul" and found.get("class") == "tested"
        if self._is_in_list and tag == "li":
            self.items.append(("", []))
        if self._is_in_list and tag == "a":
            self.items[-1][1].append(found["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        self._is_in_list &= tag != "ul"

    def handle_data(self, data: str) -> None:
        if self._is_in_list and self.items:
            text, links = self.items[-1]
            self.items[-1] = (re.sub(r"\s+", " ", f"{text} {data}"), links)


@pytest.fixture(scope="module")
def pages(small: Small, evidence: Evidence) -> dict[str, str]:
    return {path.name: path.read_text() for path in small.out.glob("*.html")}


@pytest.fixture(scope="module")
def listed(pages: dict[str, str]) -> dict[str, dict[str, tuple[str, list[str]]]]:
    """Page → claim → its item."""
    statements = {find_claim(name).statement: name for name in CLAIMS}
    found = {}
    for chapter in CHAPTERS:
        items = Listed(pages[chapter.file]).items
        names = [next(name for says, name in statements.items() if says in text) for text, _ in items]
        assert len(set(names)) == len(names), chapter.file
        found[chapter.file] = dict(zip(names, items, strict=True))
    return found


def test_every_claim_is_on_its_chapters_and_on_the_last_page(
    listed: dict[str, dict[str, tuple[str, list[str]]]],
) -> None:
    for chapter in CHAPTERS[:-1]:
        assert tuple(listed[chapter.file]) == chapter.claims
    assert {name for chapter in CHAPTERS[:-1] for name in chapter.claims} == set(CLAIMS)
    assert set(listed[VERDICTS]) == set(CLAIMS)


def test_each_has_its_verdict_n_images_and_day_and_says_where_it_was_measured(
    listed: dict[str, dict[str, tuple[str, list[str]]]], small: Small
) -> None:
    here = {one["id"]: one for one in json.loads((small.out / "claims" / "claims.json").read_text())["claims"]}
    assert set(here) == set(MEASURED)
    for page, items in listed.items():
        for name, (text, links) in items.items():
            text = text.replace("\u00a0", " ")
            entry = here.get(name, RECORD[name])
            assert text.strip().startswith(entry["verdict"]), (page, name)
            assert f"n = {entry['n']:,} {entry['n_of']}" in text
            assert ("this lesson" in text) == (name in here)
            assert ("full round" in text) == (name not in here)
            if name in here:
                assert links == [f"claims/{name}.html"]
                continue
            assert "26 November 2026" in text
            assert "Intel Xeon, 16 cores, bfloat16; cnnlab 0.2.0, torch 2.13.0+cpu" in text
            assert links == ([] if page == VERDICTS else [f"{VERDICTS}#claim-{name}"])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("output-size", "no net trained;"),
        ("lenet-digits", "nets trained on all images of mnist, seeds 10 to 14;"),
        ("dropout-regularises", "nets trained on 500, 2,000 and 10,000 images of mnist, seeds 10 to 14;"),
        ("memorise", "nets trained on 300 images of mnist with shuffled labels, seeds 10 to 14;"),
        ("batchnorm-lr", "nets trained on 512 images of mnist-5k, seeds 10 to 14;"),
        ("cnn-beats-dense", "nets trained on 15,000 images of fashion-mnist, seeds 10 to 14;"),
        (
            "locality-matters",
            "nets trained on all images of mnist and all images of mnist with permuted pixels, seeds 10 to 14;",
        ),
    ],
)
def test_images_are_those_of_the_claims_own_runs(evidence: Evidence, name: str, says: str) -> None:
    none_here = replace(evidence, entries={})
    assert f"From the full round, 26 November 2026: {says}" in shown(none_here.tested(name), full_round()).measured


def test_the_last_page_holds_rule_finding_and_controls_of_what_was_not_measured_here(
    listed: dict[str, dict[str, tuple[str, list[str]]]],
) -> None:
    plain = lambda text: re.sub(r"[−-]|\s+", " ", text)  # noqa: E731
    for name, (text, _) in listed[VERDICTS].items():
        if name in MEASURED:
            continue
        entry = RECORD[name]
        assert plain(typeset(entry["decides"])) in plain(text), name
        assert entry["smallest"] is None or entry["smallest"]["reason"] in text
        assert all(control["what"] in text for control in entry["controls"])
        for place in (entry["where"] or {"places": []})["places"]:
            low, high = (f"{end:.2f}" for end in place["interval"])
            assert f"[{low}, {high}] {place['verdict']}" in text.replace("\u00a0", " ").replace("−", "-"), name
        assert plain(typeset(entry["says"])) in plain(text), name


def test_no_page_of_a_student_hands_out_a_command_that_tests_a_claim(pages: dict[str, str]) -> None:
    for chapter in CHAPTERS:
        assert "cnnlab claims" not in pages[chapter.file]
        assert "not run" not in pages[chapter.file]
    assert "cnnlab claims" not in pages["index.html"]


def test_contents_count_what_was_measured_here_and_what_was_not(pages: dict[str, str], evidence: Evidence) -> None:
    words = Counter(
        evidence.entries[name].verdict if name in evidence.entries else RECORD[name]["verdict"] for name in CLAIMS
    )
    counted = ", ".join(f"{words[word]} {word}" for word in ("supported", "not supported", "undecided"))
    assert f"{counted}; 4 of 20 measured here, 16 from the full round" in pages["index.html"]


def test_the_lessons_record_holds_what_it_measured_and_nothing_else(small: Small, evidence: Evidence) -> None:
    assert set(small.lesson.verdicts()) == set(MEASURED)


def test_what_was_measured_here_says_its_day_and_images(evidence: Evidence) -> None:
    entry = RECORD["memorise"] | {"measured": "2027-01-05", "data": ["mnist-5k@300+shuffled-labels"]}
    made = full_entries()["memorise"].model_validate(entry)
    measured = shown(replace(evidence, entries={"memorise": made}).tested("memorise"), full_round()).measured
    assert measured == (
        "Measured in this lesson on 5 January 2027: nets trained on 300 images of mnist-5k with shuffled labels."
    )


def test_the_package_holds_the_round_byte_for_byte() -> None:
    assert files("cnnlab.claims").joinpath("full-round.json").read_bytes() == RESULTS.read_bytes()


def test_every_claim_is_judged_today_as_in_the_round() -> None:
    """Else measure again with `cnnlab claims`; where words alone have changed, say so in REWORDED."""
    assert list(full_entries()) == list(CLAIMS)


def test_only_what_was_reworded_stands_among_the_rewordings() -> None:
    for name, (then, now) in REWORDED.items():
        assert then in RECORD[name]["decides"], name
        assert now in find_claim(name).decides


@pytest.mark.parametrize(
    "changes",
    [
        {"statement": "Dropout does something."},
        {"decides": "supported when it suits"},
        {"smallest": None},
        {"kind": "exact"},
    ],
)
def test_a_claim_that_was_judged_by_another_rule_is_not_shown_as_if_it_were_this_one(
    monkeypatch: pytest.MonkeyPatch, evidence: Evidence, changes: dict[str, object]
) -> None:
    other = full_entries()["dropout-regularises"].model_copy(update=changes)
    assert not is_current(other)
    changed = full_round().model_copy(update={"claims": (other,)})
    monkeypatch.setattr(shipped, "full_round", lambda: changed)
    none_here = replace(evidence, entries={})
    found = none_here.tested("dropout-regularises")
    assert found.entry is None
    assert shown(found, changed).effect == ""


def test_another_smallest_effect_is_another_rule() -> None:
    entry = full_entries()["dropout-regularises"]
    assert entry.smallest is not None
    doubled = entry.smallest.model_copy(update={"effect": 2 * entry.smallest.effect})
    reasoned = entry.smallest.model_copy(update={"reason": "because"})
    assert not is_current(entry.model_copy(update={"smallest": doubled}))
    assert is_current(entry.model_copy(update={"smallest": reasoned}))


class _Asked:
    """An engine that trains nothing, with the identity that runs of the round had."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def identity(self, config: object) -> Identity:
        return self._identity

    def train(self, jobs: object, **_: object) -> tuple[()]:
        return ()

    def close(self) -> None:
        pass


@pytest.mark.slow
def test_claims_would_train_today_the_very_runs_of_the_round(tmp_path: Path, full_sets: Path) -> None:
    """A run's folder is named by the hash of its config and identity, so equal names are equal trainings."""
    made_on = full_round().claims[-1].environments[0]
    laboratory = Laboratory(
        data="mnist",
        fashion="fashion-mnist",
        seeds=tuple(range(10, 15)),
        epochs=3,
        folder=tmp_path / "runs",
        engine=_Asked(made_on.identity),
        data_root=str(full_sets),
        should_stop=lambda: True,
    )
    for entry in full_round().claims:
        if entry.kind == "exact" or not entry.runs:
            continue
        with pytest.raises(Stopped):
            find_claim(entry.id).measure(laboratory)
        jobs = {f"runs/{job.path.name}": job for job in laboratory.take_requested()}
        assert set(entry.runs) <= set(jobs), entry.id
        assert len(jobs) == len(entry.runs) + entry.runs_diverged, entry.id
        assert {open_run(job.path).config.data.name for job in jobs.values()} == set(entry.data), entry.id

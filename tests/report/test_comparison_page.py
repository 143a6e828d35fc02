from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
import torch
from tests.axe import findings

from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.experiments.compare import (
    Comparison,
    VariantFigures,
    as_two_by_two,
    comparison,
    contestants,
    make_jobs,
    train_jobs,
)
from cnnlab.experiments.engines import InProcess
from cnnlab.experiments.statistics import holm, paired_difference
from cnnlab.experiments.variants import Variant, find_variant, own_variant
from cnnlab.experiments.verdicts import verdict
from cnnlab.report.back import back_to
from cnnlab.report.comparison.page import comparison_page
from cnnlab.runs import Run
from cnnlab.runs.plan import Plan
from cnnlab.training.loop import Epoch

HOSTILE = "<script>alert(1)</script>"
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Small:
    """A real comparison, and the links to its runs."""

    comparison: Comparison
    links: dict[str, list[str]]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """As `cnnlab compare mlp --data mnist-5k@120 --seeds 3 --epochs 2` does it."""
    base = Plan(net=NetSpec(name="mlp"), data="mnist-5k@120", recipe="lesson", epochs=2)
    chosen = [find_variant("baseline"), find_variant("sgd"), own_variant("hidden=40,20")]
    found = contestants(base, chosen, SEEDS, cache(load))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        jobs = make_jobs(found, tmp_path_factory.mktemp("compare") / "runs", InProcess(), data_root=None)
        assert train_jobs([job for some in jobs.values() for job in some], InProcess()) == []
    finally:
        torch.set_num_threads(threads)
    links = {name: [f"runs/{job.path.name}/report.html" for job in some] for name, some in jobs.items()}
    return Small(comparison(found, jobs), links)


def test_the_page_says_on_what_its_very_runs_were_made(small: Small) -> None:
    page = comparison_page(small.comparison, links=small.links)
    assert "9 runs" in page
    ((record, runs),) = small.comparison.environments
    other = record.model_copy(update={"torch": "1.13.0", "net_code": {"mine.py": "ab" * 32}})
    mixed = replace(small.comparison, environments=((record, 8), (other, 1)))
    page = comparison_page(mixed, links=small.links)
    for says in ("8 runs", "1 run<", "1.13.0", record.torch, "mine.py", "abababababababab…"):
        assert says in page
    assert runs == 9


@dataclass(frozen=True)
class Remembered(Run):
    """A run whose epochs lie nowhere."""

    records: tuple[Epoch, ...] = ()

    def epochs(self) -> list[Epoch]:
        return list(self.records)


def epochs(training: Sequence[float], validation: Sequence[float], losses: Sequence[float]) -> tuple[Epoch, ...]:
    return tuple(
        Epoch(
            epoch=number,
            steps=10,
            learning_rate=1e-3,
            training_loss=1.0,
            training_accuracy=0.5,
            remeasured_loss=0.1,
            remeasured_accuracy=seen,
            remeasured_images=10_000,
            validation_loss=loss,
            validation_accuracy=unseen,
            is_best=False,
            train_time_s=1.0,
            eval_time_s=1.0,
        )
        for number, (seen, unseen, loss) in enumerate(zip(training, validation, losses, strict=True), start=1)
    )


FALLING = (0.5, 0.4, 0.3)


@dataclass(frozen=True)
class Made:
    """What a made-up variant came to, one value a seed; one sequence of losses for all seeds, or one for each."""

    test: Sequence[float]
    training: float | Sequence[float] = 0.95
    validation: float | Sequence[float] = 0.9
    losses: Sequence[float] | Sequence[Sequence[float]] = FALLING


@pytest.fixture
def make(small: Small) -> Callable[..., tuple[Comparison, dict[str, list[str]]]]:
    """A comparison of made-up figures: name → `Made`, the baseline first."""
    real = small.comparison.baseline

    def call(made: Mapping[str, Made], *, images: int = 500) -> tuple[Comparison, dict[str, list[str]]]:
        variants = []
        for name, one in made.items():
            n = len(one.test)
            training, validation = (
                [value] * n if isinstance(value, float) else list(value) for value in (one.training, one.validation)
            )
            losses: Any = [one.losses] * n if isinstance(one.losses[0], float) else one.losses
            runs = []
            for seen, unseen, loss in zip(training, validation, losses, strict=True):
                rising = [share / len(loss) for share in range(1, len(loss) + 1)]
                records = epochs([seen * part for part in rising], [unseen * part for part in rising], loss)
                runs.append(Remembered(Path("nowhere"), real.runs[0].config, records=records))
            variants.append(
                VariantFigures(
                    variant=Variant(name, f"claim of {name}", f"source of {name}", lambda plan: plan),
                    plan=real.plan,
                    runs=tuple(runs),
                    test=tuple(one.test),
                    validation=tuple(validation),
                    remeasured=tuple(run.records[-1].remeasured_accuracy for run in runs),
                    validation_last=tuple(run.records[-1].validation_accuracy for run in runs),
                    train_time_s=(1.0,) * n,
                    parameters=1234,
                )
            )
        base, *others = variants
        differences = [paired_difference(one.test, base.test, resolution=1 / images) for one in others]
        adjusted = holm([difference.p for difference in differences])
        compared = [
            replace(
                one,
                difference=difference,
                adjusted_p=p,
                verdict=verdict(difference, adjusted_p=p, comparisons=len(adjusted)),
            )
            for one, difference, p in zip(others, differences, adjusted, strict=True)
        ]
        seeds = tuple(range(len(base.test)))
        links = {name: [f"runs/{index}-s{seed}/report.html" for seed in seeds] for index, name in enumerate(made)}
        return Comparison(seeds, images, (base, *compared)), links

    return call


def count(page: Any, css: str) -> int:
    """How many SVG marks of a class lie in the forest plot, its legend left out: those placed in per cent."""
    return sum(
        attributes.get("class") == css and any(value.endswith("%") for value in attributes.values())
        for _, attributes in page.tags
    )


def of_variant(html: str, name: str) -> str:
    """What the page says on a variant's overfitting."""
    found = re.search(rf"<dt>{re.escape(name)}</dt><dd>(.*?)</dd>", html, re.DOTALL)
    assert found is not None
    return found.group(1).replace("\u00a0", " ").replace("&#39;", "'")


def test_the_tables_hold_the_comparisons_figures(small: Small, read: Callable[[str], Any]) -> None:
    page = read(comparison_page(small.comparison, links=small.links))
    _, *rows = page.tables["Figures of each variant"]
    assert len(rows) == 3
    for row, one in zip(rows, small.comparison.variants, strict=True):
        accuracy = mean(one.test)
        assert row == [
            one.variant.name,
            f"{100 * accuracy:.2f} %",
            f"{100 * stdev(one.test):.2f}",
            f"{100 * (accuracy * (1 - accuracy) / small.comparison.test_images) ** 0.5:.2f}",
            f"{100 * mean(one.validation):.2f} %",
            f"{100 * mean(one.gap):.2f}".replace("-", "−"),
            f"{one.parameters:,}",
            f"{mean(one.train_time_s):.1f} s",
            "seed 0 seed 1 seed 2",
        ]
    _, *rows = page.tables["Each variant against the baseline"]
    assert [row[0] for row in rows] == ["sgd", "hidden=40,20"]
    for row, one in zip(rows, small.comparison.variants[1:], strict=True):
        assert one.difference is not None
        assert one.verdict is not None
        assert one.difference.low is not None
        assert one.difference.high is not None
        figures = [float(text.replace("−", "-")) for text in re.findall(r"[−+]?\d+\.\d+", row[1])]
        expected = [100 * one.difference.mean, 100 * one.difference.low, 100 * one.difference.high]
        assert figures == pytest.approx(expected, abs=0.0051)
        for text, p in zip(row[2:4], (one.difference.p, one.adjusted_p), strict=True):
            assert p is not None
            assert text == ("< 0.001" if p < 0.001 else f"{p:.3f}")
        assert row[4] == one.verdict.words


def test_the_head_says_what_was_compared_and_changed(small: Small, read: Callable[[str], Any]) -> None:
    text = " ".join(read(comparison_page(small.comparison, links=small.links)).text.split())
    assert "mlp on mnist-5k@120: 2 variants compared" in text
    assert "recipe lesson, 2 epochs; seeds 0 to 2; 500 test images" in text
    assert "Changed: optimizer adam → sgd; learning rate 0.001 → 0.01." in text
    assert "Changed: hidden 40, 20." in text
    assert "“momentum instead of Adam” (Sutskever et al. 2013)" in text
    for one in small.comparison.variants[1:]:
        assert one.verdict is not None
        assert f"{one.variant.name} is {one.verdict.words}." in text


def test_links_lead_below_the_page(small: Small, read: Callable[[str], Any]) -> None:
    links = {name: list(some) for name, some in small.links.items()}
    links["sgd"][1] = "javascript:alert(1)"
    links["sgd"][2] = "runs/a b#c/report.html"
    back = back_to("regularisers", depth=1)
    found = read(comparison_page(small.comparison, links=links, back=back)).attributes("href")
    elsewhere = [link for link in found if not link.startswith("#")]
    sgd = [small.links["sgd"][0], "javascript%3Aalert%281%29", "runs/a%20b%23c/report.html"]
    assert elsewhere == ["../14-regularisers.html", "../index.html", *links["baseline"], *sgd, *links["hidden=40,20"]]
    assert "The lesson, run" not in read(comparison_page(small.comparison, links=small.links)).text
    with pytest.raises(ValueError, match="zip"):
        comparison_page(small.comparison, links=links | {"sgd": links["sgd"][:2]})


def test_the_forest_has_an_interval_a_variant_and_a_dot_a_seed(small: Small, read: Callable[[str], Any]) -> None:
    page = read(comparison_page(small.comparison, links=small.links))
    assert count(page, "interval") == 2
    assert count(page, "mean") + count(page, "mean distinct") == 2
    assert count(page, "seed") == 6
    (label,) = [label for label in page.attributes("aria-label") if label.startswith("Difference of test accuracy")]
    for row in page.tables["Each variant against the baseline"][1:]:
        assert f"{row[0]}: {row[1]}" in label


def test_marks_lie_on_one_scale(make: Any, read: Callable[[str], Any]) -> None:
    made, links = make({"baseline": Made([0.9, 0.9, 0.9]), "up": Made([0.94, 0.95, 0.96])})
    html = comparison_page(made, links=links)
    zero = float(re.findall(r'class="zero" x1="([\d.]+)%', html)[0])
    (middle,) = map(float, re.findall(r'class="mean distinct" cx="([\d.]+)%', html))
    seeds = list(map(float, re.findall(r'class="seed" cx="([\d.]+)%', html)))
    assert [seed - zero for seed in seeds] == pytest.approx([(middle - zero) * part for part in (0.8, 1, 1.2)], abs=0.1)
    assert 0 < zero < min(seeds)


def test_loads_nothing_runs_nothing_and_is_the_same_again(small: Small, read: Callable[[str], Any]) -> None:
    html = comparison_page(small.comparison, links=small.links)
    page = read(html)
    assert html == comparison_page(small.comparison, links=small.links)
    assert "<script" not in html
    assert "default-src 'none'" in html
    assert page.attributes("src") == []
    assert not re.search(r"https?://(?!www\.w3\.org/)", html)
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert {link for link in page.attributes("href") if link.startswith("#")} <= {f"#{one}" for one in ids}


def test_curves_of_every_variant_on_the_same_scale(small: Small, read: Callable[[str], Any]) -> None:
    page = read(comparison_page(small.comparison, links=small.links))
    labels = page.attributes("aria-label")
    for one in small.comparison.variants:
        name, gap = one.variant.name, f"{100 * mean(one.gap):+.2f}".replace("-", "−")
        assert any(label.startswith(f"{name}: gap") and label.endswith(f"{gap} points.") for label in labels)
        assert sum(label.startswith(f"{name}: accuracy by epoch") for label in labels) == 1
    assert sum(tag == "svg" and attributes.get("class") == "chart" for tag, attributes in page.tags) == 6


def test_one_seed_decides_nothing(make: Any, read: Callable[[str], Any]) -> None:
    made, links = make({"baseline": Made([0.9]), "other": Made([0.95], training=1.0)})
    page = read(comparison_page(made, links=links))
    assert count(page, "interval") == 0
    assert count(page, "seed") == 1
    assert "nothing can be said about differences between the gaps" in page.text
    assert "one seed says nothing about a difference" in page.text
    assert "distinguishable from" not in page.text
    assert page.tables["Figures of each variant"][1][2] == "–"
    assert page.tables["Each variant against the baseline"][1][:4] == ["other", "+5.00", "–", "–"]
    assert "seed 0" in page.text


def test_equal_variants(make: Any, read: Callable[[str], Any]) -> None:
    made, links = make({"baseline": Made([0.9] * 3), "same": Made([0.9] * 3)}, images=10_000)
    page = read(comparison_page(made, links=links))
    assert "same shows no difference that matters: within ±0.1 points" in page.text
    assert count(page, "interval") == 1
    assert count(page, "mean distinct") == 0
    assert "No difference of the gap from the baseline's was found" in page.text


def test_hostile_names_stay_text(make: Any, read: Callable[[str], Any]) -> None:
    names = ("baseline", HOSTILE, '"><img src=x onerror=alert(2)>', "{{ 7*7 }} $x^2$ \\frac", "#010203")
    made, links = make({name: Made([0.9, 0.91]) for name in names})
    html = comparison_page(made, links=links)
    page = read(html)
    assert "<script" not in html
    assert not any(tag in ("script", "img") for tag, _ in page.tags)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert [row[0] for row in page.tables["Figures of each variant"][1:]] == list(names)
    assert "49" not in page.tables["Figures of each variant"][4][0]
    assert any(HOSTILE in label for label in page.attributes("aria-label"))


def test_twelve_variants(make: Any, read: Callable[[str], Any]) -> None:
    named = {"baseline": Made([0.9, 0.91, 0.92])}
    named |= {f"variant-{i}": Made([0.9 + i / 300, 0.91, 0.92 + i / 200]) for i in range(12)}
    made, links = make(named)
    start = time.process_time()
    page = read(comparison_page(made, links=links))
    assert time.process_time() - start < 6
    assert count(page, "interval") == 12
    assert len(page.tables["Figures of each variant"]) == 14
    assert "corrected for all 12 comparisons" in page.text


def test_an_interval_that_the_correction_takes_back(make: Any, read: Callable[[str], Any]) -> None:
    some = {"baseline": Made([0.9, 0.9, 0.9, 0.9]), "nearly": Made([0.92, 0.925, 0.905, 0.915])}
    made, links = make(some)
    page = read(comparison_page(made, links=links))
    assert "leaves out 0" not in page.text
    assert count(page, "mean distinct") == 1
    made, links = make(some | {f"v{i}": Made([0.9, 0.91, 0.9, 0.89]) for i in range(4)})
    page = read(comparison_page(made, links=links))
    assert "The interval of nearly leaves out 0" in page.text
    assert count(page, "mean distinct") == 0


def test_the_gap_against_the_baselines(make: Any) -> None:
    made, links = make(
        {
            "baseline": Made([0.9] * 3, training=[0.95, 0.951, 0.949]),
            "wider": Made([0.9] * 3, training=[0.999, 0.998, 1.0]),
            "narrower": Made([0.9] * 3, training=[0.91, 0.911, 0.909]),
            "unsure": Made([0.9] * 3, training=[0.91, 0.999, 0.93]),
        }
    )
    html = comparison_page(made, links=links)
    assert "This gap is wider than the baseline's by 4.90 points" in of_variant(html, "wider")
    assert "This gap is narrower than the baseline's by 4.00 points" in of_variant(html, "narrower")
    assert "This gap is not distinguishable from the baseline's with n = 3" in of_variant(html, "unsure")
    assert "baseline's" not in of_variant(html, "baseline")
    assert "is near 1" in of_variant(html, "wider")
    assert "is not near 1" in of_variant(html, "narrower")
    assert "in 2 of 3 variants: wider with wider, narrower with narrower" in html.replace("&#39;", "'")
    assert "A narrower gap by itself is no gain" in html


def test_validation_loss_that_rises_is_said_and_how_much(make: Any) -> None:
    rising = ((0.5, 0.3, 0.34), (0.5, 0.3, 0.32), FALLING)
    made, links = make({"baseline": Made([0.9] * 3), "late": Made([0.9] * 3, losses=rising)})
    html = comparison_page(made, links=links)
    assert (
        "rose after its best epoch in 2 of 3 seeds, by 0.030 nats on average there (from 0.300 to 0.330), by 0.040 at"
        in (of_variant(html, "late"))
    )
    assert "Validation loss was lowest after the last epoch in all 3 seeds." in of_variant(html, "baseline")
    assert "above its lowest point in 2 of 6 runs" in html
    made, links = make({"baseline": Made([0.9] * 3), "late": Made([0.9] * 3)})
    assert "rose" not in of_variant(comparison_page(made, links=links), "late")
    made, links = make({"baseline": Made([0.9]), "late": Made([0.9], losses=(0.5, 0.3, 0.34))})
    said = of_variant(comparison_page(made, links=links), "late")
    assert "rose after its best epoch, by 0.040 nats (from 0.300 to 0.340, epoch 2 to 3)" in said
    made, links = make({"baseline": Made([0.9], losses=(0.5,)), "late": Made([0.9], losses=(0.4,))})
    assert "cannot have risen yet" in of_variant(comparison_page(made, links=links), "late")


def test_validation_above_training(make: Any) -> None:
    made, links = make({"baseline": Made([0.9] * 2, training=0.85), "other": Made([0.9] * 2)})
    html = comparison_page(made, links=links)
    assert "a gap of −5.00 points" in of_variant(html, "baseline")
    assert "no worse on validation" in of_variant(html, "baseline")
    assert "no worse on validation" not in of_variant(html, "other")


def test_variants_and_seeds_of_different_length(make: Any, read: Callable[[str], Any]) -> None:
    made, links = make(
        {
            "baseline": Made([0.9] * 2),
            "longer": Made([0.9] * 2, losses=(0.5, 0.4, 0.3, 0.2, 0.1)),
            "stopped": Made([0.9] * 2, losses=((0.5, 0.4), (0.5, 0.4, 0.3, 0.2))),
        }
    )
    page = read(comparison_page(made, links=links))
    assert "between 2 and 5 epochs" in page.text
    assert "Where some seeds stopped before others" in page.text
    assert "Not all runs trained for the same number of epochs" in page.text
    made, links = make({"baseline": Made([0.9] * 2), "other": Made([0.9] * 2)})
    assert "for the same number of epochs" not in read(comparison_page(made, links=links)).text


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_opens_quietly_and_fits(browser: Any, small: Small, tmp_path: Path, width: int, scheme: str) -> None:
    path = tmp_path / "index.html"
    path.write_text(comparison_page(small.comparison, links=small.links))
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    assert said == []
    page.close()


@pytest.mark.browser
def test_axe_finds_nothing(browser: Any, small: Small, tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text(comparison_page(small.comparison, links=small.links))
    page = browser.new_page()
    page.goto(path.as_uri())
    assert findings(page) == []
    page.close()


def test_a_design_shows_all_seeds_and_its_three_effects(make: Callable[..., Any], read: Callable[[str], Any]) -> None:
    cells = {
        "baseline": Made((0.90, 0.91, 0.92)),
        "a": Made((0.92, 0.93, 0.94)),
        "b": Made((0.90, 0.912, 0.92)),
        "a + b": Made((0.97, 0.98, 0.991)),
    }
    plain, links = make(cells, images=10_000)
    html = comparison_page(as_two_by_two(plain), links=links)
    page = read(html)
    assert "a and b: a 2×2 design" in page.text
    assert "together more than the sum of both" in page.text.replace("\u00a0", " ")
    assert re.search(r"without a, without b: 91\.00.%; without a, with b: 91\.07", html)
    assert "2×2 design" not in comparison_page(plain, links=links)


def test_warnings_stand_at_the_top(small: Small, read: Callable[[str], Any]) -> None:
    doubtful = replace(small.comparison, warnings=(f"too good {HOSTILE}",))
    html = comparison_page(doubtful, links=small.links)
    assert HOSTILE not in html
    text = read(html).text
    assert text.index("Warning: too good") < text.index("Test accuracy against the baseline")

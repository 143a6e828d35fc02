"""What the lesson's pages teach beside their questions: code with its shapes, modes, larger nets, tasks, the way on."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from html import unescape
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch
from tests.lesson.conftest import Small
from torch import nn

from cnnlab.cli import cnnlab as command_line
from cnnlab.lesson import batch_norm, dropout, larger_nets, pooling, simple_cnn
from cnnlab.lesson.chapters import CHAPTERS
from cnnlab.lesson.early_and_late import SHOWN, distinct
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.listing import listing
from cnnlab.nets import SimpleCNN, build_net

HOMEWORK = [chapter for chapter in CHAPTERS if chapter.is_homework]

#: Chapter → its code and the shape of what enters.
LISTINGS: dict[str, tuple[str, tuple[int, int, int]]] = {
    "pooling": (pooling.BLOCK, (1, 28, 28)),
    "dropout": (dropout.CLASSIFIER, (16, 5, 5)),
    "batch_norm": (batch_norm.BLOCK, (1, 28, 28)),
    "simple_cnn": (simple_cnn.NET, (1, 28, 28)),
}


def section(evidence: Evidence, name: str) -> Any:
    return next(chapter for chapter in CHAPTERS if chapter.name == name).section(evidence)


def page(evidence: Evidence, name: str) -> str:
    file = next(chapter.file for chapter in CHAPTERS if chapter.name == name)
    return unescape((evidence.folder / file).read_text())


def made_by(code: str) -> nn.Module:
    names: dict[str, Any] = {}
    exec(code, names)
    return [value for value in names.values() if isinstance(value, nn.Module)][-1]


@pytest.mark.parametrize("name", LISTINGS)
def test_beside_each_line_stands_the_shape_that_leaves_it(name: str) -> None:
    code, shape = LISTINGS[name]
    net, N, left = made_by(code), 7, {}
    for module_name, module in net.named_modules():
        module.register_forward_hook(lambda _m, _i, out, key=module_name: left.__setitem__(key, tuple(out.shape)))
    net(torch.zeros(N, *shape))
    leaves = [left[name] for name, module in net.named_modules() if name and not list(module.children())]
    parts = [left[name] for name, _ in net.named_children() if name in ("features", "classifier")]
    shown = [line.shape for line in listing(code, shape).lines if line.shape]
    assert shown == [f"(N, {', '.join(map(str, one[1:]))})" for one in [*leaves, *parts]]
    assert all(one[0] == N for one in leaves)


@pytest.mark.parametrize("name", LISTINGS)
def test_code_stands_on_its_page_and_leaves_the_random_state_alone(name: str, evidence: Evidence) -> None:
    code, shape = LISTINGS[name]
    before = torch.get_rng_state()
    found = listing(code, shape)
    assert torch.equal(torch.get_rng_state(), before)
    assert found.code == code
    lines = re.findall(r"<tr><td><code>(.*)</code></td><td>(.*)</td></tr>", page(evidence, name))
    assert lines == [(line.code or " ", line.shape) for line in found.lines]


def test_the_net_written_down_is_simple_cnn() -> None:
    theirs, ours = made_by(simple_cnn.NET), SimpleCNN()
    ours.load_state_dict(theirs.state_dict())
    x = torch.rand(2, 1, 28, 28)
    assert torch.equal(theirs.eval()(x), ours.eval()(x))


def test_eval_mode_has_one_answer_and_train_mode_one_for_each_mask_and_batch(evidence: Evidence) -> None:
    net = evidence.simple_cnn.net
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    modes = section(evidence, "simple_cnn").modes
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not net.training
    by_way = {one.way: one for one in modes.answers}
    quiet, masked = by_way["eval mode"], by_way["dropout alone in train mode"]
    batched, both = by_way["batch norm alone in train mode"], by_way["train mode"]
    x = (modes.image[None].float() / 255 - evidence.data.mean[0]) / evidence.data.std[0]
    with torch.no_grad():
        sure = float(net(x).softmax(dim=1).max())
    assert quiet.first == pytest.approx(sure, abs=1e-4)
    assert quiet.first == pytest.approx(quiet.second, abs=1e-6)
    assert quiet.first == pytest.approx(quiet.among_others, abs=1e-4)
    assert abs(masked.first - masked.second) > 1e-4
    assert batched.first == pytest.approx(batched.second, abs=1e-6)
    assert abs(batched.first - batched.among_others) > 1e-4
    assert len({both.first, both.second, both.among_others}) == 3


def test_larger_nets_have_the_parameters_of_their_papers(evidence: Evidence) -> None:
    _, _, vgg, resnet = section(evidence, "larger_nets").nets
    channels, by_hand = 3, 0
    for filters, convolutions in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
        for _ in range(convolutions):
            by_hand += 3 * 3 * channels * filters + filters
            channels = filters
    dense = 25088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
    assert (vgg.parameters, vgg.dense) == (by_hand + dense, dense) == (138_357_544, dense)
    assert (resnet.parameters, resnet.dense) == (11_689_512, 513_000)
    assert [stage.output for stage in vgg.stages[:-1]] == [
        (64, 112, 112),
        (128, 56, 56),
        (256, 28, 28),
        (512, 14, 14),
        (512, 7, 7),
    ]
    assert [stage.output for stage in resnet.stages] == [
        (64, 56, 56),
        (64, 56, 56),
        (128, 28, 28),
        (256, 14, 14),
        (512, 7, 7),
        (1000,),
    ]
    assert vgg.macs == 15_470_264_320
    assert resnet.macs == 1_814_073_344


def test_the_residual_block_on_the_page_is_the_one_that_was_counted() -> None:
    names: dict[str, Any] = {}
    exec(larger_nets.RESIDUAL, names)
    theirs, ours = names["Residual"](8), larger_nets.ResidualBlock(8, 8, stride=1)
    ours.load_state_dict(theirs.state_dict())
    x = torch.rand(2, 8, 6, 6)
    assert torch.equal(theirs(x), ours(x))


def test_ways_into_lenet_have_the_shapes_of_their_convolutions(evidence: Evidence) -> None:
    for way in section(evidence, "lenet").ways:
        x = torch.zeros(1, 1, way.sides[0], way.sides[0])
        stages = [nn.Conv2d(1, 6, 5, padding=way.padding), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2)]
        for stage, side in zip(stages, way.sides[1:], strict=True):
            x = stage(x)
            assert x.shape[2:] == (side, side)
        assert x.numel() == way.dense


def test_a_translated_image_has_the_same_map_translated(evidence: Evidence) -> None:
    found = section(evidence, "convolution")
    image, before, moved, after = (one.values for one in found.translated.maps)
    assert np.array_equal(moved[3:, 3:], image[:-3, :-3])
    assert np.array_equal(after[3:, 3:], before[:-3, :-3])
    assert found.furthest == "0"


def test_products_shown_add_up_to_the_sum_shown(evidence: Evidence) -> None:
    shown = page(evidence, "convolution")
    products = [float(one.replace("−", "-")) for one in re.findall(r'class="strong middle">(−?[\d.]+)</text>', shown)]
    total = re.search(r"products add up to (−?[\d.]+)", shown)
    assert total
    assert len(products) == 9
    assert round(sum(products), 10) == float(total[1].replace("−", "-"))


def test_permuted_twins_hold_the_same_pixels_in_one_order(evidence: Evidence) -> None:
    first, first_permuted, second, second_permuted = (
        one.values for one in section(evidence, "why_convolution").twins.maps
    )
    order = {}
    for image, permuted in ((first, first_permuted), (second, second_permuted)):
        assert np.array_equal(np.sort(image, axis=None), np.sort(permuted, axis=None))
        assert not np.array_equal(image, permuted)
        for at, value in enumerate(permuted.flat):
            where = set(np.flatnonzero(image.ravel() == value))
            order[at] = order.get(at, where) & where
    assert all(order.values())


def test_shown_maps_differ() -> None:
    random = np.random.default_rng(0)
    base = random.standard_normal((3, 1, 4, 4))
    alike = base + 0.01 * random.standard_normal((3, 8, 4, 4))
    others = 0.5 * random.standard_normal((3, SHOWN - 1, 4, 4))
    silent = 1e-3 * random.standard_normal((3, 4, 4, 4))
    chosen = distinct(np.concatenate([2 * alike, others, silent], axis=1))
    assert len(chosen) == SHOWN
    assert sum(channel < 8 for channel in chosen) == 1
    assert set(range(8, 8 + SHOWN - 1)) < set(chosen)


def test_the_film_begins_with_the_first_weights_and_ends_with_the_nets(evidence: Evidence) -> None:
    run = evidence.simple_cnn.run
    found = section(evidence, "training")
    steps = [frame.step for frame in found.film]
    assert steps[0] == 0
    assert steps == sorted(set(steps))
    assert len(steps) > 3
    first = build_net(run.config.net, image_shape=evidence.data.image_shape, num_classes=4, seed=run.config.seed)
    ends = [dict(first.named_parameters())["features.0.weight"].detach(), run.weights()["features.0.weight"]]
    for frame, weight in zip((found.film[0], found.film[-1]), ends, strict=True):
        for one in frame.filters:
            channel = int(re.search(r"filter (\d+)", one.title)[1])  # type: ignore[index]
            assert np.allclose(one.values, weight[channel, 0].numpy())
    assert found.moved == pytest.approx(float((ends[1] - ends[0]).norm() / ends[0].norm()))


def ran(code: str, folder: Path) -> list[str]:
    said = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(said):
        exec(code, {})
    return said.getvalue().splitlines()


def test_python_on_the_pages_runs_beside_the_lesson(small: Small, evidence: Evidence) -> None:
    found, beside = section(evidence, "to_python"), small.out.parent
    for code in (found.train, found.open, found.homework):
        assert code in page(evidence, "to_python")
    (trained,) = ran(found.train, beside)
    assert re.fullmatch(r"validation accuracy \d+\.\d\d%", trained)
    said = ran(found.open, beside)
    assert said[: len(found.opened)] == list(found.opened)
    shapes = {layer.name: layer.output_shape for layer in evidence.simple_cnn.anatomy.layers}
    assert said[-1] == f"classifier.4 {(8, *shapes['classifier.4'])}"
    gaps = {
        name: float(gap) for name, gap in re.findall(r"(.*): gap (\S+) points", "\n".join(ran(found.homework, beside)))
    }
    for one, name in zip(evidence.regularisers.variants, ("neither", "dropout", "batch norm", "both"), strict=True):
        assert gaps[name] == pytest.approx(100 * one.gap[0], abs=0.006)


def test_python_of_homework_3_draws_maps(small: Small, evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    code = section(evidence, "early_and_late").code
    assert code in page(evidence, "early_and_late")
    ran(code, small.out.parent)
    assert {path.name for path in small.out.parent.glob("*.png")} == {"maps-features.2.png", "maps-features.6.png"}


def test_commands_on_the_pages_are_commands(evidence: Evidence) -> None:
    found = [command for _, command in section(evidence, "to_python").commands]
    found += [section(evidence, "architectures").command, section(evidence, "regularisers").command]
    found += section(evidence, "best_cnn").commands
    assert len(found) == 8
    for text in found:
        program, name, *rest = shlex.split(text)
        assert program == "cnnlab"
        with click.Context(command_line, **command_line.context_settings) as context:
            command = command_line.get_command(context, name)
            assert command is not None
            command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("chapter", HOMEWORK, ids=lambda one: one.name)
def test_homework_sets_its_task_before_it_shows_what_was_measured(evidence: Evidence, chapter: Any) -> None:
    text = (evidence.folder / chapter.file).read_text()
    begin, end = text.index('<details class="results"'), text.index("</details>")
    places = [text.index(f"<h3>{word}</h3>") for word in ("Do", "Write down", "Predict")]
    asked = [text.index(f'id="q-{question.id}"') for question in chapter.section(evidence).questions]
    assert places == sorted(places)
    assert asked
    assert max(*places, *asked) < begin
    assert "open" not in text[begin : text.index(">", begin)]
    for shows in ("<table", 'class="drawn"', 'class="feature-maps"'):
        for at in re.finditer(shows, text[text.index("<main>") :]):
            assert begin < at.start() + text.index("<main>") < end, shows


def test_every_page_says_what_it_is_for_and_the_contents_for_how_long(evidence: Evidence) -> None:
    contents = (evidence.folder / "index.html").read_text()
    for chapter in CHAPTERS:
        text = page(evidence, chapter.name)
        assert chapter.aims
        assert f"About {chapter.minutes} minutes." in text
        assert all(aim in text for aim in chapter.aims)
        assert f'<span class="minutes">{chapter.minutes} min</span>' in contents
    hours = [
        sum(chapter.minutes for chapter in CHAPTERS if chapter.is_homework == is_homework) / 60
        for is_homework in (False, True)
    ]
    assert f"About {hours[0]:.1f} hours for the pages and {hours[1]:g} hours for the homework" in contents


@pytest.mark.browser
@pytest.mark.parametrize("chapter", HOMEWORK, ids=lambda one: one.name)
def test_paper_shows_what_was_measured(browser: Any, evidence: Evidence, chapter: Any) -> None:
    context = browser.new_context()
    shown = context.new_page()
    shown.goto((evidence.folder / chapter.file).as_uri())
    measured = shown.locator("details.results section h2").first
    assert not measured.is_visible()
    shown.emulate_media(media="print")
    assert measured.is_visible()
    assert measured.evaluate("each => each.checkVisibility({contentVisibilityAuto: true}) && each.offsetHeight > 0")
    context.close()

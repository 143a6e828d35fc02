"""What the lesson asks: every right answer against something that computes it in another way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from cnnlab.experiments.statistics import paired_difference
from cnnlab.lesson.chapters import CHAPTERS
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.question import Question, choice, in_other_numbers, is_answered_alike, measured_choice, number
from cnnlab.nets import LeNet5, SimpleCNN, build_net
from cnnlab.nets.resolve import NETS
from cnnlab.runs import Run


@pytest.fixture(scope="module")
def asked(evidence: Evidence) -> dict[str, Question]:
    return {question.id: question for chapter in CHAPTERS for question in chapter.section(evidence).questions}


def count(module: nn.Module) -> int:
    return sum(one.numel() for one in module.parameters())


def numbers_in(text: str) -> list[float]:
    return [float(one.replace(",", "").replace("−", "-")) for one in re.findall(r"[−-]?\d[\d,]*\.?\d*", text)]


def width_of_gradient(net: nn.Module, side: int) -> int:
    """How many columns of the image one unit in the middle of the answer depends on."""
    image = torch.randn(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    answer = net.double()(image)[0, 0]
    answer[answer.shape[0] // 2, answer.shape[1] // 2].backward()
    assert image.grad is not None
    return int((image.grad[0, 0] != 0).any(dim=0).sum())


def average_pools(net: nn.Module) -> nn.Module:
    """The net's maps with pools that hand a gradient to every place of their window, and no units that are off."""
    kept: list[nn.Module] = [
        nn.AvgPool2d(one.kernel_size)
        if isinstance(one, nn.MaxPool2d)
        else nn.Identity()
        if isinstance(one, nn.ReLU)
        else one
        for one in net.features
    ]
    return nn.Sequential(*kept)


def lenet(evidence: Evidence) -> LeNet5:
    return LeNet5(1, 16, 4)


def cnn(evidence: Evidence) -> SimpleCNN:
    return SimpleCNN(1, 16, 4)


def parameters(evidence: Evidence) -> dict[str, int]:
    """Of the nets of homework 1, by what the variants say they are."""
    made = {
        "baseline": NETS["conv-net"](1, 16, 4),
        "fewer-filters": NETS["conv-net"](1, 16, 4, widths=(16, 32)),
        "kernel-1": NETS["conv-net"](1, 16, 4, kernel_size=1),
        "kernel-5": NETS["conv-net"](1, 16, 4, kernel_size=5),
        "three-blocks": NETS["conv-net"](1, 16, 4, widths=(32, 64, 128)),
    }
    return {name: count(net) for name, net in made.items()}


def one_sum(question: Question) -> float:
    pixels = torch.tensor(numbers_in(question.text.partition("row by row:")[2])[:9]).reshape(1, 1, 3, 3)
    edge = torch.tensor([[-1.0, 0.0, 1.0]] * 3)[None, None]
    return float(F.conv2d(pixels, edge))


def kept_unit(question: Question) -> float:
    h, p = numbers_in(question.text)[:2]
    handed_on = F.dropout(torch.full((1000,), h, dtype=torch.float64), p, training=True)
    return float(handed_on[handed_on != 0][0])


def normalised(question: Question) -> float:
    mu, sigma, x = numbers_in(question.text)
    batch = torch.tensor([[mu - sigma], [mu + sigma]], dtype=torch.float64)
    layer = nn.BatchNorm1d(1, dtype=torch.float64)
    layer.train()
    layer(batch)
    layer.running_mean[:] = batch.mean(dim=0)
    layer.running_var[:] = batch.var(dim=0, unbiased=False)
    return float(layer.eval()(torch.tensor([[x]], dtype=torch.float64)).detach())


def alone() -> str:
    """What one image alone is normalised by in eval mode, of all that it could be."""
    layer = nn.BatchNorm2d(2)
    batches = [torch.randn(8, 2, 4, 4) * scale + scale for scale in (1, 2, 3)]
    for batch in batches:
        layer(batch)
    image = torch.randn(1, 2, 4, 4)
    candidates = {
        "By running averages from training": (layer.running_mean, layer.running_var),
        "By the image’s own": (image.mean(dim=(0, 2, 3)), image.var(dim=(0, 2, 3))),
        "By those of the last training batch": (batches[-1].mean(dim=(0, 2, 3)), batches[-1].var(dim=(0, 2, 3))),
        "It is not normalised": (torch.zeros(2), torch.ones(2)),
    }
    answer = layer.eval()(image)
    (found,) = [
        name
        for name, (mean, variance) in candidates.items()
        if torch.allclose(
            answer, (image - mean[:, None, None]) / (variance[:, None, None] + layer.eps).sqrt(), atol=1e-4
        )
    ]
    return found


def narrowest(evidence: Evidence) -> str:
    ends = {}
    for one in evidence.regularisers.variants:
        runs = [run.epochs()[-1] for run in one.runs]
        ends[one.variant.name] = np.mean([end.remeasured_accuracy - end.validation_accuracy for end in runs])
    name = min(ends, key=lambda variant: ends[variant])
    return {"baseline": "neither", "dropout + batch norm": "both"}.get(name, name)


def zeros(evidence: Evidence) -> str:
    from cnnlab.features.choosing import a_handful

    net = evidence.simple_cnn.net
    mistakes = evidence.simple_cnn.run.evaluations()["test"].mistakes
    chosen = a_handful(evidence.data.test, mistakes, classes=4)[:5]
    x = torch.stack([one.pixels for one in chosen]).float() / 255
    x = (x - evidence.data.mean[0]) / evidence.data.std[0]
    with torch.no_grad():
        early, late = net.features[:3](x), net.features[:7](x)
    return "The late maps" if (late == 0).float().mean() > (early == 0).float().mean() else "The early maps"


def most_accurate(found: Any) -> str:
    """The variant whose runs were right most often on the test images."""
    means = {
        one.variant.name: np.mean([run.evaluations()["test"].accuracy for run in one.runs]) for one in found.variants
    }
    return max(means, key=lambda name: means[name])


def zero_residual() -> str:
    x = torch.rand(1, 4, 5, 5)
    layers = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
    for parameter in layers.parameters():
        nn.init.zeros_(parameter)
    answer = F.relu(x + layers(x))
    return next(
        name
        for name, expected in {"Zeros": torch.zeros_like(x), "x, as it came": x, "Twice x": 2 * x}.items()
        if torch.equal(answer, expected)
    )


def largest_layer(evidence: Evidence) -> str:
    layers = [one for one in lenet(evidence).modules() if isinstance(one, nn.Conv2d | nn.Linear)]
    names = ["C1", "C3", "F5", "F6", "output"]
    return max(zip(names, layers, strict=True), key=lambda one: count(one[1]))[0]


#: Question → its answer, computed without anything of the lesson's.
ORACLES: dict[str, Callable[[Evidence, Question], Any]] = {
    "dense-parameters": lambda e, q: count(nn.Linear(16 * 16, 4)),
    "conv-parameters": lambda e, q: count(lenet(e).features[0]),
    "twice-the-image": lambda e, q: (
        "As many as before" if count(LeNet5(1, 32, 4).features[0]) == count(lenet(e).features[0]) else "more"
    ),
    "one-sum": lambda e, q: one_sum(q),
    "two-threes": lambda e, q: width_of_gradient(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)), 28),
    "field-behind-a-pool": lambda e, q: width_of_gradient(average_pools(LeNet5(1, 64, 4))[:4], 64),
    "output-height": lambda e, q: nn.Conv2d(1, 1, 5, stride=2, padding=2)(torch.zeros(1, 1, 16, 16)).shape[2],
    "same-padding": lambda e, q: next(
        p for p in range(5) if nn.Conv2d(1, 1, 5, padding=p)(torch.zeros(1, 1, 28, 28)).shape[2] == 28
    ),
    "block-shape": lambda e, q: str(tuple(lenet(e).features[:3](torch.zeros(64, 1, 16, 16)).shape)),
    "values-behind-the-pool": lambda e, q: lenet(e).features[:3](torch.zeros(1, 1, 16, 16)).numel(),
    "max-of-a-window": lambda e, q: float(
        F.max_pool2d(torch.tensor(numbers_in(q.text)[:4], dtype=torch.float64).reshape(1, 1, 2, 2), 2)
    ),
    "c3-parameters": lambda e, q: count(lenet(e).features[3]),
    "where-parameters-lie": lambda e, q: largest_layer(e),
    "which-curve": lambda e, q: (
        "A is validation, B is training"
        if [one.name for one in e_section(e, "overfitting").labelled.series] == ["validation images", "training images"]
        else "?"
    ),
    "labels-at-random": lambda e, q: 100 / 4,
    "kept-unit": lambda e, q: kept_unit(q),
    "off-at-inference": lambda e, q: int((nn.Dropout(0.5).eval()(torch.ones(128)) == 0).sum()),
    "which-gap": lambda e, q: (
        "A is with dropout, B without"
        if [one.name for one in e_section(e, "dropout").labelled.series] == ["with dropout", "without"]
        else "?"
    ),
    "normalised-value": lambda e, q: normalised(q),
    "batch-norm-parameters": lambda e, q: count(cnn(e).features[1]),
    "one-image-alone": lambda e, q: alone(),
    "flattened": lambda e, q: cnn(e).features(torch.zeros(1, 1, 16, 16)).numel(),
    "dense-of-simple-cnn": lambda e, q: count(cnn(e).classifier[1]),
    "two-threes-for-a-five": lambda e, q: (
        100
        * count(nn.Sequential(nn.Conv2d(64, 64, 3, bias=False), nn.Conv2d(64, 64, 3, bias=False)))
        / count(nn.Conv2d(64, 64, 5, bias=False))
    ),
    "vgg-first-dense": lambda e, q: count(nn.Linear(512 * 7 * 7, 4096, device="meta")),
    "zero-residual": lambda e, q: zero_residual(),
    "loss-of-guessing": lambda e, q: float(F.cross_entropy(torch.zeros(1, 4), torch.tensor([0]))),
    "steps-an-epoch": lambda e, q: len(DataLoader(TensorDataset(e.data.train.labels), batch_size=64, drop_last=True)),
    "which-of-three": lambda e, q: "A is “as seen while training”",
    "fewest-parameters": lambda e, q: min(parameters(e), key=lambda name: parameters(e)[name]),
    "most-accurate": lambda e, q: most_accurate(e.architectures),
    "narrowest-gap": lambda e, q: narrowest(e),
    "more-zeros": lambda e, q: zeros(e),
    "who-has-more": lambda e, q: (
        "The CNN"
        if count(untrained(e.best_cnn.variants[1].runs[0])) > count(untrained(e.best_cnn.variants[0].runs[0]))
        else "The fully connected net"
    ),
    "more-accurate": lambda e, q: "The fully connected net" if most_accurate(e.best_cnn) == "baseline" else "The CNN",
}


def dense(question: Question) -> int:
    pixels, *_, outputs = numbers_in(question.text)
    return count(nn.Linear(int(pixels), int(outputs)))


def filters(question: Question) -> int:
    filters, side, _, channels = map(int, numbers_in(question.text.partition(" has ")[2]))
    return count(nn.Conv2d(channels, filters, side))


def height(question: Question) -> int:
    K, s, p, H = map(int, numbers_in(question.text))
    return nn.Conv2d(1, 1, K, stride=s, padding=p)(torch.zeros(1, 1, H, H)).shape[2]


def same(question: Question) -> int:
    K = int(numbers_in(question.text)[0])
    (found,) = [p for p in range(K) if nn.Conv2d(1, 1, K, padding=p)(torch.zeros(1, 1, 28, 28)).shape[2] == 28]
    return found


def block(question: Question) -> str:
    _, N, C, H, W, filters, K, _, padding, _, _ = map(int, numbers_in(question.text))
    net = nn.Sequential(nn.Conv2d(C, filters, K, padding=padding), nn.ReLU(), nn.MaxPool2d(2))
    return str(tuple(net(torch.zeros(N, C, H, W)).shape))


#: A number that a question begins with, in words.
WORDS = {"Two": 2, "Three": 3, "Four": 4, "Five": 5, "Six": 6}


def stacked(question: Question) -> list[nn.Module]:
    return [nn.Conv2d(1, 1, int(numbers_in(question.text)[0])) for _ in range(WORDS[question.text.split()[0]])]


def with_a_pool(question: Question) -> int:
    K, _, stride, _, k, _ = map(int, numbers_in(question.text.partition(": ")[2]))
    return width_of_gradient(nn.Sequential(nn.Conv2d(1, 1, K), nn.AvgPool2d(stride), nn.Conv2d(1, 1, k)), 64)


def pooled(question: Question) -> int:
    C, H, W, *_ = map(int, numbers_in(question.text))
    return nn.MaxPool2d(2, stride=2)(torch.zeros(1, C, H, W)).numel()


def flattened(question: Question) -> int:
    side = int(numbers_in(question.text)[0])
    return SimpleCNN(1, side, 4).features(torch.zeros(1, 1, side, side)).numel()


def dense_of_simple_cnn(question: Question) -> int:
    side = int(numbers_in(question.text)[0]) if question.text.startswith("On images of") else 16
    return count(SimpleCNN(1, side, 4).classifier[1])


def instead_of_one(question: Question) -> float:
    K, _, W, *_ = map(int, numbers_in(question.text))
    seen = width_of_gradient(nn.Sequential(*stacked(question)), 40)
    assert seen == W, "one of that size sees as far"
    small = nn.Sequential(*(nn.Conv2d(64, 64, K, bias=False) for _ in stacked(question)))
    return 100 * count(small) / count(nn.Conv2d(64, 64, W, bias=False))


def nearest(question: Question) -> int:
    images, batch = map(int, numbers_in(question.text)[:2])
    return min(range(1, images), key=lambda steps: abs(images - steps * batch))


def guessed(question: Question) -> float:
    """How many of a hundred images of all classes, equally many of each, one and the same answer is right for."""
    classes = int(numbers_in(question.text)[0]) if "classes" in question.text else 4
    return 100 * float((torch.arange(classes * 1000) % classes == 0).double().mean())


#: Question that has several numbers → its answer to any of them, from the numbers that stand in its text.
BY_TEXT: dict[str, Callable[[Question], Any]] = {
    "dense-parameters": dense,
    "conv-parameters": lambda q: filters(replace(q, text=q.text.replace("of LeNet-5", ""))),
    "twice-the-image": lambda q: (
        "As many as before" if count(LeNet5(1, 32, 4).features[0]) == count(LeNet5(1, 80, 4).features[0]) else "more"
    ),
    "one-sum": one_sum,
    "two-threes": lambda q: width_of_gradient(nn.Sequential(*stacked(q)), 64),
    "field-behind-a-pool": with_a_pool,
    "output-height": height,
    "same-padding": same,
    "block-shape": block,
    "values-behind-the-pool": pooled,
    "max-of-a-window": lambda q: float(
        F.max_pool2d(torch.tensor(numbers_in(q.text)[:4], dtype=torch.float64).reshape(1, 1, 2, 2), 2)
    ),
    "c3-parameters": lambda q: filters(q),
    "labels-at-random": guessed,
    "kept-unit": kept_unit,
    "off-at-inference": lambda q: int((nn.Dropout(0.5).eval()(torch.ones(int(numbers_in(q.text)[0]))) == 0).sum()),
    "normalised-value": normalised,
    "batch-norm-parameters": lambda q: count(nn.BatchNorm2d(int(numbers_in(q.text)[0]))),
    "flattened": flattened,
    "dense-of-simple-cnn": dense_of_simple_cnn,
    "loss-of-guessing": lambda q: float(F.cross_entropy(torch.zeros(1, int(numbers_in(q.text)[0])), torch.tensor([0]))),
    "steps-an-epoch": nearest,
    "two-threes-for-a-five": instead_of_one,
    "vgg-first-dense": lambda q: count(
        nn.Linear(512 * 7 * 7, int(numbers_in(q.text.partition(" of VGG-16 ")[2])[3]), device="meta")
    ),
}


def untrained(run: Run) -> nn.Module:
    """The run's net with fresh weights: a lesson keeps those of its two nets alone."""
    data = run.config.data
    return build_net(run.config.net, image_shape=data.image_shape, num_classes=len(data.classes), seed=0)


def e_section(evidence: Evidence, name: str) -> Any:
    return next(chapter for chapter in CHAPTERS if chapter.name == name).section(evidence)


@pytest.mark.parametrize("name", ORACLES)
def test_the_right_answer_is_the_oracle_s(name: str, asked: dict[str, Question], evidence: Evidence) -> None:
    question = asked[name]
    expected = ORACLES[name](evidence, question)
    if question.choices:
        assert question.answer == expected
    else:
        assert float(question.answer) == pytest.approx(expected, abs=max(question.tolerance, 1e-9))


@pytest.mark.parametrize("name", BY_TEXT)
def test_the_right_answer_to_other_numbers_is_the_oracle_s(name: str, asked: dict[str, Question]) -> None:
    assert asked[name].others
    for question in asked[name].variants:
        expected = BY_TEXT[name](question)
        if question.choices:
            assert question.answer == expected, question.text
        else:
            within = max(question.tolerance / 2, 1e-9)
            assert float(question.answer) == pytest.approx(expected, abs=within), question.text


def test_what_rests_on_this_lesson_s_figures_is_asked_in_one_way_and_the_rest_in_several(
    asked: dict[str, Question],
) -> None:
    assert {name for name, question in asked.items() if question.others} == set(BY_TEXT)
    for name, question in asked.items():
        # as many windows of the picture as differ
        assert len(question.variants) in range(4 if name in set(BY_TEXT) - {"max-of-a-window"} else 1, 9), name
        assert question.variants[0].to_page() == question.to_page()
        assert len({each.text for each in question.variants}) == len(question.variants)
        assert {(each.id, each.unit, len(each.choices)) for each in question.variants} == {
            (name, question.unit, len(question.choices))
        }


def test_a_copied_answer_is_wrong_but_where_all_numbers_come_to_one(asked: dict[str, Question]) -> None:
    alike = set()
    for name, question in asked.items():
        for at, one in enumerate(question.variants):
            for other in question.variants[:at]:
                if is_answered_alike(one, other):
                    alike.add(name)
    assert alike == {"twice-the-image", "off-at-inference"}
    places = [one.choices.index(one.answer) for one in asked["twice-the-image"].variants]
    assert len(set(places)) > 1, "a copied place is wrong"


def test_other_numbers_that_come_to_the_same_answer_are_left_out() -> None:
    question = in_other_numbers(
        lambda a, b: number("q", f"{a} and {b}?", a + b, worked="so", tolerance=0.5), (1, 2), (2, 1), (2, 2), (2, 2)
    )
    assert [one.text for one in question.variants] == ["1 and 2?", "2 and 2?"]
    assert question.answer == "3"


def test_every_question_has_an_oracle(asked: dict[str, Question]) -> None:
    assert set(asked) == set(ORACLES)


def test_curves_without_names_are_those_with_names(evidence: Evidence) -> None:
    drawn = {"overfitting": "AB", "dropout": "AB", "training": "ABC"}
    for name, letters in drawn.items():
        section = e_section(evidence, name)
        assert [one.name for one in section.unlabelled.series] == list(letters)
        assert [one.values for one in section.unlabelled.series] == [one.values for one in section.labelled.series]
    curves = {one.name: one.values for one in e_section(evidence, "training").labelled.series}
    epochs = evidence.simple_cnn.run.epochs()
    assert curves["validation images"] == (tuple(epoch.validation_accuracy for epoch in epochs),)
    assert curves["as seen while training"] == (tuple(epoch.training_accuracy for epoch in epochs),)
    plain = e_section(evidence, "overfitting").labelled.series
    runs = [run.epochs() for run in evidence.regularisers.baseline.runs]
    assert plain[0].values == tuple(tuple(epoch.validation_accuracy for epoch in run) for run in runs)
    assert plain[1].values == tuple(tuple(epoch.remeasured_accuracy for epoch in run) for run in runs)


def test_no_slip_is_right_and_each_says_what_is_off(asked: dict[str, Question]) -> None:
    for question in (each for one in asked.values() for each in one.variants):
        if not question.is_graded:
            assert not question.slips
            continue
        assert question.slips, question.id
        for slip in question.slips:
            assert slip.hint.endswith((".", "?")), (question.id, slip)
            if question.choices:
                assert slip.answer in question.choices
                assert slip.answer != question.answer
            else:
                assert abs(float(slip.answer) - float(question.answer)) > question.tolerance
        if question.choices:
            assert sorted(question.choices) == sorted({*question.choices})
            assert {*question.choices} == {question.answer, *(slip.answer for slip in question.slips)}


def test_slips_that_meet_are_told_together_and_right_ones_left_out() -> None:
    question = number("q", "?", 4, worked="2+2", slips=[(5, "Too much."), (4, "Right by chance."), (5, "One more.")])
    assert [(slip.answer, slip.hint) for slip in question.slips] == [("5", "Too much. Or: One more.")]


def test_the_right_choice_stands_where_it_is_put() -> None:
    question = choice("q", "?", "b", worked="so", others=[("a", "no."), ("c", "no.")], place=1)
    assert question.choices == ("a", "b", "c")


#: Gaps of three seeds: clear of each other; apart on average only.
CLEAR, APART = [0.02, 0.021, 0.019], [0.02, 0.11, 0.07]
OTHER = [0.09, 0.088, 0.091]


def measured(*gaps: list[float]) -> Question:
    differences = [paired_difference(gap, OTHER[: len(gap)]) for gap in gaps]
    return measured_choice(
        "q", "?", "b", worked="So much.", others=[("a", "no."), ("c", "no.")], place=1, differences=differences
    )


def test_an_answer_that_rests_on_an_undecided_difference_is_not_graded() -> None:
    assert measured(CLEAR).is_graded
    assert measured(CLEAR) == choice("q", "?", "b", worked="So much.", others=[("a", "no."), ("c", "no.")], place=1)
    for undecided in (measured(APART), measured(CLEAR, APART)):
        assert not undecided.is_graded
        assert undecided.slips == ()
        assert undecided.choices == ("a", "b", "c")
        assert re.fullmatch(
            r"So much\. That is not decided with 3 seeds, so no answer is right or wrong: the 2\.30 points seen would "
            r"take at least \d+ seeds\.",
            undecided.worked,
        ), undecided.worked
        assert undecided.to_page()["graded"] is False
    assert "not decided with 1 seed," in measured(CLEAR[:1]).worked


def test_many_differences_have_to_be_clear_together() -> None:
    assert 0.05 / 3 < scipy_p([0.07, 0.058, 0.051]) < 0.05
    assert measured([0.07, 0.058, 0.051]).is_graded
    assert not measured([0.07, 0.058, 0.051], CLEAR, CLEAR).is_graded


def scipy_p(gap: list[float]) -> float:
    import scipy.stats

    return float(scipy.stats.ttest_rel(gap, OTHER).pvalue)

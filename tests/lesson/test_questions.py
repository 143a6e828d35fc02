"""What the lesson asks: every right answer against something that computes it in another way."""

from __future__ import annotations

import re
from collections.abc import Callable
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
from cnnlab.lesson.question import Question, choice, measured_choice, number
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
    for question in asked.values():
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

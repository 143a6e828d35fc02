"""Variants: each really changes something, and nothing else."""

from __future__ import annotations

import pytest

from cnnlab import UserError, load
from cnnlab.config import NetSpec
from cnnlab.experiments.compare import contestants
from cnnlab.experiments.variants import VARIANTS, find_variant, own_variant
from cnnlab.runs.plan import Plan

LESSON = Plan(net=NetSpec(name="simple-cnn"), data="mnist-5k@100", epochs=1)
#: What the lesson's recipe has already is taken away first, so that the variant has something to add.
WITHOUT = {"dropout": LESSON.with_net(dropout=0.0)}


@pytest.fixture(scope="module")
def data():
    return load("mnist-5k@100")


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "baseline"])
def test_every_variant_differs_from_the_baseline(name, data):
    base = WITHOUT.get(name, LESSON)
    found = contestants(base, [VARIANTS["baseline"], VARIANTS[name]], [0, 1], lambda _name: data)
    first, second = (one.configs[0] for one in found)
    assert first != second
    assert [config.seed for config in found[1].configs] == [0, 1]


def test_variants_are_pure():
    before = LESSON.model_dump()
    for variant in VARIANTS.values():
        variant.change(LESSON)
    assert LESSON.model_dump() == before


def test_every_variant_says_what_and_who():
    for name, variant in VARIANTS.items():
        assert variant.name == name
        assert variant.claim
        assert variant.source


def test_no_batchnorm_keeps_the_rest_of_the_net(data):
    _, with_norm = LESSON.meet(data, 0)
    _, without = VARIANTS["no-batchnorm"].change(LESSON).meet(data, 0)
    kept = [str(layer) for layer in with_norm.modules() if type(layer).__name__ not in ("BatchNorm2d",)]
    left = [str(layer) for layer in without.modules()]
    assert [line for line in kept if "(\n" not in line] == [line for line in left if "(\n" not in line]
    # matched seeds: layers of the same shape begin with the same weights
    assert (with_norm.features[0].weight == without.features[0].weight).all()


@pytest.mark.parametrize(
    ("setting", "where"),
    [
        ("dropout=0.25", lambda config: config.net.options["dropout"] == 0.25),
        ("widths=8,16", lambda config: config.net.options["widths"] == (8, 16)),
        ("batch-norm=false", lambda config: config.net.options["batch_norm"] is False),
        ("weight-decay=0.001", lambda config: config.training.weight_decay == 0.001),
        ("betas=0.8,0.9", lambda config: config.training.betas == (0.8, 0.9)),
        ("shift=2", lambda config: config.training.augmentation.shift == 2),
        ("optimizer=sgd", lambda config: config.training.optimizer == "sgd"),
        ("patience=3", lambda config: config.training.patience == 3),
        ("recipe=fast", lambda config: config.recipe == "fast"),
        ("epochs=2", lambda config: config.training.epochs == 2),
        ("net=mlp", lambda config: config.net.name == "mlp"),
    ],
)
def test_any_field_is_a_variant(setting, where, data):
    variant = own_variant(setting)
    assert variant.name == setting
    config, _ = variant.change(LESSON).meet(data, 0)
    assert where(config)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("dropout", "expected FIELD=VALUE"),
        ("dropot=0.2", "unknown field dropot; did you mean dropout"),
        ("dropout=high", "got 'high'"),
        ("weight-decay=a", "got 'a'"),
    ],
)
def test_settings_that_make_no_sense(setting, says):
    with pytest.raises(UserError, match=says):
        own_variant(setting).change(LESSON)


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("true", True), ("8,16", (8, 16)), ("tanh", "tanh"), ("nan", "nan"), ("a,b", "a,b")],
)
def test_what_an_own_net_s_constructor_takes_is_a_variant(text, value):
    own = LESSON.model_copy(update={"net": NetSpec(name="mine.py:Net", options={"depth": 1})})
    found = own_variant(f"wide-ness={text}").change(own).net
    assert found.options == {"depth": 1, "wide_ness": value}
    assert type(found.options["wide_ness"]) is type(value)


def test_an_unknown_variant_is_told_the_nearest():
    with pytest.raises(UserError, match="did you mean no-dropout"):
        find_variant("no-droput")


def test_a_variant_that_changes_nothing_is_refused(data):
    with pytest.raises(UserError, match="variant dropout is the same training as baseline"):
        contestants(LESSON, [VARIANTS["baseline"], VARIANTS["dropout"]], [0], lambda _name: data)
    fast = LESSON.model_copy(update={"recipe": "fast"})
    with pytest.raises(UserError, match="variant no-dropout is the same training as baseline"):
        contestants(fast, [VARIANTS["baseline"], VARIANTS["no-dropout"]], [0], lambda _name: data)

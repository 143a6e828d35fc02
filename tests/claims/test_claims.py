"""Claims: each states, measures and decides, and a verdict follows from the figures."""

from __future__ import annotations

import json
from statistics import mean

import pytest

from cnnlab import UserError
from cnnlab.claims import fewer_params, output_size, pooling_cost, receptive_field, weight_sharing
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.registry import CLAIMS, find_claim
from cnnlab.experiments.engines import InProcess
from cnnlab.report.figures.draw import draw_figures

EXACT = [name for name in CLAIMS if find_claim(name).kind == "exact"]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    return Laboratory(
        data="mnist-5k",
        fashion="mnist-5k",
        seeds=(0, 1),
        epochs=1,
        folder=tmp_path_factory.mktemp("runs"),
        engine=InProcess(),
    )


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_says_what_it_states_and_how_it_decides(name):
    claim = find_claim(name)
    assert claim.id == name
    assert claim.statement.endswith((".", "?"))
    assert claim.decides.startswith("supported when")
    assert claim.section
    assert (claim.smallest is None) == (claim.kind == "exact")


@pytest.mark.parametrize("name", [*EXACT, "dropout-mean"])
def test_what_is_exact_holds(name, laboratory):
    claim = find_claim(name)
    finding = claim.measure(laboratory)
    assert finding.verdict == "supported", finding
    assert finding.n > 1
    assert draw_figures(finding.figures)
    entry = json.loads(json.dumps(claim.entry(finding, 0.1).to_json()))
    assert {"id", "statement", "kind", "effect", "unit", "interval", "n", "verdict", "time_s"} <= set(entry)


# In a world where the statement is wrong the verdict is, too.


def test_a_formula_that_rounds_up_is_found_out(monkeypatch, laboratory):
    monkeypatch.setattr(
        output_size,
        "output_size",
        lambda H, K, *, stride, padding, dilation: -((H + 2 * padding - dilation * (K - 1) - 1) // -stride) + 1,
    )
    assert output_size.measure(laboratory).verdict == "not supported"


def test_a_layer_that_does_not_share_is_found_out(monkeypatch, laboratory):
    class PlaceByPlace(weight_sharing.nn.Conv2d):
        def forward(self, x):
            return super().forward(x) * weight_sharing.torch.arange(x.shape[3])

    monkeypatch.setattr(weight_sharing.nn, "Conv2d", PlaceByPlace)
    finding = weight_sharing.measure(laboratory)
    assert finding.verdict == "not supported"
    assert finding.effect > 0.1


def test_a_field_computed_wrongly_is_found_out(monkeypatch, laboratory):
    from cnnlab.anatomy import field_rules

    original = field_rules.window_positions
    monkeypatch.setattr(field_rules, "window_positions", lambda i, o, K, s, p, d: original(i, o, min(K, 2), s, p, d))
    assert receptive_field.measure(laboratory).verdict == "not supported"


def test_a_dense_layer_that_does_not_grow_would_refute(monkeypatch, laboratory):
    original = fewer_params.describe
    monkeypatch.setattr(fewer_params, "describe", lambda net, shape: original(net, (1, 28, 28)))
    assert fewer_params.measure(laboratory).verdict == "not supported"


def test_a_pool_that_saves_nothing_would_refute(monkeypatch, laboratory):
    original = pooling_cost.ConvNet
    monkeypatch.setattr(pooling_cost, "ConvNet", lambda pool: original())
    assert pooling_cost.measure(laboratory).verdict == "not supported"


def test_an_unknown_claim_is_told_the_nearest():
    with pytest.raises(UserError, match="did you mean memorise"):
        find_claim("memorize")


#: Those that train for most of a minute: by `make test-long`.
LONG = ("dropout-regularises", "cnn-beats-dense", "pooling-invariance")


@pytest.mark.slow
@pytest.mark.usefixtures("small_trainings")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.long) if name in LONG else name for name in CLAIMS if name not in EXACT],
)
def test_statistical_claims_come_to_a_verdict(name, tmp_path_factory):
    lab = Laboratory(
        data="mnist-5k@400"
        if name in ("locality-matters", "lenet-digits", "cnn-beats-dense", "early-edges")
        else "mnist-5k",
        fashion="mnist-5k@400",
        seeds=(0, 1),
        epochs=2,
        folder=tmp_path_factory.mktemp(name),
        engine=InProcess(),
        is_quick=True,
    )
    finding = find_claim(name).measure(lab)
    assert finding.verdict in ("supported", "not supported", "undecided")
    assert finding.n >= 2
    assert finding.says
    assert draw_figures(finding.figures)
    if finding.of == "seeds":
        assert len(finding.by_seed) == finding.n
    assert finding.controls
    assert "supported" not in {control.verdict for control in finding.controls} or finding.verdict != "supported"
    if name != "dropout-mean" and not finding.is_ratio:
        assert mean(finding.by_seed) == pytest.approx(finding.effect)

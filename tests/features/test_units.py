"""Statistics, strongest images, gradient ascent, stages and the embedding against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.features.nets import ByBrightness, Checkpointed, Frozen, images, residual

import cnnlab
from cnnlab.data.normalise import normalise
from cnnlab.errors import UserError
from cnnlab.features.activations import feature_maps
from cnnlab.features.ascent import ascend
from cnnlab.features.choosing import a_handful
from cnnlab.features.embedding import embed
from cnnlab.features.looking import look, look_at_layer
from cnnlab.features.stages import filters, last_maps, stages
from cnnlab.features.statistics import statistics
from cnnlab.features.strongest import Peaks, strongest, together
from cnnlab.nets import MLP, LeNet5, SimpleCNN

PIXELS = {"image_shape": (2, 12, 12), "low": (-1.0, -2.0), "high": (3.0, 2.5)}


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnlab.features.activations.BATCH", 4)


def test_statistics_are_those_of_all_values_together() -> None:
    net, x = residual(), images(11)
    found, maps = statistics(net, x), feature_maps(net, x)
    assert list(found) == list(maps)
    for name, values in maps.items():
        plain = values.numpy().astype(np.float64)
        by_unit = np.moveaxis(plain, 1, 0).reshape(plain.shape[1], -1)
        one = found[name]
        assert one.images == 11
        assert one.values == by_unit.shape[1]
        assert one.mean == pytest.approx(plain.mean(), abs=1e-6)
        assert one.std == pytest.approx(plain.std(), abs=1e-6)
        assert one.zeros == pytest.approx((plain == 0).mean())
        np.testing.assert_allclose(one.unit_std, by_unit.std(axis=1), atol=1e-5)
        np.testing.assert_allclose(one.unit_low, by_unit.min(axis=1), atol=1e-6)
        np.testing.assert_allclose(one.unit_high, by_unit.max(axis=1), atol=1e-6)


def test_a_unit_is_dead_when_no_image_reaches_it() -> None:
    net = residual()
    with torch.no_grad():
        net.norm.weight[4], net.norm.bias[4] = 0.0, -1.0  # negative before the ReLU, whatever the image
    found = statistics(net, images(9))
    assert found["relu"].dead == (4,)
    assert found["max_pool2d"].dead == (4,)
    assert found["norm"].dead == ()
    assert found["relu"].to_json()["dead"] == [4]


def test_one_pass_over_many_images_gives_what_all_maps_together_give() -> None:
    net, pixels = residual(), np.random.default_rng(3).integers(0, 256, (60, 12, 12, 3), dtype=np.uint8)
    net.stem = torch.nn.Conv2d(3, 6, 3, padding=1)
    data = cnnlab.data_of(pixels, np.arange(60) % 3)
    found = look(net, data, a_handful(data.test, [], classes=3), []).look
    x = normalise(found.measured, data.mean, data.std)
    maps = feature_maps(net, x)
    assert list(found.statistics) == list(maps)
    for name, values in maps.items():
        plain = np.moveaxis(values.numpy().astype(np.float64), 1, 0).reshape(values.shape[1], -1)
        one = found.statistics[name]
        assert (one.images, one.values) == (len(x), plain.shape[1])
        np.testing.assert_allclose(one.unit_mean, plain.mean(axis=1), atol=1e-6)
        np.testing.assert_allclose(one.unit_std, plain.std(axis=1), atol=1e-5)
        np.testing.assert_allclose(one.unit_zeros, (plain == 0).mean(axis=1), atol=1e-3)
        np.testing.assert_allclose(one.unit_low, plain.min(axis=1), atol=1e-5)
        np.testing.assert_allclose(one.unit_high, plain.max(axis=1), atol=1e-5)
    for stage in found.stages:
        best = found.exciting[stage.name].strongest
        peaks = maps[stage.output.name].flatten(2).amax(dim=2) if stage.has_maps else maps[stage.output.name]
        torch.testing.assert_close(best.values, peaks.T.sort(dim=1, descending=True).values[:, :5])
    alone = look_at_layer(net, data, a_handful(data.test, [], classes=3), "relu").look
    assert list(alone.statistics) == ["relu"]
    np.testing.assert_allclose(alone.statistics["relu"].unit_std, found.statistics["relu"].unit_std, atol=1e-6)


@pytest.mark.parametrize("layer", ["stem", "relu_1", "tanh"])
def test_strongest_images_and_places_are_those_of_a_plain_search(layer: str) -> None:
    net, x = residual(), images(11)
    found = strongest(net, x, [layer], count=3)[layer]
    maps = feature_maps(net, x)[layer]
    for unit in range(maps.shape[1]):
        peaks = []
        for i, image in enumerate(maps[:, unit]):
            table = image.numpy() if image.dim() else image.numpy()[None, None]
            row, column = np.unravel_index(table.argmax(), table.shape)
            peaks.append((-float(table.max()), i, int(row), int(column)))
        for rank, (value, i, row, column) in enumerate(sorted(peaks)[:3]):
            assert found.values[unit, rank] == pytest.approx(-value, rel=1e-5)
            assert found.images[unit, rank] == i
            assert found.places[unit, rank].tolist() == [row, column]


def test_among_equal_values_the_first_image_and_its_first_place_stand_first() -> None:
    maps = torch.randint(0, 3, (11, 4, 2, 3), generator=torch.Generator().manual_seed(0)).float()
    maps[:, 3] = 1
    found = together([Peaks.of(part, 5) for part in maps.split(4)], 5)  # the last part has fewer images than that
    for unit in range(4):
        plain = sorted(
            (-float(one.max()), i, int(one.argmax())) for i, one in enumerate(maps[:, unit].flatten(1).numpy())
        )
        assert found.values[unit].tolist() == [-value for value, _, _ in plain[:5]]
        assert found.images[unit].tolist() == [i for _, i, _ in plain[:5]]
        assert found.places[unit].tolist() == [[at // 3, at % 3] for _, _, at in plain[:5]]


def test_gradient_ascent_excites_its_units_more_than_any_image_and_keeps_to_pixels() -> None:
    net, x = residual(), images(40)
    targets = [("norm", unit) for unit in range(6)] + [("hidden", unit) for unit in range(8)]
    made = ascend(net, targets, **PIXELS)
    assert made.images.shape == (14, 2, 12, 12)
    assert (made.after > made.before).all()
    assert (made.images[:, 0] >= -1).all() and (made.images[:, 0] <= 3).all()  # noqa: PT018
    assert (made.images[:, 1] >= -2).all() and (made.images[:, 1] <= 2.5).all()  # noqa: PT018
    again = ascend(net, targets, **PIXELS)
    assert torch.equal(made.images, again.images)
    maps = feature_maps(net, made.images)
    middle = torch.stack([maps["norm"][i, i, 6, 6] for i in range(6)])
    torch.testing.assert_close(made.after[:6], middle)
    inside = x.clamp(torch.tensor([-1.0, -2.0])[:, None, None], torch.tensor([3.0, 2.5])[:, None, None])
    assert (middle > feature_maps(net, inside)["norm"][:, :, 6, 6].amax(dim=0)).all()


def test_gradient_ascent_on_an_unknown_layer_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"no layer nothing; expected one of: stem, norm"):
        ascend(residual(), [("nothing", 0)], **PIXELS)


def test_stages_end_where_another_layer_begins() -> None:
    found = stages(cnnlab.describe(residual(), (2, 12, 12)))
    names = [(one.weighted.name, one.affine.name, one.output.name, one.has_maps, one.is_answer) for one in found]
    assert names == [
        ("stem", "norm", "relu", True, False),
        ("conv", "conv", "conv", True, False),  # the addition reads two layers
        ("hidden", "hidden", "drop", False, False),
        ("head", "head", "head", False, True),
    ]
    simple = stages(cnnlab.describe(SimpleCNN()))
    assert [one.output.name for one in simple] == ["features.2", "features.6", "classifier.3", "classifier.4"]


def test_filters_are_the_weights_and_other_layers_have_none() -> None:
    net = LeNet5()
    for layer in cnnlab.describe(net).layers:
        weights = filters(layer)
        assert (weights is not None) == (layer.type == "Conv2d")
        if weights is not None:
            assert torch.equal(weights, net.get_submodule(layer.name).weight)
    table = LeNet5(connections="table")
    assert sum(filters(layer) is not None for layer in cnnlab.describe(table).layers) == 1


def test_grad_cam_looks_at_the_last_maps_before_pooling() -> None:
    assert last_maps(cnnlab.describe(SimpleCNN())).name == "features.6"
    assert last_maps(cnnlab.describe(residual(), (2, 12, 12))).name == "relu_1"
    assert last_maps(cnnlab.describe(MLP())) is None


def test_the_plane_of_pca_is_that_of_the_singular_values() -> None:
    features = np.random.default_rng(0).normal(size=(30, 5)) * [5, 3, 1, 1, 1]
    found = embed(features)
    centred = features - features.mean(axis=0)
    _, singular, directions = np.linalg.svd(centred)
    expected = centred @ directions[:2].T
    signs = np.sign((found.pca * expected).sum(axis=0))
    np.testing.assert_allclose(found.pca * signs, expected, atol=1e-9)
    np.testing.assert_allclose(found.explained, (singular**2 / (singular**2).sum())[:2])


def test_tsne_keeps_two_clusters_apart() -> None:
    generator = np.random.default_rng(0)
    features = np.concatenate([generator.normal(size=(20, 6)), generator.normal(loc=9, size=(20, 6))])
    found = embed(features)
    near, far = found.tsne[:20], found.tsne[20:]
    apart = np.linalg.norm(near.mean(axis=0) - far.mean(axis=0))
    assert apart > 2 * max(near.std(), far.std())
    assert np.array_equal(embed(features).tsne, found.tsne)


def test_what_cannot_be_embedded_is_none() -> None:
    assert embed(np.zeros((30, 4))) is None
    assert embed(np.ones((3, 4)) * [[1], [2], [3]]) is None
    assert embed(np.arange(10.0)[:, None]) is None


@pytest.mark.parametrize("layer", ["body.0", "body.2", "head"])
def test_images_made_for_checkpointed_layers_are_those_made_for_plain_ones(layer: str) -> None:
    nets = [Checkpointed(is_checkpointed=each) for each in (True, False)]
    nets[1].load_state_dict(nets[0].state_dict())
    made, plain = (ascend(net, [(layer, 0), (layer, 2)], **PIXELS) for net in nets)
    assert torch.equal(made.images, plain.images)
    assert torch.equal(made.after, plain.after)


def test_a_layer_that_no_gradient_leads_back_from_is_named_with_the_way_to_freeze_it() -> None:
    with pytest.raises(UserError, match=r"layer conv cannot be followed back.*requires_grad_\(False\)"):
        ascend(Frozen(), [("conv", 0)], **PIXELS)


def test_a_net_that_takes_other_ways_for_other_images_is_named_with_the_layer() -> None:
    x = torch.cat([-torch.ones(4, 2, 12, 12), torch.ones(4, 2, 12, 12)])  # a batch of four each
    with pytest.raises(UserError, match=r"layer dark did not run for all images"):
        strongest(ByBrightness(), x, ["dark"])
    assert strongest(ByBrightness(), x[:4], ["dark"], count=2)["dark"].values.shape == (3, 2)

"""The nets have the lesson's shapes and the paper's numbers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlab.config import NetSpec
from cnnlab.errors import UserError
from cnnlab.nets import MLP, NETS, ConvNet, LeNet5, SimpleCNN, build_net, parameter_count
from cnnlab.nets.lenet_1998 import (
    CONNECTION_TABLE,
    RBFOutput,
    ScaledTanh,
    Subsampling,
    TableConv2d,
    digit_codes,
)


class LessonSimpleCNN(nn.Module):
    """The lesson's listing, word for word: the oracle."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, kernel_size=3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, kernel_size=3, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, 10),
        )

    def forward(self, x):
        x = self.features(x)
        return self.classifier(x)


@pytest.mark.parametrize("make", [SimpleCNN, ConvNet])
def test_simple_cnn_is_the_lessons_listing(make):
    torch.manual_seed(0)
    ours = make()
    torch.manual_seed(0)
    oracle = LessonSimpleCNN()
    x = torch.randn(4, 1, 28, 28)
    assert parameter_count(ours) == 421_834
    assert ours.state_dict().keys() == oracle.state_dict().keys()
    torch.manual_seed(1)
    answers = ours(x)
    torch.manual_seed(1)
    assert torch.equal(answers, oracle(x)), "same seed, same weights, same dropout: the same logits"


def shapes_of(net: nn.Module, image: torch.Tensor) -> list[tuple[int, ...]]:
    shapes = []
    for layer in [*net.features, *net.classifier]:
        image = layer(image)
        shapes.append(tuple(image.shape[1:]))
    return shapes


@pytest.mark.parametrize("side", [28, 32])
def test_lenet5_has_the_lessons_shapes(side):
    net = LeNet5(image_size=side).eval()
    shapes = shapes_of(net, torch.zeros(1, 1, side, side))
    assert [shapes[i] for i in (0, 2, 3, 5)] == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5)]
    assert [shapes[i] for i in (7, 10, 12)] == [(120,), (84,), (10,)]
    assert parameter_count(net) == 61_706


def test_original_lenet5_has_the_papers_parameters():
    net = NETS["lenet5-1998"]()
    trained = {name: parameter_count(layer) for name, layer in net.named_modules() if not list(layer.children())}
    trained = {name: count for name, count in trained.items() if count}
    # LeCun et al. 1998, §II.B: C1 156, S2 12, C3 1,516, S4 32, C5 48,120, F6 10,164
    assert list(trained.values()) == [156, 12, 1516, 32, 48120, 10164]
    assert parameter_count(net) == 60_000


@pytest.mark.parametrize(
    ("option", "part", "absent"),
    [
        ({"connections": "table"}, TableConv2d, nn.ReLU),
        ({"subsampling": "trainable"}, Subsampling, nn.MaxPool2d),
        ({"activation": "scaled-tanh"}, ScaledTanh, nn.ReLU),
        ({"output": "rbf"}, RBFOutput, None),
    ],
)
def test_each_part_of_1998_can_be_swapped_alone(option, part, absent):
    kinds = {type(module) for module in LeNet5(**option).modules()}
    others = {TableConv2d, Subsampling, ScaledTanh, RBFOutput} - {part}
    assert part in kinds
    assert not kinds & others
    if absent is not None and absent is not nn.ReLU:
        assert absent not in kinds


def test_table_convolution_equals_one_sum_a_connection():
    torch.manual_seed(3)
    layer = TableConv2d()
    x = torch.randn(2, 6, 14, 14)
    filters = iter(layer.weight)
    maps = []
    for out, sources in enumerate(CONNECTION_TABLE):
        total = sum(F.conv2d(x[:, s : s + 1], next(filters)[None, None]) for s in sources)
        maps.append(total + layer.bias[out])
    torch.testing.assert_close(layer(x), torch.cat(maps, dim=1), rtol=1e-5, atol=1e-5)
    assert sum(len(sources) for sources in CONNECTION_TABLE) == 60


def test_subsampling_is_the_window_sum_times_coefficient_plus_bias():
    layer = Subsampling(2)
    layer.coefficient.data = torch.tensor([0.5, -1.0])
    layer.bias.data = torch.tensor([0.1, 0.2])
    x = torch.arange(16.0).reshape(1, 1, 4, 4).repeat(1, 2, 1, 1)
    sums = torch.tensor([[10.0, 18.0], [42.0, 50.0]])
    torch.testing.assert_close(layer(x)[0], torch.stack([0.5 * sums + 0.1, -sums + 0.2]))


def test_scaled_tanh_keeps_plus_and_minus_one():
    torch.testing.assert_close(
        ScaledTanh()(torch.tensor([-1.0, 0.0, 1.0])), torch.tensor([-1.0, 0.0, 1.0]), atol=1e-4, rtol=0
    )


def test_rbf_output_is_nearest_to_its_own_code():
    codes = digit_codes()
    assert codes.shape == (10, 84)
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    answers = RBFOutput()(codes)
    assert torch.equal(answers.argmax(dim=1), torch.arange(10))
    assert torch.equal(answers.diag(), torch.zeros(10)), "the distance to its own code is 0"
    torch.testing.assert_close(answers[2, 7], -(codes[2] - codes[7]).square().sum())
    assert RBFOutput(26).codes.shape == (26, 84)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("shape", "classes"), [((1, 28, 28), 10), ((3, 32, 32), 7), ((1, 40, 24), 3)])
def test_every_net_follows_the_data(name, shape, classes):
    net = build_net(NetSpec(name=name), image_shape=shape, num_classes=classes, seed=0)
    assert net(torch.zeros(2, *shape)).shape == (2, classes)


@pytest.mark.parametrize(
    "options",
    [
        {"widths": (8,), "kernel_size": 5},
        {"widths": (4, 8, 16), "convs_per_block": 2, "batch_norm": False},
        {"pool": "average"},
        {"pool": "stride"},
        {"pool": "none", "widths": (4, 4)},
        {"kernel_size": 2},
        {"hidden": 0, "dropout": 0.0},
    ],
)
def test_conv_net_options_fit_together(options):
    net = ConvNet(image_size=28, **options)
    assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert any(isinstance(m, nn.BatchNorm2d) for m in net.modules()) == options.get("batch_norm", True)


def test_mlp_counts():
    assert parameter_count(MLP()) == 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10


def test_initial_weights_come_from_the_seed_alone():
    spec = NetSpec(name="lenet5")
    build = lambda seed: build_net(spec, image_shape=(1, 28, 28), num_classes=10, seed=seed)  # noqa: E731
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = build(1)
    assert torch.equal(torch.get_rng_state(), before), "the process's random state is left alone"
    torch.rand(3)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), build(1).parameters(), strict=True))
    assert not torch.equal(next(first.parameters()), next(build(2).parameters()))


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        ("lenet5", (1, 4, 4), "lenet5: images of 4×4"),
        ("simple-cnn", (1, 3, 3), "simple-cnn: images of 3×3"),
        ("conv-net", (1, 2, 2), "conv-net: images of 2×2"),
    ],
)
def test_images_too_small_are_refused(name, shape, says):
    with pytest.raises(UserError, match=says):
        build_net(NetSpec(name=name), image_shape=shape, num_classes=10, seed=0)


def build(name: str, own_code: str | None = None, **options):
    return build_net(
        NetSpec(name=name, options=options),
        image_shape=(1, 28, 28),
        num_classes=10,
        seed=0,
        own_code=own_code,
    )


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("lenet", {}, "unknown net lenet; did you mean lenet5"),
        ("simple-cnn", {"widths": (8,)}, "simple-cnn has no option widths; it takes: dropout"),
        ("conv-net", {"pool": "mean"}, "got pool 'mean'; expected max"),
        ("lenet5", {"output": "softmax"}, "got output 'softmax'; expected linear or rbf"),
        ("conv-net", {"widths": (0,)}, "expected at least one block"),
    ],
)
def test_misspelt_nets_and_options_are_refused(name, options, says):
    with pytest.raises(UserError, match=says):
        build(name, **options)


OWN = """
import torch
from torch import nn

class Own(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, num_classes))
    def forward(self, x):
        return self.layers(x)

class Fixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(100, 3)
    def forward(self, x):
        return self.dense(x.flatten(1))

class Wrong(Own):
    def forward(self, x):
        return super().forward(x)[:, :3]
"""


@pytest.fixture
def own_file(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def test_own_net_is_built_when_named(own_file):
    name = f"{own_file}:Own"
    assert parameter_count(build(name, own_code=name)) == 7850


@pytest.mark.parametrize(
    ("which", "says"),
    [
        ("Owm", "no class Owm.*did you mean Own"),
        ("Fixed", "do not fit the net"),
        ("Wrong", r"returned \(2, 3\) for 2 images; expected logits of shape \(2, 10\)"),
    ],
)
def test_own_net_that_does_not_fit_is_refused(own_file, which, says):
    name = f"{own_file}:{which}"
    with pytest.raises(UserError, match=says):
        build(name, own_code=name)


def test_own_net_is_never_run_because_a_folder_says_so(own_file, tmp_path):
    witness = tmp_path / "ran"
    own_file.write_text(f"open({str(witness)!r}, 'w')\n{OWN}")
    with pytest.raises(UserError, match="never run by itself"):
        build(f"{own_file}:Own")
    assert not witness.exists()


def test_own_file_that_fails_says_why(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("import nothing_of_this_name\n")
    with pytest.raises(UserError, match=r"broken\.py, line 1: ModuleNotFoundError: .*nothing_of_this_name"):
        build(f"{path}:Net", own_code=f"{path}:Net")
    with pytest.raises(UserError, match="no such file"):
        build(f"{tmp_path}/absent.py:Net", own_code=f"{tmp_path}/absent.py:Net")

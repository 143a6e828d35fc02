"""A net as people write it trains, or says in one line what to change; who does so has a net that trains."""

from __future__ import annotations

import re

import pytest
import torch
from tests.new_runs import plan_of
from tests.training import own_nets
from torch import nn

import cnnlab
from cnnlab.config import Training
from cnnlab.errors import UserError
from cnnlab.nets.resolve import build_net
from cnnlab.runs import execute
from cnnlab.runs.make import make_run, reopen_run
from cnnlab.training.doubts import remarks
from cnnlab.training.trial import require_trainable

HAVE = {
    name.lower(): own_nets.HEAD + text for name, text in vars(own_nets).items() if name.isupper() and name != "HEAD"
}
TRAIN = ["keeps_maps", "old_norm", "old_spectral", "tuple", "dict", "gate", "lazy", "half_in_a_list", "asks_for_28"]
TRAIN += ["shared", "complex", "checkpointed", "experts", "holds_a_lock"]
ONE_EPOCH = {"epochs": 1, "changes": {"precision": "fp32"}}


@pytest.fixture(scope="module")
def small():
    """Few digits, with the empty border that a crop leaves out."""
    return cnnlab.load("mnist-5k@320")


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def written(text):
        (tmp_path / "mine.py").write_text(text)
        return "mine.py:Net"

    return written


def trained(folder, small, name, **of_plan):
    run, net = make_run(folder, plan_of(small, name, **(ONE_EPOCH | of_plan)), small)
    return run, net, execute(run, net, small)


@pytest.mark.parametrize("which", TRAIN)
def test_it_trains_and_is_measured_and_goes_on_where_it_stopped(which, write, small, tmp_path):
    run, _, result = trained(tmp_path / "run", small, write(HAVE[which]), epochs=2)
    again = run.load_net(own_code="mine.py:Net")
    answers = cnnlab.evaluation.logits(again, small.test.images, mean=small.mean, std=small.std)
    right = float((answers.argmax(1) == small.test.labels).float().mean())
    assert right == pytest.approx(result.test.accuracy)
    assert cnnlab.feature_maps(again, torch.randn(3, 1, 28, 28))
    assert execute(*reopen_run(run.path, small, own_code="mine.py:Net"), small).test == result.test


def test_of_several_answers_in_training_the_main_one_is_trained_and_the_rest_is_named(write, small, tmp_path):
    weights = {}
    for which in ("tuple", "dict"):
        _, net, _ = trained(tmp_path / which, small, write(HAVE[which]))
        weights[which] = net.state_dict()
        fresh = build_net(
            plan_of(small, "mine.py:Net").net, image_shape=(1, 28, 28), num_classes=10, seed=0, own_code="mine.py:Net"
        )
        assert torch.equal(net.second.weight, fresh.second.weight), "no gradient gets there"
        assert not torch.equal(net.answer.weight, fresh.answer.weight)
        first, second = remarks(fresh, small)
        assert ("a tuple of 2, of which the first" if which == "tuple" else "aux, logits, of which logits") in first
        assert "second.weight, second.bias" in second
    assert all(torch.equal(value, weights["dict"][name]) for name, value in weights["tuple"].items())


def test_layers_in_a_plain_list_are_named_where_others_are_trained(write, small):
    name = write(HAVE["half_in_a_list"])
    net = build_net(plan_of(small, name).net, image_shape=(1, 28, 28), num_classes=10, seed=0, own_code=name)
    (said,) = remarks(net, small)
    assert said.startswith("self.layers is a plain list of layers")


def test_a_net_that_asks_for_its_size_is_trained_without_a_crop(write, small):
    config, _ = plan_of(small, write(HAVE["asks_for_28"])).meet(small, 0)
    assert config.training.crop is None
    assert plan_of(small, "lenet5").meet(small, 0)[0].training.crop == 20


def obeyed(text: str, advice: str) -> str:
    """A file's text after what a message asks for was done, as far as a program can do it."""
    if found := re.search(r"give it a forward: (def forward\(self, x\)): (return .+?);", advice):
        return f"{text}    {found[1]}:\n        {found[2]}\n"
    if found := re.search(r"begin its forward with (x = .+?)(; |, and let|$)", advice):
        return text.replace("def forward(self, x):\n", f"def forward(self, x):\n        {found[1]}\n")
    if "write flatten(1) where squeeze()" in advice:
        return text.replace("squeeze()", "flatten(1)")
    if found := re.search(r"end its forward with (\.\S+)", advice):
        return re.sub(r"(return .+)", rf"\1{found[1]}", text)
    if "as many outputs as there are classes" in advice:
        return text.replace("1, 7, 28", "1, 10, 28")
    if "make it an nn.ModuleList" in advice:
        return re.sub(r"self\.layers = (\[.+\])", r"self.layers = nn.ModuleList(\1)", text)
    if "set requires_grad to True" in advice:
        return text.replace("requires_grad_(False)", "requires_grad_(True)")
    if "add a layer that has, such as nn.Linear" in advice:
        made = "    def __init__(self):\n        super().__init__()\n        self.layer = nn.Linear(784, 10)\n"
        return text.replace("nn.Module):\n", f"nn.Module):\n{made}").replace(
            "x.flatten(1)[:, 300:310]", "self.layer(x.flatten(1))"
        )
    if "leave .detach()" in advice:
        return text.replace(".detach()", "")
    if "keep it with .detach()" in advice:
        return text.replace("answers.mean()", "answers.mean().detach()")
    if "write x = x + y" in advice:
        return text.replace("x += 1", "x = x + 1")
    if "leave sparse=True out" in advice:
        return text.replace(", sparse=True", "")
    if "leave .double() out" in advice:
        return text.replace("        self.double()\n", "")
    if "leave get_extra_state out" in advice:
        return text.partition("    def get_extra_state")[0]
    raise AssertionError(f"nothing in it can be obeyed: {advice}")


@pytest.mark.parametrize(
    "which",
    [
        *("flat", "for_32", "in_colour", "large_colour", "for_64", "sequential", "squeezes", "maps", "classes"),
        *("plain_list", "frozen", "empty", "detached", "carries", "in_place", "double", "words_in_state", "sparse"),
    ],
)
def test_who_obeys_has_a_net_that_trains_and_nothing_was_made_before(which, write, small, tmp_path):
    text = HAVE[which]
    with pytest.raises(UserError) as told:
        trained(tmp_path / "run", small, write(text))
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run").exists()
    changed = obeyed(text, str(told.value))
    assert changed != text
    _, _, result = trained(tmp_path / "run", small, write(changed))
    assert result.epochs_run == 1


@pytest.mark.parametrize(("which", "words"), [("for_32", "+padded-to-32"), ("in_colour", "+rgb")])
def test_who_takes_the_data_otherwise_has_a_net_that_trains(which, words, write, small, tmp_path):
    name = write(HAVE[which])
    with pytest.raises(UserError, match=re.escape(f"; or write {words} after the data's name; or let its cons")):
        trained(tmp_path / "run", small, name)
    _, _, result = trained(tmp_path / "run", cnnlab.load(small.name + words), name)
    assert result.epochs_run == 1


def test_batch_norm_over_one_image_asks_for_a_larger_batch(write, small, tmp_path):
    name = write(HAVE["batch_norm"])
    with pytest.raises(UserError, match=r"expected steps of at least 2: choose a larger --batch-size"):
        trained(tmp_path / "run", small, name, changes={"batch_size": 1})
    trained(tmp_path / "run", small, name, changes={"batch_size": 2})


def test_the_trial_changes_no_digit(write, small, tmp_path, monkeypatch):
    name = write(HAVE["batch_norm"].replace("nn.ReLU()", "nn.ReLU(), nn.Dropout(0.3)"))
    _, net, result = trained(tmp_path / "tried", small, name)
    monkeypatch.setattr("cnnlab.runs.plan.require_trainable", lambda _net, _data, training, **_: training)
    _, other, untried = trained(tmp_path / "untried", small, name)
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in net.state_dict().items())
    assert result.test == untried.test


def test_the_trials_steps_move_no_weight(small):
    """So a forward that holds its weights beside another net's finds them as they were."""
    seen = []

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(784, 10)

        def forward(self, x):
            seen.append(self.last.weight.detach().clone())
            return self.last(x.flatten(1))

    net = Net()
    require_trainable(net, small, Training(), name="Net")
    assert len(seen) > 2
    assert all(torch.allclose(weight.float(), net.last.weight) for weight in seen)


def test_python_gets_the_commands_messages(small):
    flat = nn.Sequential(nn.Linear(784, 10))
    with pytest.raises(UserError, match=r"^Sequential: images of 1×28×28 do not fit the net: it takes flat ones"):
        cnnlab.train(flat, small)
    with pytest.raises(UserError, match="it takes flat ones"):
        cnnlab.find_learning_rate(flat, small)
    with pytest.raises(UserError, match=r"returned \(2, 7\) for 2 images; expected logits of shape \(2, 10\)"):
        cnnlab.train(nn.Sequential(nn.Flatten(), nn.Linear(784, 7)), small)
    with pytest.raises(UserError, match="all 2 of its tensors are frozen"):
        cnnlab.train(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)).requires_grad_(False), small)
    lazy = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
    assert cnnlab.describe(lazy, (1, 28, 28)).parameters == 7850
    assert cnnlab.find_learning_rate(lazy, small, steps=3).rates
    assert cnnlab.train(lazy, small, Training(epochs=1)).epochs

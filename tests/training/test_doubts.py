"""What is doubtful about figures is found by asking the net, whatever it is written with, and only where it is so."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tests.new_runs import make_run
from torch import nn

import cnnlab
from cnnlab.config import NetSpec
from cnnlab.evaluation import evaluate
from cnnlab.nets import NETS, build_net
from cnnlab.runs import execute
from cnnlab.training.doubts import doubts, learned_nothing


@pytest.fixture(scope="module")
def digits():
    return cnnlab.load("mnist-5k@320")


class Ending(nn.Module):
    def __init__(self, end, **parts):
        super().__init__()
        self.hidden, self.answer = nn.Linear(784, 16), nn.Linear(16, 10)
        self.end = end
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x):
        return self.end(self.answer(self.hidden(x.flatten(1)).relu()))


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (nn.Softmax(1), "softmax"),
        (lambda x: x.softmax(1).view(-1, 10), "softmax"),
        (lambda x: x.exp() / x.exp().sum(1, keepdim=True), "softmax"),
        (lambda x: F.log_softmax(x, 1), "log-softmax"),
        (lambda x: x - x.exp().sum(1, keepdim=True).log(), "log-softmax"),
        (torch.sigmoid, "sigmoid"),
        (F.relu, "ReLU"),
        (nn.ReLU6(), "a clamp"),
        (lambda x: x.clamp(min=0), "a clamp"),
        (torch.tanh, "tanh"),
    ],
)
def test_an_end_that_is_no_logits_is_named(end, says, digits):
    (said,) = doubts(Ending(end), digits)
    assert said.startswith(f"it ends in {says}: ")


@pytest.mark.parametrize("end", [nn.Identity(), lambda x: 3 * x.relu() - 1, lambda x: F.leaky_relu(x), nn.Dropout()])
def test_nothing_is_said_of_logits(end, digits):
    assert doubts(Ending(end), digits) == ()


@pytest.mark.parametrize("name", NETS)
def test_nothing_is_said_of_the_lessons_nets(name, digits):
    net = build_net(NetSpec(name=name), image_shape=(1, 28, 28), num_classes=10, seed=0)
    modes, random = [each.training for each in net.modules()], torch.get_rng_state()
    assert doubts(net, digits) == ()
    assert [each.training for each in net.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize(
    ("draws", "says"),
    [
        (lambda x: F.dropout(x, 0.5), "dropout at test_doubts.py, line"),
        (lambda x: x + torch.randn_like(x), "randn_like at test_doubts.py, line"),
        (lambda x: x * torch.bernoulli(torch.full_like(x, 0.5)), "bernoulli at test_doubts.py, line"),
    ],
)
def test_chance_in_eval_mode_is_found_with_its_line(draws, says, digits):
    (said,) = doubts(Ending(draws), digits)
    assert said.startswith("in eval mode it answers the same images differently each time (")
    assert says in said


def said_of(net, digits, **of_training):
    answers = cnnlab.evaluation.logits(net, digits.validation.images, mean=digits.mean, std=digits.std)
    figures = evaluate(answers, digits.validation.labels, classes=digits.classes)
    return learned_nothing(net, digits, figures, **({"training_accuracy": 0.1, "learning_rate": 0.5} | of_training))


def test_a_constant_answer_and_the_layer_where_it_begins_are_named(digits):
    net = Ending(nn.Identity(), before=nn.Identity())
    net.dead = nn.ReLU()
    net.forward = lambda x: net.answer(net.dead(net.hidden(x.flatten(1)) - 1e6))
    net.answer.bias.data[7] = 100.0
    (said,) = said_of(net, digits)
    assert "it answers 7 to every validation image; from dead (ReLU) on, every image gives the same numbers" in said
    assert "try 0.05" in said


def test_guessing_is_told_from_knowing_and_from_learning_by_heart(digits):
    torch.manual_seed(3)
    worse = Ending(lambda x: -x)
    trained = cnnlab.train(Ending(nn.Identity()), digits, cnnlab.Training(epochs=5)).net
    worse.load_state_dict(trained.state_dict())
    assert said_of(trained, digits, training_accuracy=0.9) == ()
    (said,) = said_of(worse, digits)
    assert "of the validation images are right, and 10" in said
    assert said_of(worse, digits, training_accuracy=0.9) == (), "it knows its training images"
    worse.end = lambda x: 1e9 * x
    (said,) = said_of(worse, digits, training_accuracy=0.9)
    assert "the net's weights blew up" in said


def test_a_run_that_learned_nothing_says_so_in_its_result(tmp_path, digits):
    run, net = make_run(tmp_path / "run", digits, net="lenet5", epochs=3, changes={"learning_rate": 300.0})
    (warning,) = execute(run, net, digits).warnings
    assert warning.startswith("it learned nothing: ")
    assert run.result().warnings == (warning,)


def test_warnings_of_an_own_net_are_in_its_result(tmp_path, monkeypatch, digits):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from torch import nn\nclass Net(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(1))\n"
    )
    run, net = make_run(tmp_path / "run", digits, net="mine.py:Net", epochs=1)
    (warning,) = execute(run, net, digits).warnings
    assert warning.startswith("it ends in softmax")
    assert cnnlab.train(nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(1)), digits).warnings == (warning,)

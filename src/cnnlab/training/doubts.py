"""What makes a net's figures worth less than they look: asked of the net itself, before a training and after it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cnnlab.data.imageset import ImageSet
from cnnlab.data.normalise import normalise
from cnnlab.evaluation import Evaluation
from cnnlab.net_copy import copied
from cnnlab.nets.answers import main_answer, others
from cnnlab.nets.modes import eval_mode
from cnnlab.nets.unseen import plain_lists

#: Validation images that a net is asked about.
ASKED = 32

#: A mean loss above this share of what guessing costs is no answer but weights that grew without end.
BLOWN_UP = 100

#: What PyTorch calls the step backwards through a function → the function.
_ENDS = {
    "Softmax": "softmax", "LogSoftmax": "log-softmax", "Sigmoid": "sigmoid", "Relu": "ReLU", "Hardtanh": "a clamp",
    "Hardsigmoid": "sigmoid", "Tanh": "tanh", "Clamp": "a clamp", "ClampMin": "a clamp", "LogSigmoid": "log-sigmoid",
    "Softplus": "softplus",
}  # fmt: skip

#: Steps through which an answer's numbers go unchanged.
_SAME_NUMBERS = {
    "View", "ReshapeAlias", "UnsafeView", "Squeeze", "Unsqueeze", "Clone", "ToCopy", "Alias", "Transpose", "T",
    "Permute", "Slice",
}  # fmt: skip


def remarks(net: nn.Module, data: ImageSet) -> tuple[str, ...]:
    """What of an untrained net will not be trained, a line each; net and random states stay as they were."""
    found = [
        f"{name} is a plain list of layers, whose parameters PyTorch does not see: they are not trained; make it an "
        "nn.ModuleList or an nn.Sequential"
        for name in plain_lists(net)
    ]
    try:
        twin = copied(net).train()
        with _own_draws():
            returned = twin(_some(twin, data, 8))
            main_answer(returned).float().logsumexp(1).sum().backward()
    except Exception:  # the trial of the training says so
        return tuple(found)
    what = others(returned)
    if what is not None:
        found.append(f"in training mode it returns {what} is trained; the others are not")
    without = [name for name, each in twin.named_parameters() if each.requires_grad and each.grad is None]
    if without:
        more = f" and {len(without) - 3} more" if len(without) > 3 else ""
        found.append(f"no gradient gets to {', '.join(without[:3])}{more}: not trained")
    return tuple(found)


def doubts(net: nn.Module, data: ImageSet) -> tuple[str, ...]:
    """What is doubtful in how a net answers in eval mode, a line each: chance in it, an end that is no logits.

    Asked on a few validation images, twice. Net and the process's random state stay as they were; nothing is found
    where the net raises.
    """
    watch, found = _Draws(), []
    try:
        with eval_mode(net), _own_draws():
            x = _some(net, data, ASKED)
            with watch, torch.enable_grad():
                first = main_answer(net(x))
            again = main_answer(net(x))
    except Exception:  # a net of the user's own may do anything
        return ()
    if not torch.allclose(first, again, rtol=1e-4, atol=1e-4 * float(first.detach().abs().max())):
        where = f" ({', '.join(watch.places)})" if watch.places else ""
        found.append(
            f"in eval mode it answers the same images differently each time{where}: its figures change from look to "
            "look; give F.dropout training=self.training, or write nn.Dropout"
        )
    end = _end(first)
    if end is not None:
        found.append(f"it ends in {end}: {_why_no_end(end)}; leave it out")
    return tuple(found)


def learned_nothing(
    net: nn.Module, data: ImageSet, validation: Evaluation, *, training_accuracy: float, learning_rate: float
) -> tuple[str, ...]:
    """Whether a trained net knows more than which class is the commonest, and what to look at where not: a line each.

    validation: its figures on the validation split. training_accuracy: 0–1, of training images in eval mode: a net that
    knows these by heart has learned something. The net stays as it was.
    """
    images = [sum(row) for row in validation.confusion]
    called = [sum(column) for column in zip(*validation.confusion, strict=True)]
    names, commonest = [one.name for one in validation.per_class], max(images) / validation.images
    guessing = float(torch.tensor(float(len(images))).log())
    mend = f"lower --learning-rate (it was {learning_rate:g}; try {learning_rate / 10:g}), or ask cnnlab find-lr"
    if sum(count > 0 for count in images) < 2 or training_accuracy > commonest + (1 - commonest) / 4:
        return _blown_up(validation.loss, guessing, mend)
    if max(called) == validation.images:
        what = f"it answers {names[called.index(validation.images)]} to every validation image"
    elif validation.accuracy <= commonest:
        what = (
            f"{validation.accuracy:.1%} of the validation images are right, and {commonest:.1%} by always answering "
            f"{names[images.index(max(images))]}"
        )
    else:
        return _blown_up(validation.loss, guessing, mend)
    same = _first_without_difference(net, data)
    look = f"from {same} on, every image gives the same numbers (dead or saturated units); " if same else ""
    return (f"it learned nothing: {what}; {look}{mend}, train for longer, or look at what comes in",)


def _blown_up(loss: float, guessing: float, mend: str) -> tuple[str, ...]:
    if not loss > BLOWN_UP * guessing:
        return ()
    return (f"the loss is {loss:.3g} nats, where guessing costs {guessing:.2g}: the net's weights blew up; {mend}",)


def _some(net: nn.Module, data: ImageSet, count: int) -> Tensor:
    """A few validation images as the net sees them."""
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    return normalise(data.validation.evenly_spaced(count).images.to(device), data.mean, data.std)


@contextmanager
def _own_draws() -> Generator[None]:
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(0)
        yield


def _end(answers: Tensor) -> str | None:
    """The function that made the answers, where it is one that bounds them or makes probabilities of them."""
    step = answers.grad_fn
    while step is not None:
        name = step.name().rstrip("0123456789").removesuffix("Backward")
        if name in _ENDS:
            return _ENDS[name]
        if name not in _SAME_NUMBERS:
            break
        step = step.next_functions[0][0]
    rows = answers.detach().double()
    ones = torch.ones(len(rows), dtype=rows.dtype, device=rows.device)
    for name, each in (("softmax", rows), ("log-softmax", rows.exp())):
        if bool((each >= 0).all()) and torch.allclose(each.sum(dim=1), ones, atol=1e-4):
            return name
    return None


def _why_no_end(end: str) -> str:
    if end == "softmax":
        return "the loss wants logits and makes probabilities of them itself, so that a sure answer cannot be given"
    if end == "log-softmax":
        return "the loss wants logits and does that itself; a second time it changes nothing"
    return "the loss wants logits, which may be any number, and within bounds a sure answer cannot be given"


def _first_without_difference(net: nn.Module, data: ImageSet) -> str | None:
    """The first layer that answers all images alike, in eval mode; None where there is none."""
    found: list[str] = []

    def hook(name: str) -> Callable[..., None]:
        def look(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and len(output) > 1 and output.numel():
                spread = float((output - output[:1]).abs().max())
                if not spread > 1e-6 * float(output.abs().max()):
                    found.append(f"{name} ({type(_module).__name__})")

        return look

    leaves = [(name, each) for name, each in net.named_modules() if name and not any(each.children())]
    handles = [each.register_forward_hook(hook(name)) for name, each in leaves]
    try:
        with eval_mode(net), _own_draws():
            net(_some(net, data, ASKED))
    except Exception:  # a net of the user's own may do anything
        return None
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None


_DROPOUTS = {F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout}
_DRAWS = {
    "rand", "randn", "randint", "rand_like", "randn_like", "randint_like", "randperm", "bernoulli", "bernoulli_",
    "normal", "normal_", "uniform_", "multinomial", "rrelu",
}  # fmt: skip


class _Draws(TorchFunctionMode):
    """Notes where a net draws random numbers: function, file and line."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        is_dropout = func in _DROPOUTS and (args[2] if len(args) > 2 else kwargs.get("training", True))
        if is_dropout or name in _DRAWS:
            place = f"{name}{_place()}"
            if place not in self.places:
                self.places.append(place)
        return func(*args, **kwargs)


def _place() -> str:
    """Where the net's own line is that leads here."""
    for frame in reversed(traceback.extract_stack()):
        parts = Path(frame.filename).parts
        if "torch" not in parts and Path(frame.filename) != Path(__file__):
            return f" at {Path(frame.filename).name}, line {frame.lineno}"
    return ""

"""What is off with a net of one's own, before an hour of training shows it less clearly."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cnnlab.anatomy import describe
from cnnlab.anatomy.describe import field_text
from cnnlab.errors import UserError
from cnnlab.evaluation import eval_mode
from cnnlab.homework.behaviour import checked_logits, what_never_learns, wrong_end
from cnnlab.homework.feedback import Feedback, blank, is_blank, never_raises, off, right
from cnnlab.homework.softmax import is_softmax
from cnnlab.nets import SimpleCNN, parameter_count
from cnnlab.nets.unseen import plain_lists


@never_raises
def check_net(yours: Any, *, image_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10) -> Feedback:
    """Check that a net turns images (N, C, H, W) into logits (N, classes), can learn and is a convolutional one.

    yours: the net, not its class. It stays as it is.
    """
    if is_blank(yours):
        return blank()
    if isinstance(yours, type):
        return off(f"you have the class {yours.__name__}: make a net of it, {yours.__name__}()")
    if not isinstance(yours, nn.Module):
        return off(f"you have {type(yours).__name__}: expected a torch.nn.Module")
    if any(value is ... for module in yours.modules() for value in vars(module).values()):
        return blank()
    hidden = plain_lists(yours)
    if hidden:
        return off(
            f"{hidden[0]} is a plain list of layers: PyTorch does not see their parameters; make it an nn.ModuleList "
            "or an nn.Sequential"
        )
    anatomy = describe(yours, image_shape)
    try:
        with eval_mode(yours), torch.random.fork_rng(devices=[]):
            images = torch.randn(5, *image_shape, generator=torch.Generator().manual_seed(0))
            answers, again, one = (
                checked_logits(yours, images),
                checked_logits(yours, images),
                checked_logits(yours, images[:1]),
            )
            of_simple_cnn = parameter_count(SimpleCNN(image_shape[0], image_shape[1:], classes))
    except UserError as error:
        return off(f"it runs on two images, but not on five or on one: {error}")
    if tuple(answers.shape) != (5, classes):
        return off(
            f"for 5 images it answers {tuple(answers.shape)}: expected (5, {classes}), one logit for each class; end "
            f"it with a dense layer of {classes} outputs"
        )
    if is_softmax(answers):
        return off("it ends with a softmax: leave it out, F.cross_entropy takes logits and applies it itself")
    if not bool(answers.isfinite().all()):
        return off(
            "it answers with NaN or infinity for ordinary images: is something divided by 0, or the log of 0 taken?"
        )
    if not torch.equal(answers, again):
        return off(
            "in eval mode it answers the same images differently the second time: is dropout on there? "
            "(training=self.training)"
        )
    if not torch.allclose(answers[:1], one, atol=1e-4):
        return off(
            "the answer to an image depends on the others in its batch, even in eval mode: does forward mix them?"
        )
    convolutions = [layer for layer in anatomy.layers if "conv" in layer.type.lower()]
    if not convolutions:
        return off("it has no convolution: a dense net, which sees no neighbourhoods")
    if anatomy.unused_parameters:
        return off(f"forward does not use {', '.join(anatomy.unused_parameters[:3])}: it would never learn")
    frozen = [name for name, parameter in yours.named_parameters() if not parameter.requires_grad]
    if frozen:
        return off(f"{', '.join(frozen[:3])} would never learn: frozen, requires_grad is False")
    cut_off = what_never_learns(yours, images)
    if cut_off:
        return off(f"{', '.join(cut_off[:3])} would never learn: no gradient gets there; is there a no_grad or detach?")
    wrong = wrong_end(yours, image_shape)
    if wrong:
        return off(wrong)
    parameters, last = parameter_count(yours), convolutions[-1]
    return right(
        f"it runs: {parameters:,} parameters, {parameters / of_simple_cnn:.2g} × those of SimpleCNN; "
        f"{anatomy.macs:,} multiply-adds an image",
        f"{len(convolutions)} convolutions; a unit of the last, {last.name}, sees {field_text(last.receptive_field)} "
        "pixels",
    )

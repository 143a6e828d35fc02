"""A net that nobody has trained yet, tried before anything is written: two steps of its training, on a copy."""

from __future__ import annotations

import torch
from torch import nn

from cnnlab.config import Training
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.net_copy import copied, weights_of
from cnnlab.nets.answers import main_answer
from cnnlab.nets.lazy import blank_batch
from cnnlab.nets.unseen import plain_lists
from cnnlab.own_code import own_mistake
from cnnlab.training.balance import class_weights, mean_loss
from cnnlab.training.course import Course
from cnnlab.training.execution import Crop, find_crop, proven_view
from cnnlab.training.loop import net_input
from cnnlab.training.state import start

#: Training images in a step of the trial, at most: batch norm tells one image from several, and no more.
TRIED = 8


def require_trainable(net: nn.Module, data: ImageSet, training: Training, *, name: str) -> Training:
    """Make two steps of a training on a copy of the net, whole images and the crop; the training that works.

    That is `training`, without its crop where the net cannot be trained on it. name: what messages call the net. Net
    and the process's random state stay as they were; a net that cannot be copied is not tried. Raises UserError that
    says what to change, OwnCodeError where a user's own code raises.
    """
    require_parameters(net, name)
    weights_of(net)
    try:
        copied(net)
    except Exception:  # whatever an attribute raises
        return training
    try:
        _steps(copied(net), data, training, None)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    except (Exception, SystemExit) as error:
        raise _told(error, net, data, training, name) from error
    if training.crop is None:
        return training
    try:
        crop = find_crop(net, data.image_shape, training.crop)
        if crop is not None:
            _steps(copied(net), data, training, crop)
            return training
    except Exception:  # whole images do
        pass
    return training.model_copy(update={"crop": None})


def require_parameters(net: nn.Module, name: str) -> None:
    """Raise UserError where a net has nothing that can be trained."""
    parameters = list(net.parameters())
    if any(parameter.requires_grad for parameter in parameters):
        return
    hidden = plain_lists(net)
    if hidden:
        why = (
            f"{hidden[0]} is a plain list of layers, whose parameters PyTorch does not see: make it an nn.ModuleList "
            "or an nn.Sequential"
        )
    elif parameters:
        why = f"all {len(parameters)} of its tensors are frozen: set requires_grad to True for what is to be trained"
    else:
        why = "it has no parameters: add a layer that has, such as nn.Linear"
    raise UserError(f"{name}: nothing in it can be trained; expected at least one parameter: {why}")


def _steps(net: nn.Module, data: ImageSet, training: Training, crop: Crop | None) -> None:
    """Two steps as `fit` makes them, so that what the first leaves behind meets the second; then one image alone.

    Their learning rate is 0: a forward that compares its weights with those of another net finds them as they were.
    """
    course = Course.of(training, data)
    state = start(net, training, seed=0)
    for group in state.optimizer.param_groups:
        group["lr"] = 0.0
    device = state.device
    few = data.train.evenly_spaced(min(TRIED, course.images // course.steps_per_epoch))
    images, labels = few.images.to(device), few.labels.to(device)
    weights = class_weights(training, data, device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(0)
        view = proven_view(net, net_input(images, data, training, None), state.dtype)
        view.train()
        for _ in range(2):
            x = net_input(images, data, training, crop)
            with torch.autocast(device.type, torch.bfloat16, enabled=state.dtype == torch.bfloat16):
                answers = main_answer(view(x) if crop is None else crop.forward(view, x)).float()
            if answers.shape != (expected := (len(labels), len(data.classes))):
                raise UserError(
                    f"in training mode forward returned {tuple(answers.shape)} for {len(labels)} images; expected "
                    f"logits of shape {expected}, as in eval mode: see what it does where self.training is True"
                )
            loss = mean_loss(answers, labels, training, weights)
            if not loss.requires_grad:
                raise UserError(
                    "no gradient gets from its answers to a parameter; expected a way back to every layer: leave "
                    ".detach(), .data, NumPy and torch.no_grad() out of forward"
                )
            state.optimizer.zero_grad()
            loss.backward()
            state.optimizer.step()
        blank_batch(net, data.image_shape, 1)


def _told(error: BaseException, net: nn.Module, data: ImageSet, training: Training, name: str) -> UserError:
    """What to tell a user whose net fails in a step of training."""
    says = " ".join((str(error).splitlines() or [""])[0].split())
    if "more than 1 value per channel" in says:
        return UserError(
            f"{name}: batch norm has nothing to average over in a step of one image; expected steps of at least 2: "
            "choose a larger --batch-size, or leave batch norm out"
        )
    if "backward through the graph a second time" in says:
        return UserError(
            f"{name}: its second step of training fails, as it uses a tensor that the first one left in an attribute; "
            "expected steps that do not depend on each other: keep it with .detach()"
        )
    if "modified by an inplace operation" in says:
        return UserError(
            f"{name}: a step of training fails, as forward writes over a tensor that its gradient needs; expected a "
            "new tensor: leave inplace=True out, and write x = x + y in place of x += y"
        )
    if "does not support sparse gradients" in says:
        return UserError(
            f"{name}: a step of training fails, as the optimizer takes no sparse gradients; expected dense ones: leave "
            "sparse=True out of its embeddings"
        )
    mistake = own_mistake(error)
    if training.precision != "fp32" and not isinstance(error, SystemExit):
        try:
            _steps(copied(net), data, training.model_copy(update={"precision": "fp32"}), None)
        except Exception:  # then it is not the precision
            pass
        else:
            return UserError(
                f"{name}: a step of training fails in bfloat16 ({mistake or says}), and works in float32: add "
                "--precision fp32"
            )
    return mistake or UserError(
        f"{name}: a step of training fails: {type(error).__name__}: {says}; expected a forward that runs in training "
        "mode as in eval mode: mend it there"
    )

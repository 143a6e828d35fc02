"""Whether a net turns images of a shape into logits, and what to change where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import torch
from torch import Tensor, nn

from cnnlab.anatomy import describe
from cnnlab.errors import UserError
from cnnlab.net_copy import copied
from cnnlab.nets.answers import main_answer, others
from cnnlab.nets.lazy import blank_batch
from cnnlab.nets.modes import eval_mode
from cnnlab.own_code import OwnCodeError, own_mistake

#: Sides of images that nets are often made for.
_SIDES = (32, 28, 64, 224, 227, 299, 96, 48, 128)

#: Up to so many more pixels a side zeros are laid round an image; a larger one is scaled.
PADDED = 8

Shape = tuple[int, int, int]


def require_logits(net: nn.Module, name: str, image_shape: Shape, num_classes: int) -> None:
    """Run two blank images through a net, and one, so that a misfit is told before anything is trained.

    name: what messages call the net. Lazy layers have their sizes afterwards; the process's random state moves on where
    they draw from it. Raises UserError that says what to change; OwnCodeError where a user's own code raises.
    """
    for images in (2, 1):
        try:
            returned = blank_batch(net, image_shape, images)
        except (Exception, SystemExit) as error:
            if images == 1:
                raise (own_mistake(error) or UserError(_alone(name, f"fails on it: {_first_line(error)}"))) from error
            if other := _other_numbers(net):
                raise UserError(f"{name}: {other}") from error
            raise UserError(
                f"{name}: images of {_shown(image_shape)} do not fit the net: "
                f"{_other_shape(net, image_shape) or _reason(net, image_shape, error)}; or let its constructor take "
                "in_channels, image_size and num_classes, and use them"
            ) from error
        shape = tuple(returned.shape) if isinstance(returned, Tensor) else type(returned).__name__
        if shape != (images, num_classes):
            if images == 1:
                raise UserError(_alone(name, f"returned {shape} for one, expected {(1, num_classes)}"))
            raise UserError(
                f"{name}: forward returned {shape} for 2 images; expected logits of shape (2, {num_classes}): "
                f"{_mend(returned, image_shape, num_classes)}"
            )


def _alone(name: str, what: str) -> str:
    return (
        f"{name}: it runs on two images, but not on one: it {what}: write flatten(1) where squeeze() or a reshape "
        "takes the batch for one of the image's own sizes"
    )


def _mend(returned: object, image_shape: Shape, num_classes: int) -> str:
    """What to change where the answers to two images have another shape than (2, num_classes)."""
    if not isinstance(returned, Tensor):
        with suppress(UserError):
            return f"in eval mode return the logits alone; it returned {others(returned)} may be them"
        return "let forward return them"
    pixels = image_shape[0] * image_shape[1] * image_shape[2]
    if returned.shape[:-1] == (2, *image_shape[:-1]):
        return (
            "it works on each row of the image by itself: begin its forward with x = x.flatten(1), and let its first "
            f"linear layer take {pixels} values"
        )
    if returned.dim() > 2 and returned.numel() == 2 * num_classes:
        return "end its forward with .flatten(1)"
    if returned.dim() > 2 and returned.shape[1] == num_classes:
        return "end its forward with .mean((2, 3)), or flatten the maps and end with a linear layer"
    return "end the net with a linear layer of as many outputs as there are classes"


def _other_numbers(net: nn.Module) -> str | None:
    """What to change in a net whose parameters are of another type than images are; None where they are not."""
    for name, parameter in net.named_parameters():
        if parameter.is_floating_point() and parameter.dtype != torch.float32:
            got = str(parameter.dtype).removeprefix("torch.")
            how = {"float64": ".double()", "float16": ".half()", "bfloat16": ".bfloat16()"}.get(got, f".to({got})")
            return f"its parameter {name} is {got}; expected float32, as images are: leave {how} out, or call .float()"
    return None


def _other_shape(net: nn.Module, image_shape: Shape) -> str | None:
    """What the net's forward can begin with to get what it was made for; None where nothing that was tried fits."""
    channels, height, width = image_shape
    if _takes(net, (channels * height * width,)):
        return f"it takes flat ones, (N, {channels * height * width}): {_begin(net, 'x.flatten(1)')}"
    for other in _shapes(image_shape):
        if _takes(net, other):
            words = _words(image_shape, other)
            other_data = f"; or write {words} after the data's name" if words else ""
            return f"it takes {_shown(other)}: {_begin(net, _change(image_shape, other))}{other_data}"
    return None


def _words(image_shape: Shape, other: Shape) -> str:
    """What after a data set's name makes images of one shape those of another; "" where nothing does."""
    (channels, *size), (wanted, *sides) = image_shape, other
    if sides != size and not all(0 <= side - each <= PADDED for side, each in zip(sides, size, strict=True)):
        return ""
    recoloured = {(1, 3): "+rgb", (3, 1): "+gray"}.get((channels, wanted), "")
    if channels != wanted and not recoloured:
        return ""
    return (f"+padded-to-{max(sides)}" if sides != size else "") + recoloured


def _shapes(image_shape: Shape) -> Iterator[Shape]:
    channels, height, width = image_shape
    several = [channels, *(other for other in (3, 1) if other != channels)]
    yield from ((other, height, width) for other in several[1:])
    yield from ((each, side, side) for each in several for side in _SIDES if (side, side) != (height, width))


def _takes(net: nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether a copy of the net answers two blank inputs of that shape with a row of numbers each."""
    with suppress(Exception, SystemExit):
        twin = copied(net)
        with eval_mode(twin):
            answers = main_answer(twin(torch.zeros(2, *shape)))
        return answers.dim() == 2 and len(answers) == 2
    return False


def _change(image_shape: Shape, other: Shape) -> str:
    """Python that makes images `x` of one shape those of another."""
    x = "x"
    if other[1:] != image_shape[1:]:
        more = [wanted - got for wanted, got in zip(other[1:], image_shape[1:], strict=True)]
        if all(0 <= each <= PADDED for each in more):
            vertical, horizontal = ((each // 2, each - each // 2) for each in more)
            x = f"nn.functional.pad({x}, {(*horizontal, *vertical)})"
        else:
            x = f"nn.functional.interpolate({x}, size={other[1:]}, mode='bilinear')"
    if other[0] != image_shape[0]:
        x += f".expand(-1, {other[0]}, -1, -1)" if image_shape[0] == 1 else ".mean(1, keepdim=True)"
    return x


def _begin(net: nn.Module, expression: str) -> str:
    if isinstance(net, nn.Sequential):  # which has no forward to begin
        return f"give it a forward: def forward(self, x): return super().forward({expression})"
    return f"begin its forward with x = {expression}"


def _reason(net: nn.Module, image_shape: Shape, error: BaseException) -> str:
    """Why a net fails on blank images: the layer, what came in and what it wanted, where anatomy can tell.

    Raises OwnCodeError where it was a line of the user's own and no layer.
    """
    if not isinstance(error, Exception):  # SystemExit
        raise (own_mistake(error) or error) from error
    try:
        describe(net, image_shape)
    except OwnCodeError:
        raise
    except UserError as misfit:
        return str(misfit).partition(": ")[2]
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _shown(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))

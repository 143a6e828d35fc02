"""What a net does, whatever layers it is written with: found by asking it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.errors import UserError
from cnnlab.evaluation import eval_mode
from cnnlab.homework.feedback import said
from cnnlab.net_copy import copied

#: Cosine of two directions above which they are one; hidden nonlinearities turn them by far more.
_PARALLEL = 0.999


def checked_logits(net: nn.Module, images: Tensor) -> Tensor:
    """What a net answers. Raises UserError where it raises, answers with no tensor, or writes over the images."""
    given = images.clone()
    try:
        answer = net(given)
    except (Exception, SystemExit) as error:
        raise UserError(f"forward raises {said(error)}, for images {tuple(images.shape)}") from error
    if not isinstance(answer, Tensor):
        raise UserError(f"forward answers with {type(answer).__name__}: expected a tensor of logits; see its return")
    if not torch.equal(given, images):
        raise UserError("forward changes the images that it is given: a second look would see different ones")
    return answer


def what_never_learns(net: nn.Module, images: Tensor) -> list[str]:
    """Names of parameters that get no gradient in one step of training; images (N, C, H, W)."""
    twin = copied(net).train()
    twin.zero_grad(set_to_none=True)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        loss = F.cross_entropy(checked_logits(twin, images), torch.zeros(len(images), dtype=torch.long))
        if loss.requires_grad:
            loss.backward()
    return [name for name, parameter in twin.named_parameters() if parameter.grad is None]


def wrong_end(net: nn.Module, image_shape: tuple[int, ...]) -> str | None:
    """What is wrong with the range of a net's answers, or with where it is nonlinear; None where nothing is.

    Asked with weights drawn anew, up to ten times as large, and with images up to a hundred times as strong: only what
    stands after the logits still holds them within bounds.
    """
    draw = torch.Generator().manual_seed(0)
    images = torch.cat([torch.randn(6, *image_shape, generator=draw) * scale for scale in (1, 10, 100)])
    seen, straight = [], []
    with torch.random.fork_rng(devices=[]):
        for factor in (1, 3, 10):
            twin = _redrawn(net, factor, draw)
            with eval_mode(twin):
                answers = checked_logits(twin, images)
                if bool(answers.isfinite().all()):
                    seen.append(answers)
                    straight.append(all(_is_straight(twin, images[i : i + 6], draw) for i in (0, 6, 12)))
    if not seen:
        return None
    low, high = (float(torch.cat(seen).min()), float(torch.cat(seen).max()))
    if low == high:
        return f"whatever it is shown, it answers {low:g}: does forward use its input?"
    if low >= 0:
        return (
            "its answers stay between 0 and 1: is there a sigmoid after the last layer? A logit may be any number"
            if high <= 1
            else "its answers are never below 0: is there a ReLU after the last layer? A logit may be any number"
        )
    if low >= -1 and high <= 1:
        return "its answers stay between -1 and 1: is there a tanh after the last layer? A logit may be any number"
    if all(straight):
        return (
            "nothing in it is nonlinear before its answers: without a nonlinear function between them, all layers "
            "together are one linear layer"
        )
    return None


def _redrawn(net: nn.Module, factor: float, draw: torch.Generator) -> nn.Module:
    """A copy whose every parameter is drawn anew, as large as it was (0.05 where it was 0), times a factor."""
    twin = copied(net)
    with torch.no_grad():
        for parameter in twin.parameters():
            size = float(parameter.square().mean().sqrt()) or 0.05
            parameter.copy_(torch.randn(parameter.shape, generator=draw) * size * factor)
    return twin


def _is_straight(net: nn.Module, images: Tensor, draw: torch.Generator) -> bool:
    """Whether every logit changes along only one direction of the image, whichever image one starts from.

    That is so where the net is linear up to its logits, whatever is done to each of them afterwards. By differences
    along eight random directions; images whose answers do not change are no evidence.
    """
    steps = torch.randn(8, 1, *images.shape[1:], generator=draw) * (0.01 * images.std())
    moved = checked_logits(net, (images + steps).flatten(0, 1)).view(8, len(images), -1)
    here = checked_logits(net, images)
    change = (moved - here).permute(2, 1, 0)  # (classes, images, directions)
    size = change.norm(dim=2)
    counts = size > 1e-4 * here.abs().max()
    unit = change / size[..., None].clamp(min=1e-30)
    alike = (unit @ unit.transpose(1, 2)).abs()
    pairs = (counts[:, :, None] & counts[:, None, :]).triu(diagonal=1)
    return not bool(pairs.any()) or float(alike[pairs].median()) > _PARALLEL

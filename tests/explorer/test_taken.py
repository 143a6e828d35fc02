"""Layers that only move or choose values, as runs of places, against PyTorch's own functions on other numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.errors import UserError
from cnnlab.explorer.taken import runs
from cnnlab.explorer.translation import translate

MOVES: dict[str, Callable[[Tensor], Tensor]] = {
    **{
        f"pad {mode} {sides}": lambda x, mode=mode, sides=sides: F.pad(x, sides, mode=mode)
        for mode in ("reflect", "replicate", "circular")
        for sides in ((1, 2, 3, 4), (4, 0, 0, 3))
    },
    "pad channels": lambda x: F.pad(x, (1, 1, 0, 0, 2, 1)),
    "pad that cuts": lambda x: F.pad(x, (-1, 1, 0, -2)),
    "rows and columns": lambda x: x[:, :, 1:-1, ::2],
    "channels": lambda x: x[:, 1::2],
    "one row": lambda x: x[:, :, 3],
    "a list of channels": lambda x: x[:, [3, 0, 0]],
    "an index that does not depend on the image": lambda x: x[:, torch.tensor([2, 1]), ..., 1:],
    "permute": lambda x: x.permute(0, 3, 1, 2),
    "transpose": lambda x: x.swapaxes(1, -1),
    "movedim": lambda x: torch.moveaxis(x, (1, 2), (3, 1)),
    "flip": lambda x: x.flip(1, 3),
    "roll": lambda x: torch.roll(x, (1, -2), dims=(2, 3)),
    "narrow": lambda x: x.narrow(2, 1, 3),
    "select": lambda x: x.select(1, 2),
    "repeat_interleave": lambda x: x.repeat_interleave(2, dim=3),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x, 3),
    "channel_shuffle": lambda x: F.channel_shuffle(x, 2),
    "enlarged": lambda x: F.interpolate(x, scale_factor=(2, 1.5)),
    "made smaller": lambda x: F.interpolate(x, size=(3, 4), mode="nearest-exact"),
}


class _Net(nn.Sequential):
    def __init__(self, move: Callable[[Tensor], Tensor]) -> None:
        super().__init__(nn.Flatten(), nn.LazyLinear(10))
        self.move = move

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.move(x).contiguous())


@pytest.mark.parametrize("name", MOVES)
def test_places_are_pytorchs(name: str) -> None:
    net = _Net(MOVES[name])
    net(torch.zeros(2, 4, 6, 9))
    operation = translate(net, (4, 6, 9), 10).layers[0].operation
    assert operation["kind"] == "take"
    triples = torch.tensor(operation["runs"]).reshape(-1, 3).tolist()
    places = torch.tensor([first + step * i for first, step, count in triples for i in range(count)])
    numbers = torch.randn(1, 4, 6, 9, generator=torch.Generator().manual_seed(1))
    found = torch.where(places < 0, 0.0, numbers.flatten()[places.clamp(0)])
    assert torch.equal(found, MOVES[name](numbers).flatten())


@pytest.mark.parametrize(
    "move",
    [
        lambda x: x.flip(0),
        lambda x: x.roll(1),
        lambda x: x[:, x.mean((0, 2, 3)).argmax()][:, None],
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
        lambda x: F.pad(x, (1, 1), value=2.0),
        lambda x: F.pad(x, (-1, 1), value=0.5),
    ],
)
def test_what_mixes_images_or_makes_new_values_is_named(move: Callable[[Tensor], Tensor]) -> None:
    net = _Net(move)
    net(torch.zeros(2, 4, 6, 9))
    with pytest.raises(UserError, match=r"layer (flip|roll|mean|interpolate|pad) "):
        translate(net, (4, 6, 9), 10)


def test_an_index_of_one_value_each_stays_where_it_is() -> None:
    net = _Net(lambda x: x[:, :, None, ...])
    net(torch.zeros(2, 4, 6, 9))
    assert translate(net, (4, 6, 9), 10).layers[0].operation == {"kind": "reshape"}


@pytest.mark.parametrize("places", [[], [4], [0, 1, 2, 7, 5, 3, -1, -1, 9], [3, 3, 3, 0, 1]])
def test_runs_hold_every_place(places: list[int]) -> None:
    found = runs(places)
    triples = zip(found[::3], found[1::3], found[2::3], strict=True)
    assert [first + step * i for first, step, count in triples for i in range(count)] == places

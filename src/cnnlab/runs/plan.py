"""What is trained, before it meets images and a seed: what a user chose, and the thing that a variant changes."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from torch import nn

from cnnlab.config import Augmentation, NetSpec, RunConfig, Scalar, Strict, Training, checked, net_spec
from cnnlab.data.augment import require_smaller
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.nets.layout import runs_channels_last
from cnnlab.nets.resolve import build_net, is_own, options_of
from cnnlab.runs.folder import data_record
from cnnlab.training.execution import require_crop
from cnnlab.training.machine import resolve_device
from cnnlab.training.recipes import find_recipe, recipe
from cnnlab.training.trial import require_trainable

#: simple-cnn, said as the member of the conv-net family that it is: so it has options for every part of it.
_AS_CONV_NET = "simple-cnn"


class Plan(Strict):
    """A net, images and a way to train, as given to `cnnlab train`.

    net.name: registered, or the user's `file.py:ClassName`, whose code is run. net.options and changes hold only what
    differs from the recipe: net options and fields of `Training` and `Augmentation`. epochs: None for the recipe's own
    number.
    """

    net: NetSpec
    data: str
    recipe: str = "lesson"
    epochs: float | None = Field(None, gt=0)
    changes: dict[str, Any] = Field({})

    def with_net(self, **options: Scalar | tuple[int, ...]) -> Plan:
        """The plan with other options of its net."""
        return self.model_copy(update={"net": net_spec(self.net.name, self.net.options | options)})

    def as_family(self) -> Plan:
        """The plan with simple-cnn named as conv-net, whose defaults it is: the same net, with more options."""
        if self.net.name != _AS_CONV_NET:
            return self
        return self.model_copy(update={"net": NetSpec(name="conv-net", options=self.net.options)})

    def with_changes(self, **changes: Any) -> Plan:
        """The plan with other values for fields of `Training` or `Augmentation`."""
        return self.model_copy(update={"changes": self.changes | changes})

    def meet(self, data: ImageSet, seed: int) -> tuple[RunConfig, nn.Module]:
        """The run that comes of it, checked, and its net with its initial weights; nothing is written.

        data: the images that `self.data` names. Raises UserError.
        """
        if not 0 <= seed < 2**63:
            raise UserError(f"seed {seed}: expected a whole number from 0 to below 2^63: choose another")
        name, takes = self.net.name, options_of(self.net.name)
        of_recipe = {key: value for key, value in find_recipe(self.recipe).net_options.items() if key in takes}
        spec = NetSpec(name=name, options=of_recipe | self.net.options)
        module = build_net(spec, image_shape=data.image_shape, num_classes=len(data.classes), seed=seed, own_code=name)
        base = recipe(self.recipe, module, data, epochs=self.epochs)
        changed = _nested(self.changes, base.augmentation)
        training = checked(Training, base.model_dump() | changed, "training options")
        require_smaller(training.augmentation, data.image_shape)
        resolve_device(training.device)
        # A recipe has asked both before; only what the user changed is asked here.
        if changed.get("channels_last") and not runs_channels_last(module, data.image_shape):
            raise UserError(
                f"channels last: {name} does not take images that are stored so, as code that calls view on a map does "
                "not; expected reshape or nn.Flatten in its place: write that, or leave --channels-last out"
            )
        if changed.get("crop") is not None:
            require_crop(module, data.image_shape, changed["crop"])
        if is_own(name):
            works = require_trainable(module, data, training, name=name)
            if works != training and changed.get("crop") is not None:
                raise UserError(
                    f"crop {training.crop}: a step of training of {name} on the crop fails, and on whole images it "
                    "works: leave crop out"
                )
            training = works
        values = {
            "net": spec,
            "data": data_record(data),
            "recipe": self.recipe,
            "training": training,
            "seed": seed,
        }
        return checked(RunConfig, values, "options"), module


def _nested(changes: dict[str, Any], augmentation: Augmentation) -> dict[str, Any]:
    """Changes with those of the augmentation in a record of their own, on top of the recipe's."""
    inner = {name: value for name, value in changes.items() if name in Augmentation.model_fields}
    outer = {name: value for name, value in changes.items() if name not in Augmentation.model_fields}
    return outer | ({"augmentation": augmentation.model_dump() | inner} if inner else {})

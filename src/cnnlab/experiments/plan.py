"""What is trained, before it meets images and a seed: the thing that a variant changes."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from torch import nn

from cnnlab.config import NetSpec, RunConfig, Scalar, Strict
from cnnlab.data.imageset import ImageSet
from cnnlab.runs.make import plan_run

#: simple-cnn, said as the member of the conv-net family that it is: so it has options for every part of it.
_AS_CONV_NET = "simple-cnn"


class Plan(Strict):
    """A net, images and a way to train, as given to `cnnlab train`.

    net.options and changes hold only what differs from the recipe: net options and fields of `Training` and
    `Augmentation`. epochs: None for the recipe's own number.
    """

    net: NetSpec
    data: str
    recipe: str = "lesson"
    epochs: float | None = Field(None, gt=0)
    changes: dict[str, Any] = Field({})

    def with_net(self, **options: Scalar | tuple[int, ...]) -> Plan:
        """The plan with other options of its net."""
        return self.model_copy(update={"net": NetSpec(name=self.net.name, options=self.net.options | options)})

    def as_family(self) -> Plan:
        """The plan with simple-cnn named as conv-net, whose defaults it is: the same net, with more options."""
        if self.net.name != _AS_CONV_NET:
            return self
        return self.model_copy(update={"net": NetSpec(name="conv-net", options=self.net.options)})

    def with_changes(self, **changes: Any) -> Plan:
        """The plan with other values for fields of `Training` or `Augmentation`."""
        return self.model_copy(update={"changes": self.changes | changes})

    def meet(self, data: ImageSet, seed: int) -> tuple[RunConfig, nn.Module]:
        """The run that comes of it, and its net with its initial weights. data: the images that `self.data` names.

        Raises UserError.
        """
        return plan_run(
            data,
            net=self.net.name,
            net_options=self.net.options,
            recipe_name=self.recipe,
            epochs=self.epochs,
            changes=self.changes,
            seed=seed,
        )

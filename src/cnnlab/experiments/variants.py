"""Variants: named pure changes of a plan, each with the statement that it puts to the test and its source."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from cnnlab.config import Augmentation, NetSpec, Training
from cnnlab.errors import UserError, nearest
from cnnlab.nets.resolve import is_own, kind_of, options_of
from cnnlab.runs.plan import Plan


@dataclass(frozen=True)
class Variant:
    """A change of a plan. claim: what one would expect of it. source: who says so."""

    name: str
    claim: str
    source: str
    change: Callable[[Plan], Plan]


def find_variant(name: str) -> Variant:
    """The variant of that name. Raises UserError with the nearest one."""
    if name not in VARIANTS:
        raise UserError(f"unknown variant {name}; {nearest(name, VARIANTS)}, or --set FIELD=VALUE for one of your own")
    return VARIANTS[name]


def own_variant(setting: str) -> Variant:
    """A variant from `field=value`: `dropout=0.25`, `widths=16,32`, `recipe=fast`, `data=mnist-5k@500`.

    The field is an option of the net (of your own net a name that its constructor takes), a field of `Training` or
    `Augmentation`, or one of net, data, recipe and epochs.
    Raises UserError for an unknown field and for a value of the wrong kind.
    """
    field, equals, text = setting.partition("=")
    field = field.strip().replace("-", "_")
    if not equals or not text.strip():
        raise UserError(f"--set {setting}: expected FIELD=VALUE, such as dropout=0.25")
    return Variant(
        setting, f"{field} set to {text}", "set by you", lambda plan: _set(plan, field, text.strip(), setting)
    )


def _set(plan: Plan, field: str, text: str, setting: str) -> Plan:
    if field == "net":
        return plan.model_copy(update={"net": NetSpec(name=text)})
    if field in ("data", "recipe"):
        return plan.model_copy(update={field: text})
    if field == "epochs":
        return plan.model_copy(update={"epochs": _value(float, text, setting)})
    for record in (Training, Augmentation):
        if field in record.model_fields and field != "augmentation":
            return plan.with_changes(**{field: _value(record.model_fields[field].annotation, text, setting)})
    for one in (plan, plan.as_family()):
        if field in options_of(one.net.name):
            return one.with_net(**{field: _value(kind_of(one.net.name, field), text, setting)})
    if is_own(plan.net.name):  # its constructor says whether it takes it
        return plan.with_net(**{field: plain_value(text)})
    known = [*Training.model_fields, *Augmentation.model_fields, *options_of(plan.as_family().net.name)]
    raise UserError(f"--set {setting}: unknown field {field}; {nearest(field, known)}")


def plain_value(text: str) -> bool | int | float | str | tuple[int, ...]:
    """Text as what it looks like: true or false, a number, whole numbers with commas between them, else a word."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        with suppress(ValueError):
            number = kind(text)
            return number if math.isfinite(number) else text
    with suppress(ValueError):
        return tuple(int(part) for part in text.split(","))
    return text


def _value(kind: Any, text: str, setting: str) -> Any:
    """Text as the field's kind; commas part the members of a tuple, `none` is None where that is allowed."""
    if type(None) in get_args(kind) and text.lower() == "none":
        return None
    is_tuple = "tuple" in str(kind)
    try:
        return TypeAdapter(kind).validate_python(tuple(text.split(",")) if is_tuple else text)
    except ValidationError as error:
        message = error.errors()[0]["msg"]
        raise UserError(f"--set {setting}: got {text!r}; {message[0].lower()}{message[1:]}") from None


def _net(**options: Any) -> Callable[[Plan], Plan]:
    return lambda plan: plan.as_family().with_net(**options)


def _training(**changes: Any) -> Callable[[Plan], Plan]:
    return lambda plan: plan.with_changes(**changes)


def _scaled_widths(factor: float) -> Callable[[Plan], Plan]:
    return lambda plan: plan.as_family().with_net(
        widths=tuple(max(1, round(width * factor)) for width in _widths(plan))
    )


def _one_block_more(plan: Plan) -> Plan:
    widths = _widths(plan)
    return plan.as_family().with_net(widths=(*widths, 2 * widths[-1]))


def _widths(plan: Plan) -> tuple[int, ...]:
    widths = plan.net.options.get("widths", (32, 64))
    assert isinstance(widths, tuple)  # its kind in every config
    return tuple(int(width) for width in widths)


def _unchanged(plan: Plan) -> Plan:
    return plan


_LESSON = "lesson 3"
_HOMEWORK = "lesson 3, homework"

VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant("baseline", "what the others are compared with", _LESSON, _unchanged),
        Variant("no-dropout", "without dropout the net overfits more", f"{_LESSON}, Dropout", _net(dropout=0.0)),
        Variant("dropout", "dropout 0.5 narrows the gap to training", f"{_LESSON}, Dropout", _net(dropout=0.5)),
        Variant(
            "no-batchnorm", "without batch norm training is slower", f"{_LESSON}, BatchNorm", _net(batch_norm=False)
        ),
        Variant(
            "plain",
            "without dropout and batch norm",
            _HOMEWORK,
            _net(batch_norm=False, dropout=0.0),
        ),
        Variant(
            "weight-decay",
            "weight decay, decoupled, narrows the gap",
            f"{_LESSON}, Regularization; Loshchilov and Hutter 2019",
            # In a few hundred steps at 0.001 the usual 0.01 shows nothing: each step takes rate × decay of a weight.
            _training(optimizer="adamw", weight_decay=1.0),
        ),
        Variant(
            "augmentation",
            "shifts and rotations narrow the gap",
            f"{_LESSON}, Regularization",
            _training(shift=2, rotate_degrees=10.0, scale=0.1),
        ),
        Variant(
            "label-smoothing",
            "soft labels generalise better",
            "Szegedy et al. 2016, §7",
            _training(label_smoothing=0.1),
        ),
        Variant("more-filters", "twice the filters see more patterns", _HOMEWORK, _scaled_widths(2)),
        Variant("fewer-filters", "half the filters are enough", _HOMEWORK, _scaled_widths(0.5)),
        Variant("kernel-1", "filters of one pixel see no neighbours", _HOMEWORK, _net(kernel_size=1)),
        Variant("kernel-5", "larger filters see more at once", _HOMEWORK, _net(kernel_size=5)),
        Variant("kernel-7", "larger filters see more at once", _HOMEWORK, _net(kernel_size=7)),
        Variant("two-convs", "two convolutions before each pool see further", _HOMEWORK, _net(convs_per_block=2)),
        Variant("three-blocks", "a third block goes deeper", _HOMEWORK, _one_block_more),
        Variant("average-pool", "averages keep less than maxima", f"{_LESSON}, Pooling", _net(pool="average")),
        Variant("strided", "a stride halves as well as a pool", "Springenberg et al. 2015", _net(pool="stride")),
        Variant(
            "sgd", "momentum instead of Adam", "Sutskever et al. 2013", _training(optimizer="sgd", learning_rate=0.01)
        ),
        Variant(
            "fast-recipe",
            "the recipe `fast` instead",
            "cnnlab",
            lambda plan: plan.model_copy(update={"recipe": "fast"}),
        ),
    )
}

"""The space of a sweep: options of a training with several values each, and every combination of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product

from cnnlab.errors import UserError
from cnnlab.experiments.variants import Variant, own_variant
from cnnlab.runs.plan import Plan


@dataclass(frozen=True)
class FieldValues:
    """A field, named as on the command line (`kernel-size`), and the values it takes, as typed there."""

    field: str
    values: tuple[str, ...]

    @property
    def settings(self) -> tuple[str, ...]:
        """The values, each as `field=value`."""
        return tuple(f"{self.field}={value}" for value in self.values)


def read_space(base: Plan, settings: Sequence[str]) -> tuple[Plan, list[FieldValues]]:
    """Sort settings into a plan with all that is given one value, and the fields that are given several.

    settings: each `field=value`, as `own_variant` takes it; a word without `=` is one more value of the field before.
    Raises UserError for a value given twice, an unknown field or a wrong value of those with one value, for several
    data sets, and where no field has several values.
    """
    values: dict[str, list[str]] = {}
    field = ""
    for setting in settings:
        name, equals, value = setting.partition("=")
        if equals:
            field = name.strip().replace("_", "-")
        elif not field:
            raise UserError(f"--set {setting}: expected FIELD=VALUE…, such as learning-rate=0.001 0.003")
        value = (value if equals else setting).strip()
        if value in values.setdefault(field, []):
            raise UserError(f"sweep: {field} {value} is given twice; expected every value once: leave one out")
        values[field].append(value)
    fields = [FieldValues(field, tuple(found)) for field, found in values.items()]
    fields.sort(key=lambda one: one.field != "net")  # a net comes before its options: it begins with its own
    several = [one for one in fields if len(one.values) > 1]
    if any(one.field == "data" for one in several):
        raise UserError("sweep: got several data sets; expected one, whose validation images choose: a sweep for each")
    if not several:
        raise UserError("sweep: got a single point; expected an option with several values, such as --kernel-size 3 5")
    fixed = [own_variant(setting) for one in fields if len(one.values) == 1 for setting in one.settings]
    return reduce(lambda plan, one: one.change(plan), fixed, base), several


def combinations(fields: Sequence[FieldValues]) -> dict[str, tuple[str, ...]]:
    """Every combination of the fields' values, by the name of its point: `widths=8,16 kernel-size=3`."""
    return {" ".join(settings): settings for settings in product(*(one.settings for one in fields))}


def point_variants(fields: Sequence[FieldValues]) -> list[Variant]:
    """Every combination as a variant of the plan."""
    return [_point(name, settings) for name, settings in combinations(fields).items()]


def _point(name: str, settings: Sequence[str]) -> Variant:
    changes = [own_variant(setting).change for setting in settings]
    return Variant(
        name,
        "a point of the sweep",
        "set by you",
        lambda plan: reduce(lambda so_far, change: change(so_far), changes, plan),
    )

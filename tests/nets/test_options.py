"""The kinds of the nets' options: the constructors say them, `--set` and the flags read words as just these."""

from __future__ import annotations

import inspect
from typing import Any, Literal, get_args, get_origin

import click
import pytest

from cnnlab.cli.options import NET_OPTIONS
from cnnlab.config import NetSpec
from cnnlab.errors import UserError
from cnnlab.experiments.variants import own_variant
from cnnlab.nets.resolve import NETS, kind_of, options_of
from cnnlab.runs.plan import Plan

OPTIONS = [(name, option) for name in NETS for option in sorted(options_of(name))]


def of_setting(net: str, setting: str) -> dict[str, Any]:
    return own_variant(setting).change(Plan(net=NetSpec(name=net), data="mnist-5k")).net.options


def default_of(net: str, option: str) -> Any:
    return inspect.signature(NETS[net]).parameters[option].default


def typed(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize(("net", "option"), OPTIONS)
def test_a_default_that_is_typed_is_the_default(net: str, option: str) -> None:
    default = default_of(net, option)
    read = of_setting(net, f"{option}={typed(default)}")
    # A simple-cnn with an option set is the conv-net that it is.
    assert read[option] == default
    assert type(read[option]) is type(default)


@pytest.mark.parametrize(("net", "option"), OPTIONS)
def test_a_flag_takes_what_the_constructor_does(net: str, option: str) -> None:
    flag, kind = click.types.convert_type(NET_OPTIONS[option][0]), kind_of(net, option)
    if get_origin(kind) is Literal:
        assert set(flag.choices) == set(get_args(kind))
        return
    default = default_of(net, option)
    read = flag.convert(typed(default), None, None)
    assert read in (default, (default,))  # conv-net has one hidden layer, and the flag a list


def test_a_word_that_is_no_choice_is_refused_where_it_is_typed() -> None:
    with pytest.raises(UserError, match=r"--set pool=median: got 'median'; .*'average'"):
        of_setting("conv-net", "pool=median")

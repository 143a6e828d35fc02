"""Every option of every command with names and numbers that cannot be: one line and exit code 2, nothing built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from tests.new_runs import plan_of

from cnnlab.cli import COMMANDS
from cnnlab.cli import cnnlab as program
from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.errors import UserError
from cnnlab.given_path import given_path
from cnnlab.nets import build_net

LONG = "a" * 300
NO_PATHS = ["", LONG, "a/" * 2600, "x\0y"]
NO_NUMBERS = ["nan", "inf", "-inf", "1e400", "", "0x10", "[red]1[/]", "9" * 5000]


def command_called(words: str) -> click.Command:
    """The command of a name, `class new` too."""
    command: click.Command | None = program
    for word in words.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    return command


def options_of_all() -> Iterator[tuple[str, click.Parameter]]:
    for name in COMMANDS:
        command = command_called(name)
        below = command.commands if isinstance(command, click.Group) else {}
        for words, one in {name: command, **{f"{name} {word}": each for word, each in below.items()}}.items():
            yield from ((words, param) for param in one.params if not getattr(param, "is_flag", False))


def is_refused(command: str, param: click.Parameter, word: str) -> bool:
    """Whether the command's own parser refuses a word for one of its parameters."""
    found = command_called(command)
    value: Any = (word,) * param.nargs if param.nargs > 1 else (word,) if param.multiple or param.nargs < 0 else word
    try:
        param.process_value(click.Context(found), value)
    except (click.UsageError, UserError) as error:
        text = error.format_message() if isinstance(error, click.UsageError) else str(error)
        assert "\n" not in text.strip()
        return True
    return False


def test_a_path_that_no_system_takes_is_refused_by_every_option_that_takes_one() -> None:
    paths = [(name, param) for name, param in options_of_all() if isinstance(param.type, click.Path)]
    assert len(paths) >= 20
    passed = [(n, p.name, word[:9]) for n, p in paths for word in NO_PATHS if not is_refused(n, p, word)]
    assert not passed


def test_no_number_is_refused_by_every_option_that_takes_one() -> None:
    kinds = (click.types.IntParamType, click.types.FloatParamType)
    numbers = [(name, param) for name, param in options_of_all() if isinstance(param.type, kinds)]
    assert len(numbers) >= 40
    may_be = {"9" * 5000}  # too many, but a whole number: the command says what is too many
    passed = [(n, p.name, word[:9]) for n, p in numbers for word in NO_NUMBERS if not is_refused(n, p, word)]
    assert not [each for each in passed if each[2] not in {word[:9] for word in may_be}]


def test_an_empty_word_passes_for_no_default() -> None:
    passed = [(n, p.name) for n, p in options_of_all() if p.type is click.STRING and not is_refused(n, p, "")]
    assert not passed


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", LONG],
        ["evaluate", "x\0y"],
        ["train", "mlp", "--out", LONG],
        ["train", "mlp", "--data", f"npz:{LONG}"],
        ["train", "mlp", "--data", "folder:x\0y"],
        ["train", "mlp", "--data", "folder:~nobody-of-that-name/x"],
        ["train", "mlp", "--data", "npz:a\nb"],
        ["train", "mlp", "--data", "npz:\udcff"],
        ["train", "mlp", "--data", ""],
        ["train", f"{LONG}.py:Net"],
        ["train", "x\0y.py:Net"],
        ["describe", f"{'a/' * 2600}.py:Net"],
        ["describe", "\udcff"],
        ["describe", "[red]x[/]"],
        ["describe", "mlp", "--hidden", "1000000000"],
        ["describe", "conv-net", "--convs-per-block", "1000000000"],
        ["describe", "conv-net", "--widths", "99999999999999999999"],
        ["describe", "conv-net", "--widths", "1000000,1"],
        ["describe", "mlp", "--dropout", "nan"],
        ["describe", "mlp", "--input", "99999999999x3"],
        ["describe", "conv", "--kernel", "9" * 5000],
        ["train", "mlp", "--seed", "99999999999999999999"],
        ["train", "mlp", "--shift", "300"],
        ["train", "mlp", "--shift", "20000"],
        ["train", "mlp", "--erase", "100000000000000000000"],
        ["train", "mlp", "--crop", "100000000000000000000"],
        ["train", "mlp", "--learning-rate", "1e308"],
        ["train", "mlp", "--batch-size", "1000000000000"],
        ["train", "mlp", "--epochs", "1e18"],
        ["find-lr", "mlp", "--seed", "-1"],
        ["class", "new", LONG],
        ["class", "new", "\udcff"],
        ["class", "new", "a\udcff"],
        ["class", "new", "x", "--out", "x\0y"],
        ["class", "new", "x", "--roster", "\udcff"],
        ["class", "new", "x", "--due", "9999-99-99"],
        ["class", "new", "x", "--due", "\udcff"],
        ["class", "new", "x", "--withheld", "npz:\udcff"],
        ["class", "new", "x", "--name-column", "[red]x[/]"],
        ["class", "hand-out", LONG],
        ["class", "collect", "x\0y"],
        ["class", "collect", "--class", "\udcff"],
    ],
    ids=lambda arguments: " ".join(word[:20] for word in arguments).encode("ascii", "backslashreplace").decode(),
)
def test_it_is_one_line_and_leaves_nothing(
    arguments: list[str], cnnlab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cnnlab(*arguments)
    lines = [line for line in ran.err.splitlines() if line.strip()]
    assert (ran.code, len(lines), ran.out) == (2, 1, ""), ran.err
    assert lines[0].startswith("cnnlab: ")
    assert not list(tmp_path.iterdir())


def test_the_shift_that_leaves_the_image_says_its_side() -> None:
    data = load("mnist-5k@100")
    with pytest.raises(UserError, match="shift 28 on images of 28×28 pixels; expected 0 to 27"):
        plan_of(data, "mlp", changes={"shift": 28}).meet(data, seed=0)
    plan_of(data, "mlp", changes={"shift": 27}).meet(data, seed=0)


def test_a_net_as_large_as_may_be_is_built_and_a_larger_one_is_not() -> None:
    def parameters(units: int) -> int:
        spec = NetSpec(name="mlp", options={"hidden": (units, units)})
        net = build_net(spec, image_shape=(1, 2, 2), num_classes=2, seed=0)
        return sum(parameter.numel() for parameter in net.parameters())

    assert parameters(100) == 4 * 100 + 100 + 100 * 100 + 100 + 100 * 2 + 2
    with pytest.raises(UserError, match=r"400,160,002 parameters .* expected at most 100,000,000"):
        parameters(20_000)


def test_a_path_that_can_be_passes_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    for name in ("there", "not there", "there/below a file", "~", "ä\udcff\n[red]"):
        assert given_path(tmp_path / name, "run") == tmp_path / name

"""Names and records of others reach the terminal as text, whatever signs they hold and whatever it can show."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnlab.cli
from cnnlab.cli.streams import shown, shown_name, text_alone
from cnnlab.cli.terminal import Console
from cnnlab.errors import UserError
from cnnlab.strict_json import strict_json

HOSTILE = "cat\x1b]0;owned\x07\x1b[2J\x9b1A\x08\r\x7f\u202e\u2066\u200f\u2028[red]:cat:\udcff"
STEERING = set(HOSTILE) - set("cat]0;owned[2JA1[red]:")


def test_what_steers_is_written_out_and_the_rest_stays() -> None:
    assert shown("\x1b[2J\u202e\x9b\udcff\udead") == "\\x1b[2J\\u202e\\x9b\\xff\\udead"
    assert shown("naïve 猫 שלום e\u0301 👩\u200d🔬\n\tline") == "naïve 猫 שלום e\u0301 👩\u200d🔬\n\tline"
    assert shown_name("a\nb") == "a\\nb"


def test_json_holds_no_control_character_at_all() -> None:
    text = strict_json({"name": HOSTILE})
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["name"] == HOSTILE


def test_print_click_and_rich_show_it_on_both_streams(capfd: pytest.CaptureFixture[str]) -> None:
    import click

    with text_alone():
        print(HOSTILE)
        print(HOSTILE, file=sys.stderr)
        click.echo(HOSTILE)
        Console(width=200).print(HOSTILE, markup=False)
        Console(stderr=True, force_terminal=True, width=200).print(HOSTILE, markup=False)
    out, err = capfd.readouterr()
    assert not STEERING & set(out)
    assert "[red]:cat:\\xff" in out
    assert not STEERING & set(err)


def test_rich_keeps_its_own_colours_on_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with text_alone():
        Console(force_terminal=True, color_system="standard", no_color=False).print("red", style="red")
    assert "\x1b[31m" in capfd.readouterr().out


def test_no_command_writes_past_it() -> None:
    """`rich.console` is imported by `terminal` alone, whose console shows what it prints."""
    for path in Path(cnnlab.cli.__file__).parent.glob("*.py"):
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            module = getattr(node, "module", None) or ""
            assert not (module == "rich.console" and "Console" in names), path.name
            assert "rich.console" not in names, path.name


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
def test_what_a_stream_cannot_show_is_replaced(encoding: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding=encoding) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with text_alone():
            print("28×28 猫 é ± ░ \udcff")
            Console(width=80).print("猫 ░")
    assert b"28" in (tmp_path / "out").read_bytes()


def test_hostile_classes_and_files_steer_no_command(
    cnnlab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 40, (90, 8, 8)).astype(np.uint8), np.arange(90) % 3
    classes = np.array([HOSTILE[:-1] + "\n", "[bold]dog", "eel\u202e"])
    np.savez(tmp_path / "t\x1b[2J.npz", images=images, labels=labels, classes=classes)
    Image.fromarray(images[0]).save(tmp_path / "p\x1b[2J\n.png")
    run = "r\x1b[2J"
    said = ""
    for arguments in (
        ["train", "mlp", "--data", "npz:t\x1b[2J.npz", "--epochs", "1", "--out", run],
        ["evaluate", run],
        ["evaluate", run, "--json"],
        ["predict", run, "p\x1b[2J\n.png", "--no-prepare"],
        ["look", run, "--layer", "no\x1b[2J"],
        ["explore", run, "--net", "x\x1b[2J.py:N"],
        ["train", "mlp", "--out", run],
    ):
        ran = cnnlab(*arguments)
        assert ran.code in (0, 2), ran.err
        said += ran.out + ran.err
    assert not STEERING & set(said)
    assert "[bold]dog" in said
    assert "cat\\x1b]0;owned" in said
    assert "p\\x1b[2J\\n.png: " in said


def test_an_error_is_a_line_that_can_be_read_whatever_was_got() -> None:
    text = str(UserError(f"got {'9' * 10**6}; expected less"))
    assert len(text) == 4_000
    assert text.startswith("got 999")
    assert text.endswith("999; expected less")
    assert str(UserError("x" * 4_000)) == "x" * 4_000

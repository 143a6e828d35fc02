"""A user's own file: found with its neighbours, loaded as it is now, and told apart from cnnlab's code."""

from __future__ import annotations

import hashlib
import os
import sys

import pytest

from cnnlab.errors import UserError
from cnnlab.own_code import OwnCodeError, load_module, loaded_code, own_mistake, own_mistakes, read_code


def write(folder, **files):
    for name, text in files.items():
        file = folder / f"{name.replace('__in__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_a_file_and_all_that_it_imports_from_beside_it_make_its_hashes(tmp_path):
    write(
        tmp_path,
        net="import os, torch\nfrom blocks import A\ndef late():\n    import deep.inner\n",
        blocks="from more import A\n",
        more="A = 1\n",
        deep__in__inner="",
        unrelated="",
    )
    hashes = read_code(str(tmp_path / "net.py")).hashes
    assert hashes == {
        name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        for name in ("net.py", "blocks.py", "more.py", "deep/inner.py")
    }


def test_an_edited_neighbour_is_seen_although_it_is_as_long_and_as_old(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    write(tmp_path, net="from blocks import A\n", blocks="A = 1\n")
    assert load_module(str(tmp_path / "net.py")).A == 1
    first, stat = loaded_code(str(tmp_path / "net.py")).hashes, (tmp_path / "blocks.py").stat()
    write(tmp_path, blocks="A = 2\n")
    os.utime(tmp_path / "blocks.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert loaded_code(str(tmp_path / "net.py")).hashes == first, "what was loaded, not what lies there"
    assert load_module(str(tmp_path / "net.py")).A == 2
    assert loaded_code(str(tmp_path / "net.py")).hashes != first


def test_two_folders_neighbours_of_one_name_are_two(tmp_path):
    for value in (1, 2):
        write(tmp_path / str(value), net="from blocks import A\n", blocks=f"A = {value}\n")
    assert [load_module(str(tmp_path / each / "net.py")).A for each in "121"] == [1, 2, 1]


@pytest.mark.parametrize("has_init", [True, False])
def test_a_file_in_a_package_is_loaded_as_its_module(tmp_path, has_init):
    write(tmp_path, pack__in__net="from .blocks import A\nfrom pack.more import B\n", pack__in__blocks="A = 1\n")
    write(tmp_path, pack__in__more="B = 2\n", **({"pack__in____init__": ""} if has_init else {}))
    module = load_module(str(tmp_path / "pack" / "net.py"))
    assert (module.__name__, module.A, module.B) == ("pack.net", 1, 2)


def test_a_neighbour_takes_no_name_from_an_installed_module(tmp_path):
    import statistics

    write(tmp_path, net="from statistics import mean\n", statistics="mean = 'own'\n")
    assert load_module(str(tmp_path / "net.py")).mean == "own"
    assert sys.modules["statistics"] is statistics


def test_an_import_inside_a_function_finds_its_neighbour_later(tmp_path):
    write(tmp_path, net="def late():\n    from blocks_for_later import A\n    return A\n", blocks_for_later="A = 3\n")
    assert load_module(str(tmp_path / "net.py")).late() == 3


def test_what_a_file_prints_is_no_figure(tmp_path, capsys):
    write(tmp_path, net="print('hello')\n")
    load_module(str(tmp_path / "net.py"))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\nraise ValueError('so\\nit is')\n", "net.py, line 2: ValueError: so it is"),
        ("import sys\nsys.exit('out')\n", "net.py, line 2: SystemExit: out"),
        ("a = 1\nb = (\n", "net.py, line 2: SyntaxError: "),
        ("from blocks import A\n", "blocks.py, line 1: ZeroDivisionError: division by zero"),
    ],
)
def test_what_running_a_file_raises_is_said_with_file_and_line(tmp_path, monkeypatch, text, says):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, net=text, blocks="1 / 0\n")
    with pytest.raises(OwnCodeError) as raised:
        load_module("net.py")
    assert str(raised.value).startswith(says)
    assert "\n" not in str(raised.value)


def test_only_lines_of_the_users_files_make_a_mistake_theirs(tmp_path):
    write(tmp_path, net="def call(f):\n    return f()\n")
    call = load_module(str(tmp_path / "net.py")).call
    with pytest.raises(OwnCodeError, match=r"net\.py, line 2: ValueError: 'x'|invalid literal"), own_mistakes():
        call(lambda: int("x"))
    with pytest.raises(ValueError, match="invalid literal") as bug, own_mistakes():
        int("x")
    assert own_mistake(bug.value) is None
    with pytest.raises(UserError, match=r"^plain$"), own_mistakes():
        call(lambda: (_ for _ in ()).throw(UserError("plain")))

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), own_mistakes():
        call(interrupt)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"absent\.py: no such file"):
        read_code(str(tmp_path / "absent.py"))


def test_a_file_has_a_command_line_of_its_own_and_prints_on_stderr_whenever_it_does(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["cnnlab", "train", "net.py:Net", "--json"])
    text = "import argparse, sys\nparser = argparse.ArgumentParser()\nparser.add_argument('--depth', default=2)\n"
    text += "asked = parser.parse_args()\nargv = list(sys.argv)\ndef late(file=None):\n    print('late', file=file)\n"
    write(tmp_path, net=text, strict=text.replace("'--depth', default=2", "'depth'"))
    module = load_module(str(tmp_path / "net.py"))
    assert (module.asked.depth, module.argv) == (2, [str(tmp_path / "net.py")])
    assert sys.argv == ["cnnlab", "train", "net.py:Net", "--json"]
    module.late()
    module.late(sys.stdout)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("late\n", "late\n")
    with pytest.raises(OwnCodeError, match=r"strict\.py, line 4: SystemExit: 2"):
        load_module(str(tmp_path / "strict.py"))
    assert sys.argv[0] == "cnnlab"

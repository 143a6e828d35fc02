"""A run that went to another machine and came back."""

from __future__ import annotations

import pytest
from tests.new_runs import make_run

from cnnlab import load
from cnnlab.errors import UserError
from cnnlab.runs import Run, execute, open_run
from cnnlab.runs.carry import pack_run, unpack_run
from cnnlab.runs.folder import create_run
from cnnlab.runs.make import reopen_run


@pytest.fixture(scope="module")
def images():
    return load("mnist-5k@100")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, images):
    run, net = make_run(tmp_path_factory.mktemp("runs") / "one", images, net="mlp", epochs=2, recipe_name="lesson")
    execute(run, net, images)
    return run


def test_a_run_comes_back_as_it_was(tmp_path, finished):
    copy = create_run(tmp_path / "two", finished.config)
    unpack_run(copy, pack_run(finished))
    assert {file.name for file in copy.path.iterdir()} == {file.name for file in finished.path.iterdir()}
    for file in finished.path.iterdir():
        if file.name != "result.json":
            assert (copy.path / file.name).read_bytes() == file.read_bytes(), file.name
    assert copy.result() == finished.result().model_copy(update={"run": str(copy.path)})


@pytest.mark.parametrize("written", range(7))
def test_a_kill_between_two_files_leaves_a_run_that_comes_to_the_same(tmp_path, finished, images, written, monkeypatch):
    copy = create_run(tmp_path / "two", finished.config)
    left = iter(range(written))
    write = Run.write

    def write_until_the_kill(run, name, content):
        if name != "result.json" and next(left, None) is None:
            raise UserError("killed")
        return write(run, name, content)

    monkeypatch.setattr(Run, "write", write_until_the_kill)
    if written < 6:
        with pytest.raises(UserError, match="killed"):
            unpack_run(copy, pack_run(finished))
        assert not copy.is_finished
    else:
        unpack_run(copy, pack_run(finished))
    monkeypatch.undo()
    run, net = reopen_run(copy.path, images)
    result = execute(run, net, images)
    assert (result.validation, result.test) == (finished.result().validation, finished.result().test)
    for name, weight in finished.weights().items():
        assert weight.equal(open_run(copy.path).weights()[name]), name

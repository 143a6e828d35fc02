"""A run's records are read as if a stranger had written them: a result, or one line that names what is at fault."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from tests.new_runs import make_run

from cnnlab.data import load
from cnnlab.errors import Stopped, UserError
from cnnlab.runs import execute, open_run
from cnnlab.runs.checkpoints import read_checkpoints
from cnnlab.runs.folder import Run
from cnnlab.runs.make import reopen_run

#: Contents that are no record at all.
NO_RECORD = {
    "empty": b"",
    "not UTF-8": b"\xff\xfe\x00",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a list": b"[]",
    "a number": b"3\n",
    "null": b"null",
    "nothing in it": b"{}",
    "half": b'{"a": ',
    "two": b"{}\n{}",
    "deep": b'{"a": ' * 100_000,
    "deep lists": b"[" * 100_000,
    "a number of a million digits": b'{"a": ' + b"1" * 1_000_000 + b"}",
    "a key twice": b'{"a": 1, "a": 2}',
    "half a character": b'{"\\ud800": 1}',
    "zeros": bytes(1000),
}
#: Values that stand in the place of each of a record's.
NO_VALUE = (None, True, -1, 10**30, "3", {}, [[]])

SMALL: dict[str, Any] = {"net": "conv-net", "net_options": {"widths": (2,), "hidden": 4}, "epochs": 3}
RECORDS = ("config.json", "environment.json", "result.json", "evaluation.json", "metrics.jsonl")


@pytest.fixture(scope="module")
def data():
    return load("mnist-5k@200")


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory) -> Run:
    run, net = make_run(tmp_path_factory.mktemp("runs") / "finished", data, **SMALL)
    execute(run, net, data, keeps_checkpoints=True)
    return run


@pytest.fixture(scope="module")
def stopped(data, tmp_path_factory) -> Run:
    """A run that stands within its second epoch."""
    run, net = make_run(tmp_path_factory.mktemp("runs") / "stopped", data, **SMALL)
    steps = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cnnlab.training.loop.STEP_INTERVAL_S", 0.0)
        with pytest.raises(Stopped):
            execute(
                run, net, data, on_step=steps.append, should_stop=lambda: bool(run.epochs()) and steps[-1].epoch == 2
            )
    assert len(run.epochs()) == 1
    return run


@pytest.fixture
def copied(tmp_path) -> Callable[[Run], Path]:
    """`copied(run)`: a copy of its folder, to be spoilt."""
    return lambda run: Path(shutil.copytree(run.path, tmp_path / "copy"))


def read_all(path: Path, name: str) -> None:
    """Read what a file of a run says, as commands do."""
    run = open_run(path)
    {
        "config.json": run.load_net,
        "environment.json": run.environment,
        "result.json": run.result,
        "evaluation.json": run.evaluations,
        "metrics.jsonl": run.epochs,
        "weights.safetensors": run.load_net,
        "checkpoints": lambda: read_checkpoints(run),
    }[name]()


def refused(read: Callable[[], object], what: str) -> None:
    """Assert that reading raises one line of the user's words, and nothing else."""
    with pytest.raises(UserError) as told:
        read()
    assert what in str(told.value)
    assert len(str(told.value)) < 1000
    str(told.value).encode()


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("content", NO_RECORD.values(), ids=NO_RECORD)
def test_what_is_no_record_is_refused_with_the_name_of_its_file(finished, copied, name, content):
    path = copied(finished)
    (path / name).write_bytes(content + b"\n")
    refused(lambda: read_all(path, name), name)


@pytest.mark.parametrize("name", RECORDS)
def test_no_value_of_any_kind_ends_in_anything_but_a_record_or_one_line(finished, copied, name):
    """Every value of a record is exchanged for each of NO_VALUE and left out; what is accepted can be read again."""
    path = copied(finished)
    first, *rest = (path / name).read_text().splitlines() if name == "metrics.jsonl" else [(path / name).read_text()]
    whole = json.loads(first)
    for spoilt in _spoilt(whole, whole["test"] if name == "evaluation.json" else whole):
        (path / name).write_text("\n".join([json.dumps(spoilt), *rest, ""]))
        with suppress(UserError):
            read_all(path, name)


def _spoilt(record: dict[str, Any], part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The record with one value of a part of it exchanged, or left out, at a time."""
    for place in list(_places(part)):
        *way, key = place
        inside: Any = part
        for each in way:
            inside = inside[each]
        was = inside[key]
        for value in NO_VALUE:
            inside[key] = value
            yield record
        if isinstance(inside, dict):
            del inside[key]
            yield record
        inside[key] = was


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    inner = value.items() if isinstance(value, dict) else list(enumerate(value))[:1] if isinstance(value, list) else ()
    for key, one in inner:
        yield from _places(one, (*at, key))


def test_figures_that_contradict_each_other_are_refused(finished, copied):
    path = copied(finished)
    whole = json.loads((path / "evaluation.json").read_text())
    changes: dict[str, Callable[[dict[str, Any]], object]] = {
        "images": lambda test: test.update(images=1),
        "a matrix of fewer classes": lambda test: test["confusion"].pop(),
        "a ragged matrix": lambda test: test["confusion"][0].pop(),
        "a count that is not there": lambda test: test["confusion"][0].__setitem__(0, 10**6),
        "accuracy": lambda test: test.update(accuracy=0.9999),
        "interval": lambda test: test.update(accuracy_interval=[1, 0]),
        "class": lambda test: test["per_class"][0].update(name="another"),
        "recall": lambda test: test["per_class"][0].update(recall=0.123),
        "bin": lambda test: test["calibration"].pop(),
        "an image beyond the split": lambda test: test["mistakes"][0].update(index=10**6),
        "an image twice": lambda test: test["mistakes"][1].update(index=test["mistakes"][0]["index"]),
        "a class beyond them": lambda test: test["mistakes"][0].update(predicted=10),
        "a right mistake": lambda test: test["mistakes"][0].update(label=test["mistakes"][0]["predicted"]),
        "order": lambda test: test["mistakes"].reverse(),
        "one mistake less": lambda test: test["mistakes"].pop(),
        "only one split": lambda test: test.clear(),
    }
    for change in changes.values():
        spoilt = json.loads(json.dumps(whole))
        change(spoilt["test"])
        (path / "evaluation.json").write_text(json.dumps(spoilt))
        refused(open_run(path).evaluations, "evaluation.json")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda config: config["net"]["options"].update(hidden=10**9), "parameters on images of 1×28×28"),
        (lambda config: config["net"]["options"].update(widths=[10**6] * 1000), "parameters on images of 1×28×28"),
        (lambda config: config["net"]["options"].update(kernel_size=10**30), "building the net failed"),
        (lambda config: config["net"]["options"].update(hidden=1_000_000), "parameters on images of 1×28×28"),
        (lambda config: config["net"]["options"].update(convs_per_block=100_000), "100,000 layers"),
        (lambda config: config["net"]["options"].update(hidden=5), "its weights do not fit conv-net"),
        (lambda config: config["data"].update(image_shape=[1, 10**9, 10**9]), "image_shape"),
        (lambda config: config["data"].update(image_shape=[0, 28, 28]), "image_shape"),
        (lambda config: config["data"].update(classes=[]), "classes"),
        (lambda config: config["data"].update(classes=["a"] * 1000), "its weights do not fit conv-net"),
        (lambda config: config["data"].update(std=[0.0]), "std"),
        (lambda config: config["data"].update(std=[0.3, 0.3]), "one a channel"),
        (lambda config: config["data"].update(preparation="magic"), "preparation"),
        (lambda config: config["data"].update(images={"train": 1}), "images"),
        (lambda config: config.update(seed=2**63), "seed"),
    ],
)
def test_a_config_that_asks_for_the_impossible_takes_no_memory(finished, copied, change, says):
    path = copied(finished)
    config = json.loads((path / "config.json").read_text())
    change(config)
    (path / "config.json").write_text(json.dumps(config))
    refused(lambda: open_run(path).load_net(), says)


def test_a_config_that_counts_other_images_than_there_are_is_refused_with_them(finished, copied, data):
    path = copied(finished)
    config = json.loads((path / "config.json").read_text())
    config["data"]["images"]["test"] = 10**9
    (path / "config.json").write_text(json.dumps(config))
    refused(lambda: reopen_run(path, data), "config.json")


def test_a_line_of_a_newer_version_is_read_and_kept_byte_for_byte(stopped, copied, data):
    path = copied(stopped)
    metrics = path / "metrics.jsonl"
    newer = metrics.read_bytes().replace(b"{", b'{"gradient_norm" :  1.0, ', 1)
    metrics.write_bytes(newer)
    run, net = reopen_run(path, data)
    execute(run, net, data)
    assert [epoch.epoch for epoch in run.epochs()] == [1, 2, 3]
    assert metrics.read_bytes().startswith(newer)


def test_only_a_torn_last_line_is_cut(finished, stopped, copied, data):
    path = copied(stopped)
    metrics = path / "metrics.jsonl"
    first = metrics.read_bytes()
    metrics.write_bytes(first + b'{"epoch": 2, "ste')
    run, net = reopen_run(path, data)
    assert len(run.epochs()) == 1
    execute(run, net, data)
    lines = finished.path.joinpath("metrics.jsonl").read_bytes().splitlines(keepends=True)
    for whole, line in (
        (b'{"epoch": 2, "ste\n', 1),  # an end of its own: no kill leaves that
        (lines[0] + b"\xff\n" + lines[2], 2),
        (lines[0] + b"\n" + lines[1], 2),
        (lines[1] + lines[0], 1),
        (lines[0] + lines[0], 2),
        (lines[0] + lines[2], 2),
    ):
        path = stopped.path.with_name("broken")
        shutil.copytree(stopped.path, path, dirs_exist_ok=True)
        (path / "metrics.jsonl").write_bytes(whole)
        run, net = reopen_run(path, data)
        refused(lambda run=run, net=net: execute(run, net, data), f"line {line}")
        assert (path / "metrics.jsonl").read_bytes() == whole, "nothing is erased"


def tensor_files(path: Path) -> Iterator[tuple[str, bytes]]:
    """A safetensors file of the same names, spoilt in each of many ways."""
    whole = path.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    header, body = json.loads(whole[8 : 8 + size]), whole[8 + size :]
    metadata = header.get("__metadata__")
    names = [name for name in header if name != "__metadata__"]

    def packed(changed: dict[str, Any]) -> bytes:
        text = json.dumps(header | changed).encode()
        return len(text).to_bytes(8, "little") + text + body

    yield from ((name, content) for name, content in NO_RECORD.items())
    yield from ((f"cut to {length}", whole[:length]) for length in (7, 8, 20, len(whole) // 2, len(whole) - 1))
    yield from (
        (f"header of {length}", length.to_bytes(8, "little") + whole[8:]) for length in (2**60, 2**64 - 1, 10**8)
    )
    yield "overlapping", packed({"more": header[names[0]]})
    for name in (names[0], names[-1]):
        for shape in ([0], [2**40], [-1], "x", [*header[name]["shape"], 1, 1]):
            yield f"{name} of {shape}", packed({name: header[name] | {"shape": shape}})
        for offsets in ([0, 0], [0, 2**60], [-1, 4], [4, 0], "x"):
            yield f"{name} at {offsets}", packed({name: header[name] | {"data_offsets": offsets}})
        yield f"{name} of an unknown type", packed({name: header[name] | {"dtype": "X9"}})
        tensors = safetensors.torch.load(whole)
        for what, other in (("no numbers", torch.zeros(0)), ("other type", torch.zeros(tensors[name].shape).char())):
            yield f"{name} of {what}", safetensors.torch.save(tensors | {name: other}, metadata=metadata)
        rest = {other: value for other, value in tensors.items() if other != name}
        yield f"no {name}", safetensors.torch.save(rest, metadata=metadata)
    yield "one more", safetensors.torch.save(tensors | {"net.more": torch.zeros(1)}, metadata=metadata)


def test_weights_that_are_not_the_nets_are_refused(finished, copied):
    path = copied(finished)
    for _, content in tensor_files(finished.path / "weights.safetensors"):
        (path / "weights.safetensors").write_bytes(content)
        refused(lambda: read_all(path, "weights.safetensors"), "weights.safetensors")
    nan = {name: value * float("nan") for name, value in finished.weights().items()}
    (path / "weights.safetensors").write_bytes(safetensors.torch.save(nan))
    refused(lambda: read_all(path, "weights.safetensors"), "weights.safetensors")


def test_moments_that_are_not_the_nets_are_refused(finished, copied):
    path = copied(finished)
    moment = sorted((path / "checkpoints").iterdir())[-1]
    for _, content in tensor_files(finished.path / "checkpoints" / moment.name):
        moment.write_bytes(content)
        refused(lambda: read_all(path, "checkpoints"), moment.name)
    tensors, record = safetensors.torch.load((finished.path / "checkpoints" / moment.name).read_bytes()), {}
    for record in (None, {}, {"step": 5}, {"step": 9, "total_steps": 3, "steps_per_epoch": 0}, {"step": "1"}):
        moment.write_bytes(safetensors.torch.save(tensors, metadata={"record": json.dumps(record)}))
        refused(lambda: read_all(path, "checkpoints"), moment.name)


def test_a_state_that_is_not_the_nets_or_its_optimizers_is_refused_and_nothing_is_written(stopped, copied, data):
    path = copied(stopped)
    state = path / "resume.safetensors"
    before = {file.name: file.read_bytes() for file in stopped.path.iterdir() if file.is_file()}
    run, net = reopen_run(path, data)
    for _, content in tensor_files(stopped.path / state.name):
        state.write_bytes(content)
        refused(lambda: execute(run, net, data), state.name)
    tensors, record = stopped.read_state()
    position = record["position"]
    for changed in (
        {},
        {"position": None},
        {"position": {}},
        {"position": position | {"epoch": 7}},
        {"position": position | {"epoch": -1}},
        {"position": position | {"step": 10**6}},
        {"position": position | {"seen": 0}},
        {"position": position | {"correct": 10**9}},
        {"position": position | {"best_epoch": 9}},
        {"position": position | {"best_accuracy": 0.999}},
        {"position": position | {"loss_sum": float("nan")}},
        {"position": position | {"train_time_s": "long"}},
        {"position": position | {"more": 1}},
    ):
        state.write_bytes(safetensors.torch.save(tensors, metadata={"record": json.dumps(changed)}))
        refused(lambda: execute(run, net, data), "")
    for name in ("random.dropout", "random.augment"):
        for other in (torch.zeros(3, dtype=torch.uint8), torch.zeros(5056), torch.zeros(0)):
            state.write_bytes(safetensors.torch.save(tensors | {name: other}, metadata={"record": json.dumps(record)}))
            refused(lambda: execute(run, net, data), state.name)
    after = {file.name: file.read_bytes() for file in path.iterdir() if file.is_file() and file.name != state.name}
    assert after == {name: content for name, content in before.items() if name != state.name}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("name", [*RECORDS, "weights.safetensors"])
def test_what_is_no_file_is_refused_at_once(finished, copied, name):
    path = copied(finished)
    makes: list[Callable[[Path], object]] = [
        os.mkfifo,
        Path.mkdir,
        lambda place: place.symlink_to("/dev/zero"),
        lambda place: place.symlink_to(place.name),
    ]
    for make in makes:
        shutil.rmtree(path)
        shutil.copytree(finished.path, path)
        (path / name).unlink()
        make(path / name)
        if name == "result.json" and not os.path.exists(path / name):
            continue  # a link to nothing: a run that is not finished
        refused(lambda: read_all(path, name), name)


def test_a_file_longer_than_its_kind_may_be_is_refused_unread(finished, copied):
    path = copied(finished)
    for name in (*RECORDS, "weights.safetensors"):
        with (path / name).open("r+b") as file:
            whole = file.read()
            file.truncate(10**12)
        refused(lambda name=name: read_all(path, name), "expected at most")
        (path / name).write_bytes(whole)


def test_who_does_not_need_a_record_does_not_fail_for_it(cnnlab, finished, copied):
    path = copied(finished)
    for name in ("environment.json", "result.json", "evaluation.json", "metrics.jsonl", "resume.safetensors"):
        (path / name).write_bytes(b"\xff")
    assert cnnlab("evaluate", path, "--json").code == 0
    told = cnnlab("look", path)
    assert (told.code, len(told.err.splitlines())) == (2, 1)
    assert "result.json" in told.err


def test_a_key_of_a_newer_version_is_refused_and_said_to_be_one(finished, copied):
    path = copied(finished)
    for name in ("config.json", "environment.json", "result.json"):
        whole = (path / name).read_text()
        (path / name).write_text(whole.replace("{", '{"newer": 1, ', 1))
        refused(lambda name=name: read_all(path, name), "unknown key newer")
        refused(lambda name=name: read_all(path, name), "if a newer cnnlab wrote it, read it with that")
        (path / name).write_text(whole)

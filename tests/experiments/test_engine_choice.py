"""An engine by its name, and what is said where it cannot be had."""

from __future__ import annotations

import socket
import sys

import pytest

from cnnlab.errors import UserError
from cnnlab.experiments.engines import InProcess, Processes
from cnnlab.experiments.engines.choice import choose_engine


def test_engines_by_their_names():
    assert isinstance(choose_engine("here", say=print), InProcess)
    assert isinstance(choose_engine("process", say=print), Processes)


def test_an_address_belongs_to_ray():
    with pytest.raises(UserError, match="expected it only with --engine ray"):
        choose_engine("process", ray_address="127.0.0.1:6379", say=print)


def test_without_ray_it_is_said_how_to_add_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in ("ray_cluster", "ray_node"):
        monkeypatch.delitem(sys.modules, f"cnnlab.experiments.engines.{name}", raising=False)
    with pytest.raises(UserError, match=r"pip install 'cnnlab\[cluster\]'"):
        choose_engine("ray", say=print)


def test_an_address_where_nobody_answers_is_said_at_once():
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'cnnlab[cluster]'")
    with socket.socket() as taken:  # bound and not listening: refused, and nobody else can take the port
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UserError, match=r"nobody answers at 127\.0\.0\.1"):
            choose_engine("ray", ray_address=f"127.0.0.1:{taken.getsockname()[1]}", say=print)


@pytest.mark.parametrize("address", ["6379", "somewhere", ":6379", "ray://10.0.0.1:port"])
def test_an_address_is_a_host_and_a_port(address):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'cnnlab[cluster]'")
    with pytest.raises(UserError, match="expected HOST:PORT"):
        choose_engine("ray", ray_address=address, say=print)

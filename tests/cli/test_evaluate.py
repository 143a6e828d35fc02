"""`cnnlab evaluate` of a net whose code is the user's own."""

from __future__ import annotations

NET = """
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(784, 10)
    def forward(self, x):
        return self.dense({x}.flatten(1))
"""


def test_an_edited_net_of_a_finished_run_is_named_before_its_figures(cnnlab, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine.py"
    mine.write_text(NET.format(x="x"))
    made = cnnlab("train", "mine.py:Net", "--data", "mnist-5k@60", "--epochs", 1, "--out", "run")
    assert made.code == 0, made.err
    ask = ("evaluate", "run", "--net", "mine.py:Net", "--json")
    before = cnnlab(*ask)
    assert "edited" not in before.err
    mine.write_text(NET.format(x="(-x)"))
    after = cnnlab(*ask)
    assert "warning: mine.py was edited since run was trained" in " ".join(after.err.split())
    assert after.json["loss"] != before.json["loss"], "the edited net was measured"
    mine.write_text(NET.format(x="x"))
    back = cnnlab(*ask)
    assert "edited" not in back.err
    assert back.json == before.json

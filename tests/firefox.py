"""Debian's Firefox, driven by WebDriver BiDi (https://w3c.github.io/webdriver-bidi): playwright needs its own build."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "ArrowRight": "\ue014"}
#: Seconds to wait for Firefox, for an answer of its own and for a page: a busy machine needs many.
PATIENCE_S = 120.0
WINDOW = {"width": 1366, "height": 768}

Point = tuple[float, float]


@contextmanager
def started(program: str, folder: Path) -> Iterator[Firefox]:
    """Firefox with an empty profile in `folder`, as long as the context lasts."""
    command = [program, "--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port=0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = _address(process, folder / "WebDriverBiDiServer.json")
        with connect(address, max_size=None, proxy=None, open_timeout=PATIENCE_S) as socket:
            yield Firefox(socket)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _address(process: subprocess.Popen[bytes], written: Path) -> str:
    """Where Firefox listens: it writes this file once it does."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        if written.exists() and (text := written.read_text()):
            server = json.loads(text)
            return f"ws://{server['ws_host']}:{server['ws_port']}/session"
        time.sleep(0.1)
    raise TimeoutError(f"Firefox does not listen after {PATIENCE_S:.0f} s (exit code {process.poll()})")


class Firefox:
    """A running Firefox."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._sent = socket, 0
        #: What pages wrote to the console, and their errors, by tab.
        self._said: dict[str, list[str]] = {}
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["log.entryAdded"])

    def send(self, method: str, **parameters: Any) -> Any:
        """Send a command and wait for its result."""
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if message.get("method") == "log.entryAdded":
                entry = message["params"]
                self._said.setdefault(entry["source"]["context"], []).append(entry["text"])
            if message.get("id") == self._sent:
                assert message["type"] == "success", f"{method}: {message}"
                return message["result"]

    @contextmanager
    def opened(self, path: Path, fragment: str = "") -> Iterator[Tab]:
        """The page in a tab of its own; at its end, that it said nothing."""
        tab = Tab(self, self.send("browsingContext.create", type="tab")["context"])
        self.send("browsingContext.setViewport", context=tab.name, viewport=WINDOW)
        self.send("browsingContext.navigate", context=tab.name, url=f"{path.as_uri()}#{fragment}", wait="complete")
        yield tab
        self.send("browsingContext.close", context=tab.name)
        said = self._said.get(tab.name, [])
        assert not said, said


class Tab:
    """A page in Firefox; what it shares with playwright's is called as there."""

    def __init__(self, firefox: Firefox, name: str) -> None:
        self._firefox, self.name = firefox, name

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """What an expression comes to, or a function of the argument: anything that JSON can hold."""
        result = self._firefox.send(
            "script.evaluate",
            expression=f"""(async () => {{
              const it = {script.strip()};
              return JSON.stringify(await (typeof it === "function" ? it({json.dumps(argument)}) : it)) ?? "null";
            }})()""",
            target={"context": self.name},
            awaitPromise=True,
        )
        assert result["type"] == "success", result
        return json.loads(result["result"]["value"])

    def wait_for(self, expression: str) -> None:
        """Wait until it is so."""
        until = time.monotonic() + PATIENCE_S
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < until, f"waited {PATIENCE_S:.0f} s for {expression}"
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        return self.evaluate("css => document.querySelector(css).innerText", selector)

    def point(self, selector: str, across: float = 0.5, down: float = 0.5) -> Point:
        """Where in the window a place of an element lies, from 0, 0 to 1, 1, after scrolling there."""
        left, top, width, height = self.evaluate(
            """css => {
              const element = document.querySelector(css);
              element.scrollIntoView({ block: "center", behavior: "instant" });
              const { left, top, width, height } = element.getBoundingClientRect();
              return [left, top, width, height];
            }""",
            selector,
        )
        return left + across * width, top + down * height

    def mouse(self, *way: Point) -> None:
        """Press at the first point, move over the others, let go at the last."""
        moves = [{"type": "pointerMove", "x": round(x), "y": round(y), "duration": 10} for x, y in way]
        press, release = ({"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp"))
        self._act("pointer", [moves[0], press, *moves[1:], release])

    def press(self, key: str) -> None:
        """One of `KEYS`, or a letter."""
        value = KEYS.get(key, key)
        self._act("key", [{"type": kind, "value": value} for kind in ("keyDown", "keyUp")])

    def _act(self, kind: str, actions: list[dict[str, Any]]) -> None:
        source = {"type": kind, "id": kind, "actions": actions}
        self._firefox.send("input.performActions", context=self.name, actions=[source])

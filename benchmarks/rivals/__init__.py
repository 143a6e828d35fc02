"""ConvNetJS and jax-js, fetched by npm, each in a page of its own that trains the lesson's nets."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from shutil import copy, copytree
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from cnnlab.data.imageset import ImageSet

PACKAGES = ("convnetjs", "@jax-js/jax")


class _Served(SimpleHTTPRequestHandler):
    """A folder's files, isolated: jax-js computes in several threads only where memory may be shared."""

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def rivals(data: ImageSet) -> Generator[tuple[str, dict[str, str]]]:
    """The address of a site with `convnetjs.html` and `jax_js.html`, and the packages' versions.

    data: whose training images they train on.
    """
    with TemporaryDirectory() as folder:
        site = Path(folder)
        command = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", *PACKAGES]
        subprocess.run(command, check=True, capture_output=True)
        modules = site / "node_modules"
        copy(modules / "convnetjs" / "build" / "convnet.js", site)
        copytree(modules / "@jax-js" / "jax" / "dist", site / "jax-js")
        for name in ("convnetjs.html", "jax_js.html"):
            (site / name).write_text(files(__name__).joinpath(name).read_text(encoding="utf-8"))
        (site / "images").write_bytes(data.train.images.contiguous().numpy().tobytes())
        (site / "labels").write_bytes(data.train.labels.numpy().astype(np.uint8).tobytes())
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Served, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = {name: json.loads((modules / name / "package.json").read_text())["version"] for name in PACKAGES}
        yield f"http://127.0.0.1:{server.server_port}", found
        server.shutdown()

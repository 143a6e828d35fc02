"""ES modules as one script in a page, and the hash by which the page's policy allows it."""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Container
from hashlib import sha256
from importlib.resources.abc import Traversable

_IMPORT = r'^import (\{[^}]*\}) from "(\.{1,2}/[\w./]+)";$'


def one_script(folder: Traversable, entry: str) -> str:
    """A module of a folder and all that it imports, each as a function that gives back its exports, called once.

    Scripts in a page cannot import one another, so `import { a } from "./b.js"` becomes `const { a } = b_js`, and
    `"../../explorer/web/net.js"` becomes `explorer_web_net_js`. They may await, as modules may at their top. Raises
    ValueError for an import of another form and for modules that import one another in a circle.
    """
    variables: dict[str, str] = {}
    scripts: list[str] = []

    def add(path: str, importers: tuple[str, ...] = ()) -> str:
        if path in importers:
            raise ValueError(f"{' → '.join((*importers, path))}: modules that import one another in a circle")
        if path not in variables:
            text = read(folder, path)
            needed = {
                given: add(posixpath.normpath(posixpath.join(posixpath.dirname(path), given)), (*importers, path))
                for _, given in re.findall(_IMPORT, text, re.MULTILINE)
            }
            variables[path] = _variable(path, variables.values())
            scripts.append(_scoped(path, variables[path], text, needed))
        return variables[path]

    add(entry)
    return "".join(scripts)


def worker_script(folder: Traversable, entry: str) -> str:
    """The same as the text of a classic worker, which a page may start from a Blob.

    Messages wait for the modules as long as these await nothing that takes time at their top. What they raise there is
    raised again outside of the promise, so that the page's Worker hears of it as an `error`.
    """
    raised = "(error) => setTimeout(() => { throw error; })"
    return f"(async () => {{\n{one_script(folder, entry)}\n}})().catch({raised});\n"


def read(folder: Traversable, name: str) -> str:
    """The text of a file that the package holds."""
    return folder.joinpath(name).read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """How a content security policy names a script or style: `sha256-…`."""
    return "sha256-" + base64.b64encode(sha256(text.encode()).digest()).decode()


def _scoped(path: str, variable: str, text: str, needed: dict[str, str]) -> str:
    text = re.sub(
        _IMPORT,
        lambda found: f"const {found[1].replace(' as ', ': ')} = {needed[found[2]]};",
        text,
        flags=re.MULTILINE,
    )
    left = re.search(r"^import\b.*", text, re.MULTILINE)
    if left is not None:
        raise ValueError(f'{path}: got {left[0]}; expected import {{ names }} from "./file.js";')
    exports = re.findall(r"^export (?:const|class|(?:async )?function\*?) (\w+)", text, re.MULTILINE)
    text = re.sub(r"^export ", "", text, flags=re.MULTILINE)
    return f"\nconst {variable} = await (async () => {{\n{text}\nreturn {{ {', '.join(exports)} }};\n}})();\n"


def _variable(path: str, taken: Container[str]) -> str:
    name = re.sub(r"\W", "_", path.lstrip("./"))
    while name in taken:
        name += "_"
    return name

"""ES modules as one script in a page, and the hash by which the page's policy allows it."""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from importlib.resources.abc import Traversable

_IMPORT = r'^import (\{[^}]*\}) from "\./([\w.]+)";$'


def one_script(folder: Traversable, entry: str) -> str:
    """A module of a folder and all that it imports, each as a function that gives back its exports, called once.

    Scripts in a page cannot import one another, so `import { a } from "./b.js"` becomes `const { a } = b_js`. They may
    await, as modules may at their top.
    """
    order: list[str] = []

    def add(name: str) -> None:
        for _, needed in re.findall(_IMPORT, read(folder, name), re.MULTILINE):
            add(needed)
        if name not in order:
            order.append(name)

    add(entry)
    return "".join(_scoped(name, read(folder, name)) for name in order)


def read(folder: Traversable, name: str) -> str:
    """The text of a file that the package holds."""
    return folder.joinpath(name).read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """How a content security policy names a script or style: `sha256-…`."""
    return "sha256-" + base64.b64encode(sha256(text.encode()).digest()).decode()


def _scoped(name: str, text: str) -> str:
    text = re.sub(_IMPORT, lambda found: f"const {found[1]} = {_variable(found[2])};", text, flags=re.MULTILINE)
    exports = re.findall(r"^export (?:const|class|(?:async )?function) (\w+)", text, re.MULTILINE)
    text = re.sub(r"^export ", "", text, flags=re.MULTILINE)
    return f"\nconst {_variable(name)} = await (async () => {{\n{text}\nreturn {{ {', '.join(exports)} }};\n}})();\n"


def _variable(name: str) -> str:
    return name.replace(".", "_")

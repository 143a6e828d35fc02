"""Modules of `lesson_web/` as one script for a page, and the hash by which the page's policy allows it."""

from __future__ import annotations

import base64
import json
import re
from hashlib import sha256
from importlib.resources import files
from typing import Any

from markupsafe import Markup

_IMPORT = r'^import (\{[^}]*\}) from "\./([\w.]+)";$'


def script(entry: str) -> Markup:
    """A module and all that it imports, each as a function that gives back its exports, called once.

    Scripts in a page cannot import one another, so `import { a } from "./b.js"` becomes `const { a } = b_js`.
    """
    order: list[str] = []

    def add(name: str) -> None:
        for _, needed in re.findall(_IMPORT, _file(name), re.MULTILINE):
            add(needed)
        if name not in order:
            order.append(name)

    add(entry)
    return Markup("".join(map(_scoped, order)))


def hash_of(text: str) -> str:
    """As a policy names it: `sha256-…`."""
    return "sha256-" + base64.b64encode(sha256(text.encode()).digest()).decode()


def as_json(record: Any) -> Markup:
    """A record for a `<script type="application/json">`: nothing in it can end the script."""
    return Markup(json.dumps(record, ensure_ascii=False).replace("<", "\\u003c"))


def _scoped(name: str) -> str:
    text = re.sub(_IMPORT, lambda found: f"const {found[1]} = {_variable(found[2])};", _file(name), flags=re.MULTILINE)
    exports = re.findall(r"^export (?:const|function|class) (\w+)", text, re.MULTILINE)
    text = re.sub(r"^export ", "", text, flags=re.MULTILINE)
    return f"\nconst {_variable(name)} = (() => {{\n{text}\nreturn {{ {', '.join(exports)} }};\n}})();\n"


def _variable(name: str) -> str:
    return name.replace(".", "_")


def _file(name: str) -> str:
    return files("cnnlab.report").joinpath("lesson_web", name).read_text(encoding="utf-8")

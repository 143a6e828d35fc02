"""Modules of the lesson's pages in Node, without a browser."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.node import node

from cnnlab.one_script import one_script

WEB = Path(__file__).parents[2] / "src" / "cnnlab" / "report" / "lesson" / "web"


def in_script(entry: str, body: str, given: Any = None) -> Any:
    """What the body of a function of `given` gives back; `answers_js` has the exports of the entry `answers.js`."""
    name = entry.replace(".", "_")
    script = one_script(WEB, entry).replace(f"const {name} = await", f"globalThis.{name} = await")
    script += f"\nconst found = await (async (given) => {{\n{body}\n}})({json.dumps(given)});\n"
    script += "process.stdout.write(JSON.stringify(found));"
    done = subprocess.run([node(), "--input-type=module"], input=script.encode(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()[-1000:]
    return json.loads(done.stdout)

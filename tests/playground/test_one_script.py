"""Modules of several folders as one script: run by Node where there is one, read otherwise."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.node import node

from cnnlab.one_script import one_script, worker_script

FILES = {
    "playground/web/app.js": """import { twice } from "./double.js";
import { twice as doubled, counted } from "../../explorer/web/double.js";
import { half } from "./parts/half.js";
globalThis.said = [twice(3), doubled(3), half(3), counted()];
""",
    "playground/web/double.js": """import { counted } from "../../explorer/web/double.js";
export function twice(x) { counted(); return 2 * x; }
""",
    "playground/web/parts/half.js": 'import { twice } from "../double.js";\n'
    "export const half = (x) => x * x / twice(x);\n",
    "explorer/web/double.js": "let calls = 0;\nexport const twice = (x) => `${x}${x}`;\n"
    "export function counted() { return (calls += 1); }\n",
}


@pytest.fixture
def web(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "playground" / "web"


def run(script: str) -> str:
    done = subprocess.run([node(), "--input-type=module", "-e", script], capture_output=True, text=True, timeout=30)
    return done.stdout.strip() + done.stderr.strip()


def test_a_module_of_another_folder_is_another_module_and_each_is_run_once(web):
    assert run(one_script(web, "app.js") + "console.log(JSON.stringify(said))") == '[6,"33",1.5,3]'


def test_a_worker_s_script_is_no_module_and_raises_its_errors_where_they_are_heard(web):
    (web / "app.js").write_text('throw new Error("no such net");\n')
    heard = "process.on('uncaughtException', (error) => console.log('heard', error.message));\n"
    assert run(heard + f"new Function({worker_script(web, 'app.js')!r})()") == "heard no such net"


@pytest.mark.parametrize(
    "line",
    ['import x from "./double.js";', 'import { twice } from "double.js";', 'import "./double.js";', "import {"],
)
def test_an_import_that_is_not_understood_is_refused_by_name(web, line):
    (web / "app.js").write_text(line + "\n")
    with pytest.raises(ValueError, match=r"app\.js: got import"):
        one_script(web, "app.js")


def test_modules_in_a_circle_are_refused(web):
    (web / "double.js").write_text('import { half } from "./parts/half.js";\nexport const twice = half;\n')
    with pytest.raises(ValueError, match="circle"):
        one_script(web, "app.js")

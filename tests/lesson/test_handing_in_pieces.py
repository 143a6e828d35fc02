"""The hand-in's frame, whose sum is taken in pieces: no letter is cut where one ends."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from tests.node import node

from cnnlab.one_script import one_script

WEB = Path(__file__).parents[2] / "src" / "cnnlab" / "report" / "lesson" / "web"


@pytest.mark.parametrize("before", range(4))
def test_letters_of_two_halves_stay_whole_at_the_end_of_a_piece(before: int) -> None:
    content = {"a": "x" * before + "\U0001f600é\u2028<" * 500_000 + "\ud800"}
    script = (
        one_script(WEB, "handing_in.js").replace("const handing_in_js = await", "globalThis.handing_in_js = await")
        + f"const a = {json.dumps('x' * before)} + '\\u{{1f600}}é\\u2028<'.repeat(500_000) + '\\ud800';\n"
        + "const blob = new Blob(await handing_in_js.framed({ a }, 'key'));\n"
        + "process.stdout.write(Buffer.from(await blob.arrayBuffer()));"
    )
    done = subprocess.run([node(), "--input-type=module"], input=script.encode(), capture_output=True, timeout=60)
    saved = done.stdout
    assert json.loads(saved)["content"] == content, done.stderr.decode()[:500]
    inner = saved[saved.index(b',"content":') + len(b',"content":') : -2]
    assert hashlib.sha256(b"key\n" + inner).hexdigest() == json.loads(saved)["sha256"]

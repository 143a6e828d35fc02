"""The docs say what the program does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from cnnlab.claims.registry import CLAIMS
from cnnlab.cli import COMMANDS
from cnnlab.nets import NETS
from cnnlab.training import RECIPES

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_command_reference_is_what_help_says(generate):
    assert (ROOT / "docs" / "commands.md").read_text() == generate.commands(), "run docs/generate.py"


def test_tables_are_the_records(generate):
    for page in generate.BLOCKS:
        text = (ROOT / page).read_text()
        assert generate.filled(page, text) == text, f"{page}: run docs/generate.py"


def test_every_command_net_and_recipe_is_in_the_docs():
    text = "".join(path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    for name in [*(f"cnnlab {command}" for command in COMMANDS), *NETS, *RECIPES]:
        assert name in text, name


def test_every_claim_is_in_the_docs():
    text = (ROOT / "docs" / "claims.md").read_text()
    for name in CLAIMS:
        assert f"`{name}`" in text, name


def test_links_in_the_docs_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_python_examples_in_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert examples
    for example in examples:
        exec(compile(example, "README.md", "exec"), {})

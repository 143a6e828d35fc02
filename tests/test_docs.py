"""The docs say what the program does."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from benchmarks.first_hour import run_all, tutorial_commands
from click.testing import CliRunner
from PIL import Image
from torch import nn

import cnnlab
from cnnlab import formulas
from cnnlab.claims.registry import CLAIMS
from cnnlab.cli import COMMANDS
from cnnlab.cli import cnnlab as command_line
from cnnlab.data import load
from cnnlab.data.known import KNOWN
from cnnlab.experiments.engines.choice import ENGINES
from cnnlab.experiments.variants import VARIANTS
from cnnlab.nets import NETS
from cnnlab.training import RECIPES
from cnnlab.workflows.claims import claims

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
GENERATED = {DOCS / "reference" / f"{name}.md" for name in ("commands", "names", "api", "formulas")}
README_COMMANDS = re.findall(r"^cnnlab .+$", (ROOT / "README.md").read_text(), re.MULTILINE)
TUTORIAL = DOCS / "tutorial" / "first-hour.md"
#: Their examples need files that come before them: the tutorial's run in the slow tests, those on exporting in
#: tests/cli/test_export.py and tests/data/test_samples.py.
RUN_ELSEWHERE = (TUTORIAL, DOCS / "how-to" / "exchange.md")

#: What a public function's own words need not say: the net, the data and the path are what they are.
PLAIN = {"net", "data", "path"}


@pytest.fixture(scope="module")
def generate():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        yield importlib.import_module("generate")


def page(name: str) -> str:
    return (DOCS / name).read_text()


def test_references_are_what_help_and_docstrings_say(generate):
    for name, text in generate.PAGES.items():
        assert (ROOT / name).read_text() == text(), f"{name}: run docs/generate.py"


def test_tables_are_the_records(generate):
    for name in generate.BLOCKS:
        text = (ROOT / name).read_text()
        assert generate.filled(name, text) == text, f"{name}: run docs/generate.py"


def test_every_record_is_among_the_results():
    text = page("explanation/results.md")
    for record in (ROOT / "results").glob("*.json"):
        assert f"`{record.name}`" in text, record.name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_in_the_reference(name):
    group = click.Context(command_line, info_name="cnnlab")
    section = page("reference/commands.md").partition(f"\n## cnnlab {name}\n")[2].partition("\n## ")[0]
    command = command_line.get_command(group, name)
    for part, one in [("", command), *getattr(command, "commands", {}).items()]:
        said = section.partition(f"\n### cnnlab {name} {part}\n")[2].partition("\n### ")[0] if part else section
        for parameter in one.params:
            if isinstance(parameter, click.Option):
                for flag in (*parameter.opts, *parameter.secondary_opts):
                    assert flag in said, f"{part} {flag}"


def test_every_command_is_in_somebody_s_own_words():
    written = (ROOT / "README.md").read_text() + "".join(p.read_text() for p in PAGES if p not in GENERATED)
    for name in COMMANDS:
        assert f"cnnlab {name}" in written, name


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_line_has_only_options_that_there_are(path):
    text = path.read_text()
    blocks = re.findall(r"^(?:\$ )?(cnnlab .*)$", "".join(re.findall(r"```.*?```", text, re.DOTALL)), re.MULTILINE)
    inline = [" ".join(code.split()) for code in re.findall(r"`(cnnlab [^`]*)`", text)]
    group = click.Context(command_line, info_name="cnnlab", **command_line.context_settings)
    for line in [*blocks, *inline]:
        name, *arguments = shlex.split(line, comments=True)[1:]
        command, above = command_line.get_command(group, name), group
        try:
            while isinstance(command, click.Group) and arguments:
                above = click.Context(command, info_name=name, parent=above, **command_line.context_settings)
                name, *arguments = arguments
                command = command.get_command(above, name)
            command.make_context(name, arguments, parent=above)
        except (click.MissingParameter, click.exceptions.NoArgsIsHelpError):
            pass  # a command that is only named
        except click.UsageError as error:
            pytest.fail(f"{line}: {error.format_message()}")


@pytest.mark.parametrize("names", [NETS, RECIPES, KNOWN, VARIANTS, ENGINES, CLAIMS])
def test_every_name_of_the_command_line_is_in_the_reference(names):
    text = page("reference/names.md")
    for name in names:
        assert f"| `{name}` |" in text, name


def test_every_claim_has_its_verdict_in_the_docs():
    text = page("explanation/claims.md")
    for name in CLAIMS:
        assert f"`{name}`" in text, name


def test_every_public_name_is_in_the_reference():
    text = page("reference/api.md")
    for name in cnnlab.__all__:
        assert f"### cnnlab.{name}\n" in text or name == "__version__", name
    text = page("reference/formulas.md")
    for name, _ in inspect.getmembers(formulas, inspect.isfunction):
        assert f"### {name}\n" in text or name.startswith("_"), name


@pytest.mark.parametrize("name", cnnlab.__all__)
def test_every_argument_of_a_public_name_is_typed_and_said(name):
    found = claims if name == "claims" else getattr(cnnlab, name)
    if not (inspect.isfunction(found) or (inspect.isclass(found) and issubclass(found, nn.Module))):
        return
    for argument in inspect.signature(found).parameters.values():
        assert argument.annotation is not argument.empty, argument.name
        assert argument.name in PLAIN or re.search(rf"\b{argument.name}\b", inspect.getdoc(found)), argument.name


def test_every_page_is_in_the_nav_and_the_nav_has_no_others():
    def pages_in(part):
        if isinstance(part, str):
            return [part]
        return [page for inner in (part.values() if isinstance(part, dict) else part) for page in pages_in(inner)]

    nav = pages_in(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"])
    assert sorted(nav) == sorted(str(path.relative_to(DOCS)) for path in PAGES)


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        to, _, anchor = link.partition("#")
        target = (path.parent / to) if to else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text()), link


def anchors(text: str) -> set[str]:
    """What a page's headings are called in links, as GitHub and Markdown's toc make it."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def examples(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)


@pytest.mark.parametrize(
    "path",
    [p for p in [ROOT / "README.md", *PAGES] if p not in GENERATED and p not in RUN_ELSEWHERE and examples(p)],
    ids=lambda path: path.stem,
)
def test_python_examples_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for example in examples(path):
        exec(compile(example, path.name, "exec"), {"__name__": "example"})


def test_the_tutorial_shows_what_was_recorded_and_describe_prints_it_still(monkeypatch):
    steps = json.loads((ROOT / "results" / "first-hour.json").read_text())["steps"]
    assert [step["command"] for step in steps] == tutorial_commands(), "run python -m benchmarks.first_hour"
    monkeypatch.setenv("COLUMNS", "100")
    described = [step for step in steps if step["command"].startswith("cnnlab describe ")]
    assert len(described) == 2
    for step in described:
        assert CliRunner().invoke(command_line, step["command"].split()[1:]).stdout == step["output"], step["command"]


@pytest.mark.slow
@pytest.mark.long
def test_the_tutorial_runs(tmp_path, monkeypatch):
    recorded = json.loads((ROOT / "results" / "first-hour.json").read_text())["steps"]
    for now, before in zip(run_all(tutorial_commands(), tmp_path), recorded, strict=True):
        # Figures, and what they come to, are this machine's; what each line is about is not.
        assert first_words(now["output"]) == first_words(before["output"]), now["command"]
    monkeypatch.chdir(tmp_path)
    for example in examples(TUTORIAL):
        exec(compile(example, TUTORIAL.name, "exec"), {})


def first_words(text: str) -> set[str]:
    """How the lines begin that are neither a continuation nor a figure."""
    return {line.split()[0] for line in text.splitlines() if re.match(r"[a-z]", line)}


@pytest.mark.slow
def test_the_readme_s_commands_run(tmp_path):
    assert {command.split()[1] for command in README_COMMANDS} | {"lesson"} >= set(COMMANDS)
    digit = 255 - load("mnist-5k").test.images[3, 0].numpy()
    Image.fromarray(digit).resize((140, 140)).convert("RGB").save(tmp_path / "photo.jpg")
    run_all(README_COMMANDS, tmp_path)


def test_the_citation_is_of_this_version():
    assert f"\nversion: {cnnlab.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_changelog_begins_with_this_version_and_every_version_has_a_date():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0].startswith(f"[{cnnlab.__version__}] ")
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] – \d{4}-\d\d-\d\d", heading) for heading in headings), headings


def test_the_version_of_torch_that_is_said_to_be_tried_is_the_pinned_one():
    (pinned,) = re.findall(r"^torch==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert f"one version of that range, torch {pinned}," in (ROOT / "CONTRIBUTING.md").read_text()
    admitted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (range_,) = [one for one in admitted if re.match(r"torch\b", one)]
    assert f"`{range_}`" in (ROOT / "CONTRIBUTING.md").read_text()

"""Write what would drift if people wrote it: the command reference, and the README's tables from results/.

    .venv/bin/python docs/generate.py

A test fails when this was forgotten.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import mean
from typing import Any

import click

from cnnlab.bench.table import markdown
from cnnlab.cli import COMMANDS, cnnlab

ROOT = Path(__file__).parent.parent


def commands() -> str:
    """docs/commands.md: every command's --help."""
    parts = [
        "# Commands\n",
        "Figures go to stdout, progress to stderr. Exit codes: 0 done, 1 some of several inputs failed, 2 something "
        "you can mend (one line says what), 70 a bug in cnnlab, 130 interrupted.\n",
    ]
    group = click.Context(cnnlab, info_name="cnnlab", **cnnlab.context_settings)
    for name in COMMANDS:
        command = cnnlab.get_command(group, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=group, max_content_width=100, terminal_width=100)
        parts.append(f"## cnnlab {name}\n\n```\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def readme(text: str) -> str:
    """The README with its marked blocks filled from results/."""
    accuracy = ROOT / "results" / "accuracy.json"
    bench = ROOT / "results" / "bench.json"
    blocks = {
        "accuracy": accuracy_table(json.loads(accuracy.read_text())),
        "bench": markdown(json.loads(bench.read_text())),
    }
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = pattern.subn(lambda found, block=block: found[1] + block + found[2], text)
        assert count == 1, f"README.md has no block {name}"
    return text


def accuracy_table(record: dict[str, Any]) -> str:
    """What the default recipe reached: mean and lowest seed, with n."""
    lines = [
        "| net | data | epochs | test accuracy, mean (lowest – highest) | n | training time, mean |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for cell in record["cells"]:
        figures = cell["test_accuracy"]
        spread = f" ({min(figures):.2%} – {max(figures):.2%})" if len(figures) > 1 else ""
        lines.append(
            f"| `{cell['net']}` | `{cell['data']}` | {cell['epochs']} | {mean(figures):.2%}{spread} | {len(figures)} | "
            f"{mean(cell['train_time_s']):.1f} s |"
        )
    where = record["environment"]
    lines += [
        "",
        f"n seeds each; test splits of 10,000 images, 500 for `mnist-5k`. {where['device_name']}, {where['threads']} "
        f"threads, {where['precision']}, torch {where['torch']}. Training time counts training steps alone. "
        "Made by `benchmarks/accuracy.py`.",
    ]
    if "note" in record:
        lines += ["", f"Note: {record['note']}."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write both files."""
    (ROOT / "docs" / "commands.md").write_text(commands())
    path = ROOT / "README.md"
    path.write_text(readme(path.read_text()))


if __name__ == "__main__":
    main()

"""Write what would drift if people wrote it: the references of commands, names and Python, what the tutorial's
commands print, the tables of README and docs from results/, and the round of claims that ships in the package.

    .venv/bin/python docs/generate.py

A test fails when this was forgotten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median
from textwrap import wrap
from types import SimpleNamespace
from typing import Any

import click
from names_reference import names_reference
from python_reference import formulas_reference, python_reference

from cnnlab.bench.table import markdown
from cnnlab.claims.rounds import RoundFile
from cnnlab.cli import COMMANDS, cnnlab
from cnnlab.config import checked
from cnnlab.report.claims.index import environments
from cnnlab.report.claims.page import command
from cnnlab.report.claims.words import day, effect

ROOT = Path(__file__).parent.parent


def commands() -> str:
    """docs/reference/commands.md: every command's --help."""
    parts = [
        "# Commands\n",
        "NET, DATA, recipes, variants and claims by their names: [names](names.md). Figures go to stdout, progress to "
        "stderr. Exit codes: 0 done, 1 some of several inputs failed, 2 something you can mend (one line says what), "
        "70 a bug in cnnlab, 130 interrupted.\n",
    ]
    group = click.Context(cnnlab, info_name="cnnlab", **cnnlab.context_settings)
    for name in COMMANDS:
        command = cnnlab.get_command(group, name)
        assert command is not None
        parts += _helps(command, name, group, "##")
    return "\n".join(parts)


def _helps(command: click.Command, name: str, above: click.Context, heading: str) -> list[str]:
    """A command's --help under a heading, and those of the commands below it."""
    context = click.Context(command, info_name=name, parent=above, max_content_width=100, terminal_width=100)
    parts = [f"{heading} {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"]
    for below in command.list_commands(context) if isinstance(command, click.Group) else ():
        found = command.get_command(context, below)
        assert found is not None
        parts += _helps(found, below, context, f"{heading}#")
    return parts


def filled(page: str, text: str) -> str:
    """A page (README.md or one of docs/) with its marked blocks filled from results/."""
    for name, table in BLOCKS[page].items():
        block = table(json.loads((ROOT / "results" / f"{name}.json").read_text()))
        pattern = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = pattern.subn(lambda found, block=block: found[1] + block + found[2], text)
        assert count == 1, f"{page} has no block {name}"
    return outputs_filled(text) if page == TUTORIAL else text


def outputs_filled(text: str) -> str:
    """The tutorial with what each of its commands printed when benchmarks/first_hour.py ran them.

    Lines that are too long for the page are broken, as a terminal breaks them.
    """
    steps = json.loads((ROOT / "results" / "first-hour.json").read_text())["steps"]
    printed = {step["command"]: step["output"] for step in steps}

    def block(found: re.Match[str]) -> str:
        lines = [f"$ {found[2]}"]
        for line in printed[found[2]].rstrip().splitlines():
            lines += wrap(line, 110) if len(line) > 110 else [line.rstrip()]
        return found[1] + "```\n" + "\n".join(lines) + "\n```\n" + found[3]

    return re.sub(r"(<!-- run: (.+?) -->\n).*?(<!-- /run -->)", block, text, flags=re.DOTALL)


def first_hour_sentence(record: dict[str, Any]) -> str:
    """What machine the tutorial's outputs were made on, and how long it took."""
    where = record["environment"]
    minutes = sum(step["time_s"] for step in record["steps"]) / 60
    note = f" Note: {record['note']}." if "note" in record else ""
    return (
        f"What stands under the commands was printed on {where['device_name']}, {where['cores']} cores, "
        f"{where['precision']}, by cnnlab {where['cnnlab']}, python {where['python']}, torch {where['torch']}; all of "
        f"them together took {minutes:.0f} minutes (`{record['command']}`).{note}\n"
    )


def bench_in_short(record: dict[str, Any]) -> str:
    """The bench's table without its remarks, which stand in docs/explanation/results.md."""
    return (
        markdown(record).partition("\n\n")[0]
        + f"\n\n`{record['net']}` on `{record['data']}`, {record['cpu']}, {record['threads']} threads. "
        "[How that was measured](docs/explanation/results.md).\n\n" + history(record)
    )


def bench_whole(record: dict[str, Any]) -> str:
    """The bench's table with its remarks, and what earlier releases came to."""
    return f"{markdown(record)}\n{history(record)}"


def accuracy_table(record: dict[str, Any]) -> str:
    """What the recipes reached: mean and lowest seed, with n."""
    lines = [
        "| net | data | recipe | epochs | test accuracy, mean (lowest – highest) | n | training time, shortest |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for cell in record["cells"]:
        figures = cell["test_accuracy"]
        spread = f" ({min(figures):.2%} – {max(figures):.2%})" if len(figures) > 1 else ""
        lines.append(
            f"| `{cell['net']}` | `{cell['data']}` | `{cell['recipe']}` | {cell['epochs']} | "
            f"{mean(figures):.2%}{spread} | {len(figures)} | {min(cell['train_time_s']):.1f} s |"
        )
    where = record["environment"]
    lines += [
        "",
        f"n seeds each; test splits of 10,000 images, 500 for `mnist-5k`. {where['device_name']}, {where['threads']} "
        f"threads, {where['precision']}, torch {where['torch']}. Training time counts training steps alone, of "
        "the seed that was disturbed least. Made by `benchmarks/accuracy.py`.",
    ]
    return "\n".join(lines) + "\n"


def few_images_table(record: dict[str, Any]) -> str:
    """What the default recipe makes of few images, a row for each size and version that was measured."""
    lines = ["| training images | measured | steps | validation | test |", "| ---: | --- | ---: | ---: | ---: |"]
    rows = [(row["images"], label, row) for label, found in record["labels"].items() for row in found["rows"]]
    for images, label, row in sorted(rows, key=lambda one: one[0]):
        validation, test = (_mean_and_range(row[f"{split}_accuracy"]) for split in ("validation", "test"))
        lines.append(f"| {images:,} | {label} | {row['steps']} | {validation} | {test} |")
    lines += [
        "",
        "SimpleCNN by the recipe `fast`, nothing else said, on `mnist-5k@N`: mean accuracy (lowest – highest).",
    ]
    for label, found in record["labels"].items():
        where = found["environment"]
        lines.append(
            f"{label.capitalize()}: {found['seeds']} seeds, cnnlab {where['cnnlab']}, {where['device_name']}, "
            f"{where['threads']} threads, {where['precision']}, torch {where['torch']}."
        )
    lines.append("Made by `benchmarks/few_images.py`.")
    return "\n".join(lines) + "\n"


def unlike_table(record: dict[str, Any]) -> str:
    """What share of each kind is called unlike, by net and set, with single scores beside it, over the seeds."""
    rows = record["rows"]
    groups = {
        (net, data): [row for row in rows if (row["net"], row["data"]) == (net, data)]
        for net, data in dict.fromkeys((row["net"], row["data"]) for row in rows)
    }
    heads = [f"{net}, {data}" for net, data in groups]
    methods = list(rows[0]["found"])
    lines = [f"| called unlike at 1 % | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for kind in rows[0]["found"][methods[0]]:
        digits = 2 if kind == "own test" else 0
        cells = [_shares([row["found"][methods[0]][kind] for row in group], digits) for group in groups.values()]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    lines += [
        "",
        "Mean of three seeds (lowest – highest), in per cent. The same by one score alone, and the area under the ROC "
        "curve; means over the seeds:",
        "",
        f"| by | of | {' | '.join(heads)} |",
        f"| --- | --- |{' ---: |' * len(heads)}",
    ]
    for method in methods:
        for kind in rows[0]["auroc"][method]:
            cells = [
                f"{100 * mean(row['found'][method][kind] for row in group):.0f} % "
                f"({mean(row['auroc'][method][kind] for row in group):.3f})"
                for group in groups.values()
            ]
            lines.append(f"| {method} | {kind} | {' | '.join(cells)} |")
    lines += ["", f"| on own test images | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for name, field in (
        ("temperature", "temperature"),
        ("calibration error before", "ece"),
        ("calibration error after", "ece_calibrated"),
    ):
        cells = [f"{mean(row[field] for row in group):.3f}" for group in groups.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    sure = [f"{mean(row['mean_probability']['the other set'] for row in group):.0%}" for group in groups.values()]
    lines.append(f"| mean probability of the class it names for the other set | {' | '.join(sure)} |")
    where, epochs = record["environment"], record["epochs"]
    lines += [
        "",
        f"Recipe `fast`, epochs: {', '.join(f'{net} {count}' for net, count in epochs.items())}. *The other set*: "
        f"Fashion-MNIST for MNIST and the other way round. *Letters*: {record['letters']} in {len(record['fonts'])} "
        "DejaVu fonts; left out are B, G, I, O, Q, S, Z, A, D, T and L, which may pass for digits. *Blanks*: the 256 "
        "grays. *Shuffled*: the pixels of test images in one other order. The method was chosen on seed 0. Made by "
        f"`benchmarks/unlike.py`; {where['device_name']}, cnnlab {where['cnnlab']}, torch {where['torch']}.",
    ]
    return "\n".join(lines) + "\n"


def _shares(values: list[float], digits: int) -> str:
    low, high = (f"{100 * one:.{digits}f}" for one in (min(values), max(values)))
    return f"{100 * mean(values):.{digits}f}" if low == high else f"{100 * mean(values):.{digits}f} ({low} – {high})"


def photographs_table(record: dict[str, Any]) -> str:
    """How many photographed digits are read right, a row a kind and a column a version that was measured."""
    labels = record["labels"]
    columns = [*labels, "scaled as a whole"]
    lines = [f"| {' | '.join(['photographs', *columns])} |", f"| --- |{' ---: |' * len(columns)}"]
    last = list(labels.values())[-1]
    for kind, row in last["rows"].items():
        counts = [found["rows"].get(kind, {}).get("prepared", "–") for found in labels.values()]
        lines.append(f"| {' | '.join([kind, *map(str, counts), str(row['scaled'])])} |")
    where = last["environment"]
    lines += [
        "",
        f"Of {record['n']} pictures each, rendered by `benchmarks/photographs.py`; `{record['net']}` on `mnist-5k`, "
        f"{record['epochs']} epochs, seed 0, which answers all of these digits rightly as they are stored. "
        "*Scaled as a whole*: the picture made small, nothing sought in it. "
        f"{where['device_name']}, cnnlab {where['cnnlab']}, torch {where['torch']}.",
    ]
    return "\n".join(lines) + "\n"


def label_errors_table(record: dict[str, Any]) -> str:
    """How many wrong labels both lists hold, a row a data set and way of judging, and what of the published list."""

    def judges(row: dict[str, Any]) -> str:
        times = f"{row['repeats']} × " if row["repeats"] > 1 else ""
        epochs = f", {row['epochs']} epochs" if row["epochs"] else ""
        return f"{times}`{row['net']}`{epochs}"

    lines = [
        "| data | judged by | wrong | probable | precision | recall | doubted | precision | recall | precision of as "
        "many | agrees | CPU time |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in record["rows"]:
        if row["kind"] == "injected":
            lists = " | ".join(
                f"{row[name]['listed']:,} | {row[name]['precision']:.1%} | {row[name]['recall']:.1%}"
                for name in ("probable", "doubted")
            )
            lines.append(
                f"| `{row['data']}` | {judges(row)} | {row['wrong']:,} | {lists} | {row['precision_of_as_many']:.1%} | "
                f"{row['agrees']:.1%} | {row['cpu_s']:.0f} s |"
            )
    where = record["environment"]
    lines += [
        "",
        f"{record['share']:.0%} of the training labels were changed at random, seed {record['seed']}. *Probable* and "
        "*doubted*: labels that `cnnlab data DATA --check` lists as probably wrong, and these with the doubtful ones. "
        "*Precision of as many*: of the most suspicious, as many as were changed. *Agrees*: share of all labels that "
        "the nets agree with. *3 ×*: mean of three cross-validations. "
        f"{where['device_name']}, {where['threads']} thread{'s' if where['threads'] > 1 else ''}, torch "
        f"{where['torch']}; the machine did other things, too, so that the time is that of the process. Made by "
        "`benchmarks/label_errors.py`.",
        "",
        "| MNIST's published errors: judged by | probable: all | of test | published | doubted: all | of test | "
        "published | in the first 50 of test | in the first 100 | agrees | CPU time |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in record["rows"]:
        if row["kind"] == "published":
            lists = " | ".join(
                f"{row[name]['listed']:,} | {row[name]['of_test']:,} | {row[name]['published']}"
                for name in ("probable", "doubted")
            )
            first = " | ".join(str(sum(place <= many for place in row["places"].values())) for many in (50, 100))
            lines.append(f"| {judges(row)} | {lists} | {first} | {row['agrees']:.2%} | {row['cpu_s']:.0f} s |")
    lines += [
        "",
        f"The {next(row['published'] for row in record['rows'] if row['kind'] == 'published')} test images of MNIST "
        "that three of five people or more did not call as they are labelled (Northcutt, Athalye, Mueller 2021; "
        "`mturk/mnist_mturk.json` of github.com/cleanlab/label-errors); all 70,000 labels were judged.",
    ]
    return "\n".join(lines) + "\n"


def rows_table(record: dict[str, Any]) -> str:
    """How many rows of digits are read right, and how many of their digits are found, a row a kind."""
    lines = [
        "| rows in a photograph | rows read right | digits found | boxes that are a digit's | digits read |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for kind, row in record["rows"].items():
        right = f"{row['rows_right']} of {row['rows']}"
        shares = (row["found"] / row["digits"], row["found"] / row["boxes"], row["read"] / row["digits"])
        lines.append(f"| {' | '.join([kind, right, *(f'{share:.1%}' for share in shares)])} |")
    where = record["environment"]
    lines += [
        "",
        f"Of {record['n']} pictures each, rendered by `benchmarks/rows.py` from digits that `{record['net']}`, "
        f"trained on `mnist-5k` for {record['epochs']} epochs, seed 0, answers rightly as they are stored, or from "
        "fonts, which it has never seen. Found is a digit whose box lies over its own by half of both together. "
        f"{where['device_name']}, cnnlab {where['cnnlab']}, torch {where['torch']}.",
    ]
    if "notes" in record:
        single, several = record["notes"]["single"], record["notes"]["several"]
        told = single["told"]
        by_kind = ", ".join(f"{kind}: {count}" for kind, count in sorted(told.items(), key=lambda item: -item[1]))
        missed = "; ".join(
            f"{kind}: {each['told']} of {several['n']} told of, {each['counted_right']} counted right"
            for kind, each in several["kinds"].items()
        )
        lines += [
            "",
            f"Without `--each` the note that there are several was given for {sum(told.values())} of "
            f"{single['pictures']} pictures of one digit ({by_kind or 'none'}), and for rows: {missed}.",
        ]
    return "\n".join(lines) + "\n"


def _mean_and_range(accuracies: list[float]) -> str:
    return f"{mean(accuracies):.1%} ({min(accuracies):.1%} – {max(accuracies):.1%})"


def predict_table(record: dict[str, Any]) -> str:
    """How long `cnnlab predict` takes for many pictures at once."""
    kinds = record["kinds"]["photographs"]
    names = {
        "photographs": f"{record['n']} photographs, {record['n'] // len(kinds)} each of {len(kinds)} kinds",
        "stored": f"{record['n']} images of 28×28",
        "import torch": "PyTorch's start alone",
    }
    lines = [
        "| | wall time, median (smallest–largest) | processor time | answered rightly |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, said in names.items():
        row = record["rows"][name]
        right = "" if row["right"] is None else f"{row['right']} of {record['n']}"
        lines.append(
            f"| {said} | {row['wall_s']:.1f} s ({row['smallest_s']:.1f}–{row['largest_s']:.1f}) | "
            f"{row['processor_s']:.1f} s | {right} |"
        )
    where = record["environment"]
    lines += [
        "",
        f"`cnnlab predict RUN FILE…` in a new process, {record['rounds']} times by turns; {record['net']}. Kinds: "
        f"{', '.join(kinds)}. {where['device_name']}, {where['threads']} "
        f"thread{'s' * (where['threads'] != 1)}, torch {where['torch']}. Made by `{record['command']}`.",
    ]
    return "\n".join(lines) + "\n"


def history(record: dict[str, Any]) -> str:
    """A line a release: what its bench found, each on a machine of its own."""
    earlier = (json.loads(path.read_text()) for path in sorted((ROOT / "results").glob("bench-*.json")))
    lines = [
        "| cnnlab | machine | stock, images/s | cnnlab, images/s | ratio | time to 99 %, ratio |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for each in (*earlier, record):
        rates = f"{each['stock']['images_per_s']:,.0f} | {each['cnnlab']['images_per_s']:,.0f}"
        where = f"{each['cpu']}, {each['threads']} threads, {each['cnnlab']['precision']}"
        ratios = f"{each['ratio']:.2f} × | {each['time_to_target_ratio']:.1f} ×"
        lines.append(f"| {each['versions']['cnnlab']} | {where} | {rates} | {ratios} |")
    return "\n".join(lines) + "\n"


#: How many of a task's variants stand in the table, the best first.
BEST = 4


def recipes_table(record: dict[str, Any]) -> str:
    """Of each task the recipe as it was, the best variants, and averages of weights."""
    lines = [
        "| net, data, epochs | variant | n | validation accuracy | against the first line | over shifts |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    tasks = dict.fromkeys(row["task"] for row in record["rows"])
    for task in tasks:
        rows = [row for row in record["rows"] if row["task"] == task]
        others = [row for row in rows if row["variant"] != "as it is"]
        averaged = [row for row in others[BEST:] if row["variant"].startswith(("EMA", "Lookahead"))]
        own = [row for row in rows if row["variant"] == "as it is"]
        for row in (*own, *others[:BEST], *averaged):
            error = f" ± {100 * row['gain_error']:.2f}" if row["gain_error"] is not None else ""
            gain = "" if row["variant"] == "as it is" else f"{100 * row['gain']:+.2f}{error}"
            lines.append(
                f"| {task if row['variant'] == 'as it is' else ''} | {row['variant']} | {row['n']} | "
                f"{row['validation_accuracy']:.2%} | {gain} | {row['over_shifts']:.2%} |"
            )
    where = record["environment"]
    lines += [
        "",
        f"{len(record['rows'])} variants, {len(record['runs'])} trainings in all; n seeds each; points, with the error "
        "of the mean of the seeds' differences. *Over shifts*: answers averaged over the image and its four shifts "
        f"by a pixel. {where['device_name']}, {where['precision']}, torch {where['torch']}. "
        f"Made by `{record['command']}`.",
    ]
    return "\n".join(lines) + "\n"


def gpu_table(record: dict[str, Any]) -> str:
    """What a CUDA device made of one net and of many."""
    where = record["environment"]
    lines = [
        "| net, batch | images/s, steps recorded | kernel by kernel | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    for row in record["steps"]:
        rates = {way: median(found) for way, found in row["images_per_s"].items()}
        lines.append(
            f"| `{row['net']}`, {row['batch_size']} | {rates['graph']:,.0f} | {rates['kernel by kernel']:,.0f} | "
            f"{row['ratio']:.2f} × |"
        )
    lines += ["", "| epochs of `fast` | test accuracy, mean (lowest – highest) | n | training time, median |"]
    lines += ["| --- | ---: | ---: | ---: |"]
    for row in record["trainings"]:
        found, times = row["test_accuracy"], row["train_time_s"]
        lines.append(
            f"| {row['epochs']:g} | {mean(found):.2%} ({min(found):.2%} – {max(found):.2%}) | {len(found)} | "
            f"{median(times):.2f} s |"
        )
    lines += ["", "| seeds together, an epoch | images/s of all | against one alone | steps | test accuracy, lowest |"]
    lines += ["| ---: | ---: | ---: | ---: | ---: |"]
    for row in record["together"]:
        lines.append(
            f"| {row['seeds']} | {row['images_per_s']:,.0f} | {row['ratio']:.2f} × | {row['steps_s']:.1f} s | "
            f"{min(row['test_accuracy']):.2%} |"
        )
    lines += [
        "",
        f"`{record['data']}`, SimpleCNN unless said; {where['device_name']}, {where['precision']}, torch "
        f"{where['torch']}, cnnlab {where['cnnlab']}. Rates are medians of {record['rounds']} rounds by turns. "
        f"Training time counts training steps alone. Made by `{record['command']}`.",
    ]
    return "\n".join(lines) + "\n"


def steps_table(record: dict[str, Any]) -> str:
    """A step with and without loops, and beside neighbours, by how threads wait."""
    where = record["environment"]
    lines = [
        "| net, batch | busy neighbours | ms a step: spinning | passive | as chosen | chosen by passive | no Numba |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in record["rows"]:
        ms = row["step_ms"]
        without = ms.get("without numba")
        lines.append(
            f"| `{row['net']}`, {row['batch_size']} | {row['neighbours']} | {ms['spinning']:.1f} | {ms['passive']:.1f} "
            f"| {ms['chosen']:.1f} | {row['chosen_by']['passive']:.2f} × | "
            + ("" if without is None else f"{without:.1f}, {1 / row['chosen_by']['without numba']:.2f} × as long")
            + " |"
        )
    lines += [
        "",
        f"Medians of {record['rounds']} rounds by turns, {record['seconds']:g} s each; ratios are medians of the "
        f"rounds' own. {where['device_name']}, {where['cores']} cores, {where['precision']}, torch {where['torch']}, "
        f"Numba {where['numba']}. Made by `{record['command']}`.",
    ]
    return "\n".join(lines) + "\n"


def peers_table(record: dict[str, Any]) -> str:
    """cnnlab beside other libraries, a row a figure: each peer's, how many times as good cnnlab is, who is ahead."""
    names = list(record["peers"])
    lines = [f"| | {' | '.join(names)} | `fast` against the peers |", f"| --- |{' ---: |' * len(names)} --- |"]
    for row in record["rows"]:
        cells = [_peers_cell(row, name, record["peers"][name]["trainings"]) for name in names]
        behind = [
            f"behind {each['peer']}" + (f" by {each['times']:.2f} ×" if each["times"] else ", which alone got there")
            for each in row["behind"]
        ] + [f"level with {name}" for name in row["level"]]
        name = row["name"] + (", images/s" if row["unit"] == "images/s" else "")
        lines.append(f"| {name} | {' | '.join(cells)} | {', '.join(behind) or 'ahead of all'} |")
    where = record["environment"]
    turns = [len(found["turns"]) for found in record["peers"].values() if found["turns"]]
    seeds = [len(found["trainings"]) for found in record["peers"].values() if found["trainings"]]
    waiting = ", OpenMP's waiting passively" if record["waiting"] == "passive" else ""
    trained = (
        f"Seeds trained to the targets: {_from_to(seeds)}, at most {record['most_epochs']} epochs and "
        f"{record['most_seconds']:g} s a process."
        if seeds
        else "No seed has been trained to the targets yet: rows of time to an accuracy and to the end of the first "
        "epoch are not measured."
    )
    lines += [
        "",
        record["behind"],
        "",
        "Medians (smallest–largest); in square brackets, how many times as good `fast` is, the median of the rounds' "
        f"own ratios. Rounds by turns: {_from_to(turns)}, {record['seconds']:g} s each. {trained} MNIST, 55,000 images "
        f"to train on; {where['device_name']}, {record['threads']} threads{waiting}, Python {where['python']}. Made by "
        f"`{record['command']}`.",
        "",
    ]
    for name, found in record["peers"].items():
        if "versions" in found:
            versions = ", ".join(f"{package} {number}" for package, number in found["versions"].items())
            lines.append(
                f"- {name}: {found['how']}; batches of {found['batch_size']}, {found['precision']}; {versions}."
            )
    lines += ["", *(f"Note: {note}." for note in record["notes"])] if record["notes"] else []
    return "\n".join(lines) + "\n"


def _peers_cell(row: dict[str, Any], name: str, trainings: list[dict[str, Any]]) -> str:
    """A peer's figure in a row, and how many times as good cnnlab is."""
    if name not in row["peers"]:
        return "not measured"
    found = row["peers"][name]
    if found["median"] is None:
        attempts = [each for training in trainings for each in training["attempts"]]
        if not attempts:
            return "never in time"
        best, most = max(each["accuracy"] for each in attempts), max(each["epochs"] for each in attempts)
        reached = [each for each in found["values"] if each is not None]
        never = f"never within {most:g} epoch{'s' * (most != 1)}"
        if reached:
            return f"{min(reached):,.1f} s in {len(reached)} of {found['n']} seeds, else {never}"
        return f"{never} ({best:.2%})"
    scale, digits, unit = {"images/s": (1, 0, ""), "s": (1, 1, " s"), "bytes": (1e-6, 0, " MB")}[row["unit"]]

    def written(value: float | None) -> str:
        return "never" if value is None else f"{value * scale:,.{digits}f}"

    values = sorted((each for each in found["values"]), key=lambda each: (each is None, each))
    spread = f" ({written(values[0])}–{written(values[-1])})" if found["n"] > 1 else ""
    ratio = row["ratios"].get(name)
    return f"{written(found['median'])}{unit}{spread}" + (f" [{ratio:.2f} ×]" if ratio is not None else "")


def _from_to(counts: list[int]) -> str:
    return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def describe_table(record: dict[str, Any]) -> str:
    """What `describe` finds of the ten nets, and in what time."""
    lines = [
        "| net | image | parameters | multiply-adds | layers | fields exact | confirmed by gradients | `describe` | "
        "torchinfo |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in record["nets"]:
        confirmed = f"{row['fields_filled']} of {row['fields_checked']}" if "fields_checked" in row else "–"
        lines.append(
            f"| {row['net']} | {'×'.join(map(str, row['input']))} | {row['parameters']:,} | {row['macs']:,} | "
            f"{row['layers']} | {row['exact_fields']} | {confirmed} | {1e3 * row['describe_s']:.0f} ms | "
            f"{1e3 * row['torchinfo_s']:.0f} ms |"
        )
    where = record["environment"]
    outside = sum(row.get("pixels_outside", 0) for row in record["nets"])
    lines += [
        "",
        f"Median of {record['rounds']} interleaved rounds, {where['threads']} threads, torch {where['torch']}, "
        f"torchinfo {where['torchinfo']} (which gives no fields and sees no functional calls). Layers that change "
        f"their input's field were checked; pixels with a gradient outside a computed field: {outside}. The whole "
        f"command `cnnlab describe` for ResNet-18 takes {record['command_s']:.1f} s, most of it PyTorch's import. "
        "Made by `python -m benchmarks.describe`.",
    ]
    return "\n".join(lines) + "\n"


def public_nets_table(record: dict[str, Any]) -> str:
    """What `describe` finds of other people's nets, beside PyTorch's flop counter."""
    lines = [
        "| net | image | parameters | multiply-adds | flop counter | shapes equal | fields exact | `describe`, CPU |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    measured = [row for row in record["nets"] if "error" not in row]
    for row in measured:
        is_equal = row["macs"] == row["flop_counter_macs"]
        counted = "equal" if is_equal else f"{row['flop_counter_macs']:,}"
        lines.append(
            f"| `{row['net']}` | {'×'.join(map(str, row['input']))} | {row['parameters']:,} | {row['macs']:,} | "
            f"{counted} | {row['equal_shapes']} of {row['shapes']} | {row['exact_fields']} of {row['layers']} | "
            f"{row['describe_cpu_s']:.1f} s |"
        )
    where = record["environment"]
    equal = sum(row["macs"] == row["flop_counter_macs"] for row in measured)
    lines += [
        "",
        f"{len(measured)} nets with random weights, {equal} with the multiply-adds of `torch.utils.flop_counter` to "
        f"the last one; torchvision {where['torchvision']}, timm {where['timm']}, torch {where['torch']}, "
        f"{where['threads']} thread. Shapes are compared with what forward hooks see, for the layers of PyTorch's that "
        f"run once. Made by `{record['command']}`.",
    ]
    lines += (
        ["", *(f"- `{row['net']}`: {note}." for row in measured for note in row["notes"])]
        if any(row["notes"] for row in measured)
        else []
    )
    lines += [f"- `{row['net']}` was not measured: {row['error']}." for row in record["nets"] if "error" in row]
    return "\n".join(lines) + "\n"


def claims_table(record: dict[str, Any]) -> str:
    """What a round of claims came to: statement, effect with its interval, verdict."""
    lines = ["| claim | statement | effect [95 % interval] | n | verdict |", "| --- | --- | --- | ---: | --- |"]
    this_round = checked(RoundFile, record, "the round")
    entries = this_round.claims
    for entry in entries:
        lines.append(
            f"| `{entry.id}` | {entry.statement} | {effect(entry)} {entry.unit} | {entry.n:,} "
            f"{entry.n_of} | **{entry.verdict}** |"
        )
    on = next(iter(environments(entries)), this_round.environment)
    runs = {run for entry in entries for run in entry.runs}
    trained = sum(len(entry.runs) - entry.runs_found for entry in entries)
    minutes = sum(entry.time_s for entry in entries) / 60
    # Runs that an earlier call had trained would make a round look quick.
    took = f", {minutes:.1f} minutes" if trained == len(runs) else ""
    data = " and ".join(f"`{name}`" for name in dict.fromkeys((record["data"], record["fashion"])))
    days = " and ".join(dict.fromkeys(map(day, entries)))
    lines += [
        "",
        f"`{command(None, this_round)}`: on {data}, {record['seeds']} seeds, {len(runs)} runs{took}; {days}. "
        f"{on.device_name}, {on.cores} cores, {on.precision}; cnnlab {on.cnnlab}, python {on.python}, "
        f"torch {on.torch}. "
        "An undecided claim needs more seeds or more images than that; its page says from how many to how many.",
    ]
    open_ones = [entry for entry in entries if entry.verdict != "supported"]
    if open_ones:
        lines += ["", "What the figures say where the verdict is not *supported*:", ""]
        lines += [f"- `{entry.id}`, {entry.verdict}. {entry.says}" for entry in open_ones]
    return "\n".join(lines) + "\n"


def full_round() -> str:
    """What the package holds of results/: the lesson's pages show it."""
    return (ROOT / "results" / "claims.json").read_text()


#: Claim → what its second edition does otherwise, and why. Those that are not named measure what they did.
SECOND_EDITION = {
    "dropout-mean": "A control: without 1/(1−p) the rule must fail.",
    "locality-matters": "A point is the least that matters; what the permutation costs the dense net itself is the "
    "control.",
    "pooling-invariance": "Against strides, which halve the maps as well; without a pool maps had 16 times the places. "
    "Says how much still changes: less is not nothing.",
    "early-edges": "The share of edges must be above chance by 5 points, and the probe gain more than on untrained "
    "nets: a significant 1.4 points of 22 had no size.",
    "lenet-digits": "94 % must be cleared, which the images can decide and no linear classifier reaches; 95 % could "
    "not be decided with 500 images at 96 %. A linear classifier is the control.",
    "memorise": "A net too small to memorise is the control, so that the rule can come out false.",
    "small-data-overfits": "As many steps for every size; *noisy* is measured and part of the rule.",
    "dropout-regularises": "The gap in loss over numbers of images, each arm at its best rate. It was decided on 500 "
    "images, where both arms know all training images by heart and dropout helps least. A dropout of 1 % is the "
    "control. Weight decay is decoupled.",
    "dropout-ensemble": "Loss as well as accuracy, over 1 to 100 masks; nets trained without dropout are the "
    "control. A band of one point was passed by those, too.",
    "batchnorm-speed": "2, 4 and 8 convolutions, each arm at its best rate. At a rate of 0.001 batch norm was there 10 "
    "steps sooner, at 0.004 12 steps later.",
    "batchnorm-lr": "Over depth, with every hidden layer normalised or none: the statement is about depth (Bjorck et "
    "al. 2018), and the net had two convolutions.",
    "batchnorm-regularises": "The gap in loss, each arm at its best rate. The gap in accuracy came from the rate.",
    "cnn-beats-dense": "Each net at its best recipe in equal time; the dense one had 3 passes and shifts that cost it "
    "a point.",
}


def editions_table(first: dict[str, Any]) -> str:
    """What claims came to before they had controls and after, by full and by quick rounds, and what changed in each."""

    def by_claim(record: dict[str, Any]) -> dict[str, Any]:
        return {entry["id"]: entry for entry in record["claims"]}

    full, quick = (
        (by_claim(first[name]), by_claim(json.loads((ROOT / "results" / file).read_text())))
        for name, file in (("full", "claims.json"), ("quick", "claims-quick.json"))
    )
    lines = [
        "| claim | first edition | second edition | quick rounds | what changed, and why |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, changed in SECOND_EDITION.items():
        cells = []
        for entry in (before_and_after[name] for before_and_after in full):
            figures = f"{effect(SimpleNamespace(**entry))} {entry['unit']}"
            cells.append(f"**{entry['verdict']}**: {figures}")
        cells.append(", then ".join(dict.fromkeys(before_and_after[name]["verdict"] for before_and_after in quick)))
        lines.append(f"| `{name}` | {' | '.join(cells)} | {changed} |")
    return "\n".join(lines) + "\n"


def engines_sentence(record: dict[str, Any]) -> str:
    """How much quicker one process on each core is for many seeds."""
    here, process = (median(record["seconds"][name]) for name in ("here", "process"))
    spawned, forked, ready = (
        median(record["start_seconds"][how]) for how in ("spawned", "forked", "forked from a loaded server")
    )
    return (
        f"For {record['seeds']} seeds of SimpleCNN on `{record['data']}`, {record['epochs']:g} epochs by the recipe "
        f"`lesson`, the pool takes {1 / record['ratio']:.2f} of the time: it is {record['ratio']:.2f} times as quick "
        f"on {record['cores']} cores ({process:.1f} s against {here:.1f} s, medians of {record['rounds']} rounds in "
        f"turn). Two workers are ready after {ready:.2f} s where their server has loaded, after {forked:.1f} s where "
        f"it starts with them, and after {spawned:.1f} s where each starts anew (`{record['command']}`).\n"
    )


def ray_sentence(record: dict[str, Any]) -> str:
    """Whether a cluster that loses a node gives the figures of this machine's processes."""
    where = record["environment"]
    return (
        f"Measured: {record['runs']} runs ({' and '.join(record['variants'])}, {record['seeds']} seeds each, on "
        f"{record['data']}) on {record['nodes']} nodes of one machine, one node killed after "
        f"{record['finished_before_the_kill']} runs had come back: {record['begun_again']} begun again, "
        f"weights equal bit for bit in {record['equal_weights']} of {record['runs']} runs, largest difference of "
        f"{record['figures_compared']} figures to those of `--engine process`: {record['largest_difference']:g} "
        f"(Ray {where['ray']}, torch {where['torch']}; `python -m benchmarks.ray_cluster`).\n"
    )


def batched_sentence(record: dict[str, Any]) -> str:
    """How quick seeds together are, against one after another, on the device of the record."""
    where = record["environment"]
    rows = ", ".join(
        f"{row['ratio']:.2f} × with {row['seeds']} ({median(row['images_per_s']['together']):,.0f} against "
        f"{median(row['images_per_s']['alone']):,.0f} images/s)"
        for row in record["rows"]
    )
    threads = f", threads: {where['threads']}" if where["device"] == "cpu" else ""
    note = f" Note: {record['note']}." if "note" in record else ""
    elsewhere = "" if where["device"] == "cuda" else " On [a GPU](gpu.md) they are quicker together."
    return (
        f"Seeds of SimpleCNN together against one after another, batches of {record['batch_size']}, on "
        f"{where['device_name']}{threads}: {rows}; medians of {record['rounds']} rounds in turn "
        f"(`{record['command']}`).{note}{elsewhere}\n"
    )


def explorer_table(record: dict[str, Any]) -> str:
    """How quick the explorer's page is, how large, and how far from PyTorch."""
    lines = [
        "| net | parameters | page, with moments | a stroke, median (95 % below) | opening a unit | ready after "
        "| largest deviation from PyTorch |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| `{row['net']}` | {row['parameters']:,} | {row['page_bytes'] / 1e6:.1f} MB, {row['moments']} | "
        f"{row['stroke_ms']:.1f} ms ({row['stroke_ms_95']:.1f} ms) | {row['opening_ms']:.1f} ms "
        f"({row['opening_ms_95']:.1f} ms) | {row['ready_ms']:.0f} ms | {row['largest_deviation']:.1e} |"
        for row in record["runs"]
    ]
    where = record["environment"]
    lines += [
        "",
        f"A stroke: the whole net computed and its maps painted; {record['strokes']} strokes. Opening: a unit of every "
        "layer, its strip and all that it depends on. In brackets: 95 % are below. "
        f"{where['device_name']}, {where['cores']} cores, no graphics card, "
        f"Chromium {where['chromium'].split('.')[0]}. "
        f"Made by `{record['command']}`.",
    ]
    return "\n".join(lines) + "\n"


def playground_table(record: dict[str, Any]) -> str:
    """How quickly the playground's page trains beside others, to which accuracy in what time, and how right it is."""
    speed, page, gradients = record["speed"], record["page"], record["gradients"]
    rates, ratios = speed["images_per_s"], speed["ratios"]

    def rate(name: str) -> str:
        if name not in rates:
            return "–"
        found = rates[name]
        return f"{found['median']:,.0f} ({found['smallest']:,.0f}–{found['largest']:,.0f})"

    def ratio(name: str, rival: str) -> str:
        found = ratios[f"{name} ÷ {rival}"]
        return f"{found['median']:.2g} × ({found['smallest']:.2g}–{found['largest']:.2g})"

    cnn, plain, lenet = "page, simple-cnn", "page, simple-cnn without batch norm", "page, lenet5"
    rows = [
        ("`simple-cnn`", cnn, "stock PyTorch notebook", "stock, simple-cnn"),
        ("`simple-cnn`", cnn, "jax-js", "jax-js, simple-cnn"),
        ("`simple-cnn` without batch norm", plain, "ConvNetJS", "ConvNetJS, simple-cnn without batch norm"),
        ("`lenet5`", lenet, "jax-js", "jax-js, lenet5"),
        ("`lenet5`", lenet, "ConvNetJS", "ConvNetJS, lenet5"),
    ]
    lines = [
        "| net | the page, images/s | beside it | images/s | ratio |",
        "| --- | ---: | --- | ---: | ---: |",
        *(
            f"| {net} | {rate(ours)} | {name} | {rate(rival)} | {ratio(ours, rival)} |"
            for net, ours, name, rival in rows
        ),
        "",
        f"Medians of {speed['rounds']} rounds (smallest–largest) of {speed['turn_s']:g} s each, by turns; batches of "
        f"{speed['batch_size']}. "
        + "; ".join(f"{name.removeprefix('@jax-js/')} {version}" for name, version in speed["versions"].items())
        + ".",
        "",
        "| net | validation and test accuracy to reach | settings | seconds of training, a seed each | mean |",
        "| --- | ---: | --- | ---: | ---: |",
    ]
    for row in record["target"]:
        settings = ", ".join(f"{name} {value:g}" for name, value in row["settings"].items())
        seconds = ", ".join(f"{each['time_s']:.1f}" if each["reached"] else "not reached" for each in row["seeds"])
        whole = "–" if row["mean_time_s"] is None else f"{row['mean_time_s']:.1f} s"
        lines.append(f"| `{row['net']}` | {row['target']:.0%} | Adam, {settings} | {seconds} | {whole} |")
    where, memory, pause = record["environment"], page["memory"], page["pause_ms"]
    worst = max(each["largest_deviation"] for each in gradients["nets"])
    first, last = (memory[at]["heap_bytes"] / 1e6 for at in (4, -1))
    lines += [
        "",
        f"LeNet-5 with {page['images']:,} images: {page['bytes'] / 1e6:.1f} MB, ready after "
        f"{page['ready_ms']['median'] / 1000:.2f} s; a pause is complete after {pause['median']:.0f} ms "
        f"({pause['smallest']:.0f}–{pause['largest']:.0f}). In {page['watched_s']:g} s of training "
        f"{page['tasks_over_50_ms']} of the page's tasks took over 50 ms by the clock; the longest took "
        f"{page['longest_task_ms']:.0f} ms, and {page['longest_task_processor_ms']:.0f} ms of the processor. "
        f"The page's heap is {first:.1f} MB after 5 epochs and {last:.1f} MB after {len(memory)}. "
        f"Gradients of all layers and weights of {len(gradients['nets'])} nets are within {worst:.0e} of PyTorch's in "
        "float64, relative to each tensor's largest.",
        "",
        f"Weights after {gradients['steps']} steps, how far apart by norm, the furthest tensor of each net:",
        "",
        "| net | optimizer | page – PyTorch float32 | page – PyTorch float64 | PyTorch float32 – float64 |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for row in gradients["weights"]:
        pairs = ("page_to_pytorch_float32", "page_to_pytorch_float64", "pytorch_float32_to_float64")
        optimizer = {"sgd": "SGD", "adam": "Adam"}[row["optimizer"]]
        apart = " | ".join(f"{row[pair]['norm']:.0e}" for pair in pairs)
        lines.append(f"| `{row['net']}` | {optimizer}, {row['learning_rate']:g} | {apart} |")
    lines += [
        "",
        f"{where['device_name']}, {where['cores']} cores, no graphics card, Chromium "
        f"{where['chromium'].split('.')[0]}, PyTorch {where['torch'].split('+')[0]} with {where['threads']} threads. "
        f"Made by `{record['command']}`.",
    ]
    return "\n".join(lines) + "\n"


TUTORIAL = "docs/tutorial/first-hour.md"


#: Page → its blocks, each by the name of its record in results/.
def look_sentence(record: dict[str, Any]) -> str:
    """What a look at SimpleCNN on MNIST takes."""
    where, rows = record["environment"], record["rows"]
    whole, layer = rows["look"], rows["look --layer features.0"]
    return (
        f"Of SimpleCNN on all of MNIST the page takes {median(whole['time_s']):.1f} s, "
        f"{median(rows['import torch']['time_s']):.1f} of them for PyTorch's import, at most {whole['peak_mb']} MB; "
        f"one layer {median(layer['time_s']):.1f} s and {layer['peak_mb']} MB (medians of {record['rounds']} on "
        f"{where['device_name']}, {where['cores']} cores, `{record['command']}`). "
        + (f"Note: {record['note']}.\n" if "note" in record else "\n")
    )


def scale_table(record: dict[str, Any]) -> str:
    """How training grows along each axis, and mapped sets beside those in memory."""
    words = {
        "images": "images, `mlp`, time of an epoch",
        "side": "pixels of a side",
        "width": "channels of the first block",
        "depth": "convolutions",
        "seeds": "seeds in one program, time of all",
    }
    lines = [
        "| x | from – to | images a second of processor, smallest and largest | peak, MB | slope |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, axis in record["axes"].items():
        first, last = axis["rows"][0], axis["rows"][-1]
        speeds = " – ".join(f"{row['images_per_processor_s']:,.0f}" for row in (first, last))
        lines.append(
            f"| {words[name]} | {first['x']:,} – {last['x']:,} | {speeds} | {first['peak_mb']:,} – "
            f"{last['peak_mb']:,} | {axis['slope']:.2f} |"
        )
    lines += [
        "",
        "Slope: d log time / d log x; 1 is linear, 0 does not matter. Of size, width and depth the time of an image; "
        "in seconds of processor, all cores together.",
        "",
        f"| {record['images']:,} images | way | images a second of processor | share of the speed in memory | "
        "own memory, MB | with the file's pages, MB |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for net, ways in record["mapped"].items():
        for way, row in ways.items():
            speeds = f"{median(row['images_per_processor_s']):,.0f}"
            lines.append(
                f"| `{net}` | {way} | {speeds} | {row['share']:.0%} | {row['own_mb']:,} | {row['peak_mb']:,} |"
            )
    where = record["environment"]
    lines += [
        "",
        "Own memory has no file behind it; the system takes the file's pages back when it needs room. Cold: the "
        f"system was told to forget the file first. {where['device_name']}, {where['cores']} cores, "
        f"{where['precision']}, torch {where['torch']}. Made by `{record['command']}`."
        + (f" Note: {record['note']}." if "note" in record else ""),
    ]
    return "\n".join(lines) + "\n"


def classroom_sentence(record: dict[str, Any]) -> str:
    """How long a class takes to collect and mark."""
    sixty, with_nets = record["rows"]["a class of sixty"], record["rows"]["a SimpleCNN from each"]
    where = record["environment"]
    return (
        f"Measured: a class of {sixty['students']} made by a program, {sixty['hand_ins']} hand-ins of it right, wrong, "
        f"edited, doubled, late or hostile, is collected and marked in {median(sixty['time_s']):.1f} s; with a "
        f"SimpleCNN of their own from each of {with_nets['nets_measured']} students, measured on 2,000 images each, in "
        f"{median(with_nets['time_s']):.0f} s and at most {with_nets['peak_mb']} MB (medians of "
        f"{len(sixty['time_s'])}, {where['device_name']}, {where['cores']} cores, {where['precision']}; "
        f"`{record['command']}`)"
        + (
            ", and collected again the same bytes are written"
            if sixty["same_bytes"] and with_nets["same_bytes"]
            else ""
        )
        + ". A test holds the marks to those that the program works out itself.\n"
    )


BLOCKS: dict[str, dict[str, Callable[[dict[str, Any]], str]]] = {
    "README.md": {"bench": bench_in_short, "accuracy": accuracy_table},
    TUTORIAL: {"first-hour": first_hour_sentence},
    "docs/how-to/teaching.md": {"classroom": classroom_sentence},
    "docs/explanation/anatomy.md": {"describe": describe_table, "public_nets": public_nets_table},
    "docs/how-to/experiments.md": {"engines": engines_sentence, "batched": batched_sentence},
    "docs/how-to/cluster.md": {"ray": ray_sentence},
    "docs/how-to/explorer.md": {"explorer": explorer_table},
    "docs/how-to/look.md": {"look": look_sentence},
    "docs/how-to/speed.md": {"steps": steps_table, "steps-bfloat16": steps_table},
    "docs/how-to/gpu.md": {"gpu": gpu_table},
    "docs/how-to/playground.md": {"playground": playground_table},
    "docs/explanation/claims.md": {
        "claims": claims_table,
        "claims-quick": claims_table,
        "claims-first-edition": editions_table,
    },
    "docs/explanation/results.md": {
        "accuracy": accuracy_table,
        "few-images": few_images_table,
        "photographs": photographs_table,
        "predict": predict_table,
        "unlike": unlike_table,
        "label_errors": label_errors_table,
        "rows": rows_table,
        "recipes": recipes_table,
        "recipes-best": recipes_table,
        "bench": bench_whole,
        "peers": peers_table,
        "scale": scale_table,
    },
}

#: Pages that are written as a whole.
PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/commands.md": commands,
    "docs/reference/names.md": names_reference,
    "docs/reference/api.md": python_reference,
    "docs/reference/formulas.md": formulas_reference,
    "src/cnnlab/claims/full-round.json": full_round,
}


def main() -> None:
    """Write whole pages, and fill the others' blocks."""
    for page, text in PAGES.items():
        (ROOT / page).write_text(text())
    for page in BLOCKS:
        path = ROOT / page
        path.write_text(filled(page, path.read_text()))


if __name__ == "__main__":
    main()

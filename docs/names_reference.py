"""The reference of all that has a name on the command line: nets, data sets, recipes, variants, engines, claims."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from cnnlab.claims.registry import CLAIMS, find_claim
from cnnlab.data import embedded
from cnnlab.data.known import KNOWN
from cnnlab.data.views import CHANGE_NAMES
from cnnlab.experiments.engines.choice import ENGINES
from cnnlab.experiments.variants import VARIANTS
from cnnlab.nets import NETS, parameter_count
from cnnlab.nets.resolve import options_of
from cnnlab.prepare import PREPARATIONS
from cnnlab.training import RECIPES


def names_reference() -> str:
    """docs/reference/names.md."""
    return "\n".join(
        [
            "# Nets, data, recipes\n",
            "All names that commands take. Written by `docs/generate.py`.\n",
            "## Nets\n",
            "`path/to/file.py:ClassName` is a net, too: [your own](../how-to/own-net.md). Parameters are for images of "
            "1×28×28 and 10 classes.\n",
            *_table(("net", "what it is", "parameters", "options"), map(_net, NETS)),
            "## Data sets\n",
            *_table(("data", "what it is"), _data_sets()),
            "After a name, `@1000` takes the first 1,000 training images of a fixed stratified order, and a change "
            f"makes another set of it: {', '.join(f'`+{name}`' for name in CHANGE_NAMES)}.\n",
            "How an image file of a user's is prepared follows from the data that the net was trained on: `digit` for "
            "MNIST and KMNIST, `garment` for Fashion-MNIST, `resize` for the user's own.\n",
            *_table(("preparation", "what it takes"), ((f"`{name}`", says) for name, says in PREPARATIONS.items())),
            "## Recipes\n",
            "A recipe gives every value of a [Training](api.md#cnnlabtraining); flags change single ones.\n",
            *_table(("recipe", "how it trains"), ((f"`{one.name}`", one.summary) for one in RECIPES.values())),
            "## Variants\n",
            "Changes that `cnnlab compare` knows by name; `--set FIELD=VALUE` makes others.\n",
            *_table(
                ("variant", "what one would expect", "source"),
                ((f"`{one.name}`", one.claim, one.source) for one in VARIANTS.values()),
            ),
            "## Engines\n",
            *_table(("engine", "how it trains many runs"), ((f"`{name}`", says) for name, says in ENGINES.items())),
            "## Claims\n",
            "Statements that `cnnlab claims` puts to the test; [what they came to](../explanation/claims.md).\n",
            *_table(("claim", "statement", "kind"), map(_claim, CLAIMS)),
        ]
    )


def _net(name: str) -> tuple[str, ...]:
    make = NETS[name]
    taken = options_of(name)
    options = ", ".join(f"`--{one.replace('_', '-')}`" for one in inspect.signature(make).parameters if one in taken)
    says = (inspect.getdoc(make) or "").partition("\n")[0]
    return f"`{name}`", says, f"{parameter_count(make()):,}", options or "none"


def _claim(name: str) -> tuple[str, str, str]:
    claim = find_claim(name)
    return f"`{name}`", claim.statement, claim.kind


def _data_sets() -> list[tuple[str, str]]:
    return [
        (f"`{embedded.NAME}`", embedded.DESCRIPTION),
        *((f"`{one.name}`", one.description) for one in KNOWN.values()),
        ("`folder:PATH`", "image files, a folder for each class: [your own images](../how-to/own-data.md)"),
        ("`npz:PATH`", "NumPy arrays, in one file or in one each"),
        ("`csv:FILE`", "a line an image: its label and its pixels"),
        ("`idx:PATH`", "a folder of idx files: EMNIST, QMNIST, or any of MNIST's kind"),
        ("`cifar:PATH`", "CIFAR-10's or CIFAR-100's binary files"),
        ("`parquet:PATH`", "Parquet files of images, as Hugging Face hands them out"),
    ]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]
    return [*lines, ""]

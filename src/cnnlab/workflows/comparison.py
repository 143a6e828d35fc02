"""Variants of a training compared on matched seeds: trained, decided, and written as a page with its reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from cnnlab.config import checked, net_spec
from cnnlab.data import load
from cnnlab.errors import UserError
from cnnlab.experiments.compare import Comparison, as_two_by_two, comparison, contestants
from cnnlab.experiments.engines.choice import choose_engine
from cnnlab.experiments.trainer import Trainer
from cnnlab.experiments.two_by_two import both
from cnnlab.experiments.variants import find_variant, own_variant
from cnnlab.given_kinds import given_names
from cnnlab.plain_files import place_in
from cnnlab.report.comparison.page import comparison_page
from cnnlab.runs.folder import write_json
from cnnlab.runs.plan import Plan
from cnnlab.whole_files import write_whole
from cnnlab.workflows.reports import write_reports
from cnnlab.workflows.watch import Watch


def compare(
    variants: Sequence[str],
    *,
    net: str = "simple-cnn",
    net_options: Mapping[str, Any] | None = None,
    data: str = "mnist-5k",
    recipe: str = "lesson",
    epochs: float | None = None,
    seeds: int = 5,
    factorial: bool = False,
    out: str | Path = "compare",
    data_root: str | Path | None = None,
    engine: str = "auto",
    ray_address: str | None = None,
    watch: Watch | None = None,
) -> Comparison:
    """Compare variants of a training on matched seeds, with a verdict on each: `cnnlab compare` from Python.

    variants: names such as `no-dropout`, and changes of one's own as `field=value`; the baseline is not among them.
    net, net_options, data, recipe, epochs: of the baseline; epochs None for the recipe's own number. seeds: runs of
    each variant, seeds 0 to N-1. factorial: a 2×2 design of exactly two variants, each alone and both.
    out: where `index.html`, `comparison.json` and `runs/` are written; a run that is there is not trained again, and
    one that another process trains is waited for.
    data_root: where data sets lie in PyTorch's layout. engine, ray_address: what trains, as on the command line. The
    engine `process` starts Python anew: in a script call this below `if __name__ == "__main__":`.
    Raises Stopped when `watch` says so, and UserError for what the user can mend.
    """
    watch, folder = watch or Watch(), Path(out)
    named = given_names(variants, "variants", "no-dropout")
    chosen = [find_variant("baseline"), *(own_variant(one) if "=" in one else find_variant(one) for one in named)]
    if len(chosen) < 2:
        raise UserError(
            "compare: got no variants; expected at least one: cnnlab compare --variants no-dropout no-batchnorm"
        )
    if factorial:
        if len(chosen) != 3:
            raise UserError(
                f"--factorial: got {len(chosen) - 1} variant{'s' if len(chosen) > 2 else ''}; expected two: "
                "cnnlab compare --factorial --variants no-dropout no-batchnorm"
            )
        chosen.append(both(chosen[1], chosen[2]))
    trained_by = choose_engine(engine, ray_address=ray_address, say=watch.say)
    requested = {
        "net": net_spec(net, dict(net_options or {})),
        "data": data,
        "recipe": recipe,
        "epochs": epochs,
    }
    base = checked(Plan, requested, "options")
    root = None if data_root is None else str(data_root)
    load_once = cache(lambda name: load(name, root=root, progress=watch.on_data))
    found = contestants(base, chosen, range(seeds), load_once)
    load_once.cache_clear()  # what trains has images of its own; the reports read them again
    trainer = Trainer(place_in(folder, "runs"), trained_by, root, watch.on_progress, watch.on_ahead, watch.should_stop)
    with closing(trained_by):
        jobs = trainer.prepare(found)
        every = [job for of_variant in jobs.values() for job in of_variant]
        watch.on_found(sum(job.is_finished for job in every), len(every))
        trainer.train_jobs(jobs)
    result = comparison(found, jobs)
    if factorial:
        result = as_two_by_two(result)
    page = place_in(folder, "index.html")
    links = {figures.variant.name: write_reports(figures.runs, folder, load_once) for figures in result.variants}
    write_whole(page, comparison_page(result, links=links).encode())
    write_json(folder / "comparison.json", result.to_json() | {"page": str(page)})
    return result

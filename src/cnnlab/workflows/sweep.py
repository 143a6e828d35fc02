"""A net's options searched for the best net: trained, chosen on validation, and written as a page with its reports."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

from cnnlab.config import NetSpec, checked
from cnnlab.data import load
from cnnlab.experiments.compare import contestants
from cnnlab.experiments.engines.choice import choose_engine
from cnnlab.experiments.samplers import Grid, Optuna
from cnnlab.experiments.space import point_variants, read_space
from cnnlab.experiments.sweep import Sweep, conclude, search_points
from cnnlab.experiments.trainer import Trainer
from cnnlab.given_kinds import given_names
from cnnlab.one_writer import one_writer_of_new
from cnnlab.plain_files import place_in
from cnnlab.report.sweep.page import sweep_page
from cnnlab.runs.folder import write_json
from cnnlab.runs.plan import Plan
from cnnlab.whole_files import write_whole
from cnnlab.workflows.reports import write_reports
from cnnlab.workflows.watch import Watch


def sweep(
    values: Sequence[str],
    *,
    net: str = "conv-net",
    data: str = "mnist-5k",
    recipe: str = "lesson",
    epochs: float | None = None,
    seeds: int = 3,
    trials: int | None = None,
    prune: bool = True,
    out: str | Path = "sweep",
    data_root: str | Path | None = None,
    engine: str = "auto",
    ray_address: str | None = None,
    watch: Watch | None = None,
) -> Sweep:
    """Search the combinations of several values for the best net and its cost: `cnnlab sweep` from Python.

    values: `field=value`, a field several times with the values to try, such as `["dropout=0", "dropout=0.5",
    "widths=16,32"]`; a field with one value is fixed. net, data, recipe, epochs: of every point. seeds: runs of a
    point, seeds 0 to N-1. trials: None tries every combination; a number, that many of them, proposed by Optuna's TPE.
    prune: go on, from the second seed on, only with points whose validation accuracy is not clearly below the best.
    out: where `index.html`, `sweep.json` and `runs/` are written; a run that is there is not trained again.
    data_root, engine, ray_address, watch: as in `compare`. Raises Stopped and UserError as that does, and UserError
    where another process writes `out`.
    """
    watch, folder = watch or Watch(), Path(out)
    trained_by = choose_engine(engine, ray_address=ray_address, say=watch.say)
    requested = {"net": NetSpec(name=net), "data": data, "recipe": recipe, "epochs": epochs}
    base, fields = read_space(checked(Plan, requested, "options"), given_names(values, "values", "dropout=0.5"))
    root = None if data_root is None else str(data_root)
    load_once = cache(lambda name: load(name, root=root, progress=watch.on_data))
    found = contestants(base, point_variants(fields), range(seeds), load_once)
    load_once.cache_clear()  # what trains has images of its own; the reports read them again
    with one_writer_of_new(folder), closing(trained_by):
        if trials is None:
            proposals: Grid | Optuna = Grid(fields)
        else:
            key = [base.model_dump(mode="json"), seeds, prune]
            proposals = Optuna(fields, trials=trials, journal=place_in(folder, "optuna.log"), key=key)
        trainer = Trainer(
            place_in(folder, "runs"), trained_by, root, watch.on_progress, watch.on_ahead, watch.should_stop
        )
        standings = search_points(found, proposals, trainer, prune=prune)
        result = conclude(base, standings, trainer, prune=prune)
        page = place_in(folder, "index.html")
        every = [run for point in result.points for run in point.runs]
        every += [run for figures in result.final.variants for run in figures.runs]
        links = dict(zip((run.path for run in every), write_reports(every, folder, load_once), strict=True))
        write_whole(page, sweep_page(result, links=links).encode())
        sampler = "grid" if trials is None else "optuna"
        write_json(folder / "sweep.json", result.to_json() | {"sampler": sampler, "page": str(page)})
    return result

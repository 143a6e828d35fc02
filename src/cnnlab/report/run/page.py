"""A finished run's page: one self-contained HTML file."""

from __future__ import annotations

from torch import nn

from cnnlab.config import PLAYGROUND
from cnnlab.data.imageset import ImageSet
from cnnlab.data.origin import note_without_folders, without_folders
from cnnlab.features.unlike import FALSE_ALARMS, of_kept
from cnnlab.report.back import Back
from cnnlab.report.pages import render
from cnnlab.report.run.again import command, settings
from cnnlab.report.run.calibration import calibration
from cnnlab.report.run.classes import class_by_class
from cnnlab.report.run.confusion import confusion
from cnnlab.report.run.curves import learning_curves
from cnnlab.report.run.filters import first_layer
from cnnlab.report.run.mistakes import mistakes
from cnnlab.runs.folder import Run
from cnnlab.training.course import steps_per_epoch
from cnnlab.training.recipes import RECIPES


def run_page(run: Run, data: ImageSet, net: nn.Module, *, back: Back | None = None) -> str:
    """The page of a finished run, as HTML that loads nothing from elsewhere.

    data: what the run was trained on (its test images are shown). net: with the run's weights; it is only read.
    back: to the lesson that leads here, if one does.
    The same run gives the same page, byte for byte; with an explorer in its folder, one that links to it. Raises
    UserError when the run is not finished.
    """
    result = run.result()
    config, record = run.config, run.config.data
    test = run.evaluations()["test"]
    epochs = run.epochs()
    steps = sum(epoch.steps for epoch in epochs)
    return render(
        "run/page.html",
        back=back,
        config=config,
        is_of_page=config.recipe == PLAYGROUND,
        record=record,
        result=result,
        test=test,
        correct=round(test.accuracy * test.images),
        by_class=class_by_class(test),
        recipe_summary=RECIPES[config.recipe].summary if config.recipe in RECIPES else None,
        test_openings=run.test_openings(),
        eval_time_s=sum(epoch.eval_time_s for epoch in epochs),
        steps=steps,
        images_seen=steps
        * record.images["train"]
        // steps_per_epoch(record.images["train"], config.training.batch_size),
        remeasured_images=epochs[-1].remeasured_images if epochs else 0,
        curves=learning_curves(epochs, result.best_epoch, config.training, net) if epochs else None,
        confusion=confusion(test, data.test),
        calibration=calibration(test, data.test, config.training),
        unlike=of_kept(run.read_unlike(), run.unlike_path, record, net),
        false_alarms=FALSE_ALARMS,
        mistakes=mistakes(test, data.test, record.classes),
        filters=first_layer(net, record.image_shape),
        command=command(config, data, net),
        settings=settings(config.training),
        source=without_folders(record.source),
        notes=[note_without_folders(note, record.source) for note in record.notes],
        environment=run.environment(),
        has_explorer=run.explorer_path.exists(),
    )

"""A look at a trained net as a page: what its early and late layers detect, and what its answers rest on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from urllib.parse import quote

from markupsafe import Markup

from cnnlab.anatomy import Layer
from cnnlab.anatomy.signatures import VALUE_BY_VALUE
from cnnlab.anatomy.walk import Call
from cnnlab.features.looking import Arrangement, LayerLook, Look, WholeLook, in_full
from cnnlab.features.statistics import LayerStatistics
from cnnlab.report.back import Back
from cnnlab.report.look.attribution import attribution_rows
from cnnlab.report.look.scatter import scatter
from cnnlab.report.look.tables import layer_view, stage_view
from cnnlab.report.pages import render
from cnnlab.report.pictures import LARGEST_SIDE, photograph
from cnnlab.report.run.mistakes import MistakePicture
from cnnlab.runs.folder import Run


@dataclass(frozen=True)
class _Row:
    layer: Layer
    figures: LayerStatistics


def look_page(found: WholeLook, run: Run, *, report: str | None, back: Back | None = None) -> str:
    """The page of a whole net, as HTML that loads nothing from elsewhere.

    report: link to the run's report. back: to the lesson that leads here, if one does.
    """
    look, arranged = found.look, found.arrangement
    views = [stage_view(look, stage, number=i) for i, stage in enumerate(look.stages)]
    full = {stage.name for stage in in_full(look.stages)}
    first = look.stages[0].name if look.stages else None
    return render(
        "look/page.html",
        back=back,
        **_common(look, run, report),
        early=[view for view in views if view.name == first],
        between=[view for view in views if view.name not in full],
        late=[view for view in views if view.name in full and view.name != first],
        has_maps=any(view.has_maps for view in views),
        attribution=found.attribution,
        rows=attribution_rows(look.images, found.attribution, look.data),
        figures=_rows(look),
        arranged=arranged,
        scatters=None if arranged is None else _scatters(arranged, look),
        wrong=[] if arranged is None else _wrong(arranged, look),
    )


def layer_page(found: LayerLook, run: Run, *, report: str | None, back: Back | None = None) -> str:
    """The page that shows one layer in full, as HTML; report, back: as in `look_page`."""
    look, layer = found.look, found.layer
    return render(
        "look/layer.html",
        back=back,
        **_common(look, run, report),
        view=layer_view(look, layer, found.stage),
        figures=look.statistics[layer.name],
    )


def _common(look: Look, run: Run, report: str | None) -> dict[str, object]:
    return {
        "config": run.config,
        "net": PurePath(run.config.net.name).name,  # of a net of one's own the file and class, not its folders
        "look": look,
        "classes": look.data.classes,
        "report": None if report is None else quote(report),
        "photographs": [photograph(one.chosen.pixels.numpy()) for one in look.images],
        "shrunk": max(look.data.image_shape[1:]) > LARGEST_SIDE,
        "environment": run.environment(),
    }


def _rows(look: Look) -> list[_Row]:
    """The layers that make values of their own: no reshaping, and no dropout, which rests in eval mode."""
    return [
        _Row(layer, look.statistics[layer.name])
        for layer in look.anatomy.layers
        if layer.name in look.statistics and _makes_values(layer.call)
    ]


def _makes_values(call: Call) -> bool:
    if "dropout" in call.function or call.function == "identity":
        return False
    return not call.is_view or call.function in VALUE_BY_VALUE  # an activation may work in place


def _scatters(found: Arrangement, look: Look) -> dict[str, Markup]:
    points = {"PCA": found.embedding.pca, "t-SNE": found.embedding.tsne}
    return {
        name: scatter(found, places, look.data, label=f"{name} of {len(found.indices)} test images")
        for name, places in points.items()
    }


def _wrong(found: Arrangement, look: Look) -> list[MistakePicture]:
    classes = look.data.classes
    rows = zip(found.indices.tolist(), found.labels.tolist(), found.predicted.tolist(), found.probability, strict=True)
    return [
        MistakePicture(
            picture=photograph(look.data.test.images[index].numpy()),
            index=index,
            true=classes[label],
            called=classes[predicted],
            probability=float(probability),
        )
        for index, label, predicted, probability in rows
        if label != predicted
    ]

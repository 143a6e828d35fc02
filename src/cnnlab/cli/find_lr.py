"""`cnnlab find-lr`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cnnlab.cli import options
from cnnlab.cli.terminal import Work
from cnnlab.config import LARGEST_BATCH
from cnnlab.strict_json import strict_json


@click.command("find-lr")
@click.argument("net")
@click.option("--data", default="mnist-5k", show_default=True, metavar="DATA")
@options.data_root
@options.skip_damaged
@options.image_size
@click.option(
    "--recipe", "recipe_name", default="fast", show_default=True, help="Recipe that gives optimizer and batch size."
)
@click.option("--seed", type=options.SEED, default=0, show_default=True)
@click.option(
    "--batch-size",
    type=click.IntRange(1, LARGEST_BATCH),
    default=None,
    help="Images in a step. [default: the recipe's]",
)
@options.net_options
@options.as_json
def command(
    net: str,
    data: str,
    data_root: Path | None,
    skip_damaged: bool,
    image_size: int | None,
    recipe_name: str,
    seed: int,
    batch_size: int | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Train NET for 100 steps while the learning rate rises from 1e-5 to 1; suggest one from how the loss fell."""
    from cnnlab.config import net_spec
    from cnnlab.data import load
    from cnnlab.nets import build_net
    from cnnlab.nets.resolve import options_of
    from cnnlab.training import find_learning_rate, recipe
    from cnnlab.training.recipes import find_recipe

    data = options.damaged_skipped(data, skip_damaged)
    of_recipe = options.chosen(find_recipe(recipe_name).net_options, options_of(net))
    spec = net_spec(net, of_recipe | options.net_changes(values, net))
    images = load(data, root=data_root, image_size=image_size, progress=Work())
    module = build_net(spec, image_shape=images.image_shape, num_classes=len(images.classes), seed=seed, own_code=net)
    changes = {} if batch_size is None else {"batch_size": batch_size}
    found = find_learning_rate(module, images, recipe(recipe_name, module, images, **changes), seed=seed)
    if as_json:
        click.echo(strict_json(asdict(found)))
        return
    most = max(found.losses)
    for rate, loss in list(zip(found.rates, found.losses, strict=True))[::5]:
        click.echo(f"{rate:9.2e}  loss {loss:7.4f}  {'█' * round(40 * loss / most)}")
    click.echo(f"suggestion  {found.suggestion:.1e}  (for a one-cycle peak, up to ten times as much often works)")

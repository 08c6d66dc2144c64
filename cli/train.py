"""`imgtools train`: one run."""

from __future__ import annotations

from typing import Any

import click

from imagenet_tools.cli.options import (
    PRECISIONS,
    json_option,
    plugin_option,
    precision_option,
    recipe_option,
    seed_option,
    together,
)
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import (
    CheckpointPlace,
    Finite,
    ModelName,
    Place,
    PreprocessingName,
    Records,
    Whole,
)


def _scopes(ctx: click.Context, parameter: click.Parameter, text: str | None) -> list[str]:
    scopes = [scope.strip() for scope in (text or "").split(",") if scope.strip()]
    if text and not scopes:
        raise click.BadParameter(f"{text!r} names no scope")
    return scopes


def _checked(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    from imagenet_tools.training import recipes

    if value is not None:
        try:
            recipes.check(str(parameter.name), value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return value


def recipe_options() -> Any:
    """One option a field of the recipe; only those given change it."""
    from imagenet_tools.training import recipes

    options = []
    for name, field in recipes.FIELDS.items():
        if name == "image_size":
            continue  # the run's own, under TF-Slim's two names
        what, kind = recipes.about(field), type(field.default)
        whose = f" ({', '.join(what.optimizers)})" if what.optimizers else ""
        option = name.replace("_", "-")
        made = click.option(
            f"--{option}/--no-{option}" if kind is bool else f"--{option}",
            name,
            default=None,
            type=click.Choice(what.choices) if what.choices else kind,
            callback=_checked,
            help=f"{what.words}{whose}. TF-Slim's: {field.default}.",
        )
        options.append(made)
    return together(*options)


@click.command()
@click.option(
    "--data",
    "--dataset-dir",
    "data",
    type=Records("train"),
    help="Folder of records (build-tfrecords).",
)
@click.option("--train-dir", type=Place(file_okay=False), help="Folder of the run.")
@click.option(
    "--preprocessing",
    "--preprocessing-name",
    "preprocessing",
    type=PreprocessingName(),
    default="inception",
    help="Pipeline (`imgtools list-preproc`).",
)
@click.option(
    "--model",
    "--model-name",
    "model",
    type=ModelName(),
    default="alexnet_v2",
    help="Net (`imgtools list-models`).",
)
@recipe_option
@click.option("--print-recipe", is_flag=True, help="Print the recipe as YAML and stop.")
@seed_option("Seed of the first weights, the order and every draw.")
@click.option(
    "--max-number-of-steps",
    "steps",
    type=Whole(1),
    help="Number of steps, in place of the recipe's epochs.",
)
@click.option(
    "--image-size",
    "--train-image-size",
    "image_size",
    type=Whole(1),
    help="Image size in pixels, in place of the recipe's.",
)
@click.option(
    "--labels-offset",
    type=Whole(0, 1),
    default=0,
    help="Number subtracted from labels; 1 drops the background class.",
)
@click.option(
    "--save-steps", type=Whole(1), help="Steps between two checkpoints, in place of seconds."
)
@click.option(
    "--save-interval-secs",
    type=Finite(0, min_open=True),
    default=600.0,
    help="Seconds between two checkpoints.",
)
@click.option("--keep", type=Whole(1), default=5, help="Number of checkpoints to keep.")
@click.option(
    "--log-every-n-steps",
    "log_steps",
    type=Whole(1),
    default=10,
    help="Steps between two lines of the log.",
)
@click.option("--deterministic", is_flag=True, help="Give the same bits on every run and resume.")
@precision_option
@click.option("--mixed-precision", is_flag=True, help="Same as --precision bfloat16.")
@click.option("--checkpoint-path", type=CheckpointPlace(), help="Checkpoint to fine-tune from.")
@click.option(
    "--checkpoint-exclude-scopes",
    callback=_scopes,
    help="Scopes that are not taken from that checkpoint, by commas.",
)
@click.option(
    "--trainable-scopes", callback=_scopes, help="Scopes that are trained, by commas. Default: all."
)
@click.option("--ignore-missing-vars", is_flag=True, help="Start afresh what the checkpoint lacks.")
@recipe_options()
@plugin_option
@json_option
def command(
    data: str | None,
    train_dir: str | None,
    recipe: str,
    print_recipe: bool,
    precision: str,
    mixed_precision: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Train one net on records under one pipeline and one seed.

    The same command resumes an interrupted run. The options from --optimizer on change fields of
    the recipe, whose values are their defaults; TF-Slim's value stands beside each. TF-Slim's own
    flags are taken by their names.

    \b
    Example:
      imgtools train --data records --train-dir runs/one --preprocessing alexnet
      imgtools train --recipe slim --print-recipe > my.yaml
      imgtools train --data records --train-dir runs/two --recipe my.yaml --learning-rate 0.005
    """
    from imagenet_tools.training import recipes

    fields = {name: settings.pop(name) for name in recipes.FIELDS if name != "image_size"}
    chosen = recipes.recipe(recipe, **{n: v for n, v in fields.items() if v is not None})
    if print_recipe:
        click.echo(recipes.dump(chosen), nl=False)
        return 0
    if not data or not train_dir:
        raise click.UsageError("--data and --train-dir are needed")
    from imagenet_tools import tensorflow_version

    tensorflow_version.load()
    from imagenet_tools.training import run

    mixed = mixed_precision or precision != PRECISIONS[0]
    result = run.train(data, train_dir, recipe=chosen, mixed_precision=mixed, **settings)
    for warning in result.warnings:
        click.echo(f"Warning: {warning}.", err=True)
    if as_json:
        print_json(result.as_json())
    else:
        click.echo(
            f"{result.steps:,} steps, {result.images_per_second:.0f} images/s, loss "
            f"{result.final_loss:.3f}\nCheckpoint: {result.checkpoint or 'none was written'}"
        )
    return 1 if result.diverged else 0

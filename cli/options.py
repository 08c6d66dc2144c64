"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

from imagenet_tools.cli.text import STDOUT, results_alone
from imagenet_tools.cli.types import (
    SEED,
    CheckpointPlace,
    File,
    ModelName,
    Place,
    PreprocessingName,
    RecipeName,
    RuleName,
    Whole,
)

# A command's function, or the command that click has made of it.
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def together(*options: Callable[[Any], Any]) -> Callable[[Decorated], Decorated]:
    """Several options as one decorator; the help has them in this order."""
    return lambda function: functools.reduce(lambda made, one: one(made), options[::-1], function)


def _for_json(ctx: click.Context, parameter: click.Parameter, given: bool) -> bool:
    if given:
        ctx.meta[STDOUT] = ctx.with_resource(results_alone())
    return given


json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    is_eager=True,
    callback=_for_json,
    help="Print the result as JSON on stdout.",
)
recipe_option = click.option(
    "--recipe",
    type=RecipeName(),
    default="quick",
    help="Recipe, by name (`imgtools list-recipes`) or as a YAML file.",
)
recipe_size_option = click.option(
    "--image-size", type=Whole(67), help="Image size in pixels, in place of the recipe's."
)
mute_option = click.option(
    "--mute",
    multiple=True,
    type=RuleName(),
    metavar="CODE",
    help="Rule whose findings are set aside, by code or name; may be given several times.",
)
undecided_option = click.option(
    "--fail-if-undecided", is_flag=True, help="End with exit code 5 where nothing is decided."
)

PRECISIONS = ("float32", "bfloat16")
precision_option = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default=PRECISIONS[0],
    help="Precision of products in training; bfloat16 is faster where the processor or GPU has it.",
)


def seed_option(of: str) -> Callable[[Decorated], Decorated]:
    """--seed, of these draws."""
    return click.option("--seed", type=SEED, default=0, help=of)


def size_option(default: int) -> Callable[[Decorated], Decorated]:
    """--image-size of what one pipeline makes, with a default of its own in pixels."""
    words = "Output size in pixels."
    return click.option(
        "--image-size", "--size", "size", type=Whole(1), default=default, help=words
    )


def needs_tensorflow(function: Decorated) -> Decorated:
    """Check TensorFlow's version, and import it quietly, before the command does anything."""

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        from imagenet_tools import tensorflow_version

        tensorflow_version.load()
        return function(*args, **kwargs)

    return cast(Decorated, checked)


def _load_plugins(ctx: click.Context, parameter: click.Parameter, paths: tuple[str, ...]) -> Any:
    if paths:
        from imagenet_tools import registry, tensorflow_version

        tensorflow_version.later()
        with results_alone():
            for path in paths:
                registry.load_plugin(path)
    return paths


def _plugins(expose: bool) -> Callable[[Decorated], Decorated]:
    return click.option(
        "--plugin",
        "plugins",
        multiple=True,
        metavar="FILE.py",
        is_eager=True,
        expose_value=expose,
        type=File(exists=True, dir_okay=False),
        callback=_load_plugins,
        help="Python file that registers pipelines or nets; may be given several times.",
    )


plugin_option = _plugins(expose=False)
plugins_option = _plugins(expose=True)  # where processes that are started load them, too

checkpoint_options = together(  # what trained_net.load takes: which net is used, and how
    click.option(
        "--checkpoint",
        "--checkpoint-path",
        "checkpoint",
        required=True,
        type=CheckpointPlace(),
        help="Checkpoint: a run's folder, a prefix, an .index file, or an archive of these.",
    ),
    click.option(
        "--preprocessing",
        "--preprocessing-name",
        "preprocessing",
        type=PreprocessingName(),
        help="Pipeline. Default: that of training, from run.json beside the checkpoint.",
    ),
    click.option(
        "--model",
        "--model-name",
        "model",
        type=ModelName(),
        help="Net. Default: that of training, else alexnet_v2.",
    ),
    click.option(
        "--image-size",
        "--eval-image-size",
        "image_size",
        type=Whole(1),
        help="Image size in pixels. Default: that of training, else the net's.",
    ),
    click.option(
        "--moving-average/--no-moving-average",
        default=None,
        help="Use the averages of the weights, or not. Default: where the recipe kept them.",
    ),
)

ENGINES = {
    "local": "processes of this machine",
    "ray": "tasks of a Ray cluster",
    "beam": "elements of an Apache Beam pipeline",
}


def engine_options(*engines: str) -> Callable[[Decorated], Decorated]:
    """--engine, one of these, and --address: who runs the tasks."""
    *first, last = (ENGINES[name] for name in engines)
    words = f"{', '.join(first)} or {last}"
    extras = ", ".join(f"imgtools[{name}]" for name in engines[1:])
    return together(
        click.option(
            "--engine",
            type=click.Choice(engines),
            default="local",
            help=f"Where the work is done: {words} (extra: {extras}).",
        ),
        click.option(
            "--address",
            help="Address of a running Ray cluster. Default: a local one, for this command.",
        ),
    )


def check_engine(engine: str, address: str | None) -> None:
    if address is not None and engine != "ray":
        raise click.UsageError("--address is a Ray cluster's; give --engine ray with it")


labels_option = click.option(
    "--labels",
    type=click.Choice(("auto", "imagenet", "folders")),
    default="auto",
    help="Numbers of the classes: ImageNet's own, or 1..N by sorted folder name; auto takes "
    "ImageNet's where all classes are its.",
)
workers_option = click.option(
    "--workers", type=Whole(1), help="Number of processes. Default: one a core."
)
raw_options = together(  # what raw.detect takes: which images are meant
    click.option(
        "--raw",
        "raw_path",
        required=True,
        type=Place(),
        metavar="PATH",
        help="Raw images; they are only read.",
    ),
    labels_option,
    click.option(
        "--boxes",
        type=Place(),
        metavar="PATH",
        help="Bounding boxes: a CSV file or a folder of XML. Default: those beside the images.",
    ),
)

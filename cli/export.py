"""`imgtools export`: a SavedModel that takes JPEG bytes."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from imagenet_tools.cli.options import (
    checkpoint_options,
    json_option,
    needs_tensorflow,
    plugin_option,
)
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import Records


@click.command()
@checkpoint_options
@click.option("--out", required=True, type=click.Path(), help="Folder to write; it must not exist.")
@click.option(
    "--data",
    type=Records("validation"),
    help="Folder of records, on whose validation images the export is checked.",
)
@plugin_option
@json_option
@needs_tensorflow
def command(checkpoint: str, out: str, as_json: bool, **settings: Any) -> None:
    """Write a SavedModel with the preprocessing inside: JPEG bytes in, top-5 classes out.

    Its second signature, pixels, takes a decoded image and gives logits; tf2onnx converts it. It is
    loaded again and compared with `eval` before it is kept.

    \b
    Example:
      imgtools export --checkpoint runs/one --data records --out served
    """
    from imagenet_tools.evaluation import saved_model

    written = saved_model.export(checkpoint, out, **settings)
    if as_json:
        print_json(dataclasses.asdict(written))
        return
    click.echo(
        f"{written.folder}: signature serving_default, `images` (JPEG bytes) to label, "
        f"probability, key, words\nChecked on {written.checked} images of {written.on}: "
        f"probabilities within {written.largest_difference:.1g} of the evaluation's"
    )

"""`imgtools new-pipeline`: a pipeline of your own to begin from, with its test."""

from __future__ import annotations

import re
from pathlib import Path

import click


@click.command()
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(file_okay=False, exists=True),
    default=".",
    help="Folder that the two files are written to.",
)
def command(name: str, out: str) -> None:
    """Write a whole pipeline in three parts, and its test, to change as you like.

    \b
    Example:
      imgtools new-pipeline mine
      imgtools check-preproc mine --plugin mine_preprocessing.py
    """
    from importlib import resources

    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) is None:
        raise click.BadParameter(
            f"{name!r} is no name for it; letters, digits and _, a letter first", param_hint="NAME"
        )
    from imagenet_tools import registry, tensorflow_version

    tensorflow_version.later()
    if name in registry.names() or name in registry.parts_alone():
        raise click.UsageError(f"there is a pipeline {name!r} already; choose another name")
    file = f"{name}_preprocessing.py"
    templates = resources.files("imagenet_tools").joinpath("data")
    written = {
        Path(out, file): "new_preprocessing.py.txt",
        Path(out, f"test_{name}_preprocessing.py"): "new_preprocessing_test.py.txt",
    }
    if taken := [path for path in written if path.exists()]:
        raise click.UsageError(f"{taken[0]} is there already; choose another name or --out")
    for path, template in written.items():
        text = templates.joinpath(template).read_text(encoding="utf-8")
        path.write_text(text.replace("NAME", name).replace("FILE", file), encoding="utf-8")
        click.echo(f"wrote {path}")
    click.echo(f"next: imgtools check-preproc {name} --plugin {Path(out, file)}")

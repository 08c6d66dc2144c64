"""`imgtools plan`: how many seeds a difference wants, and what they cost."""

from __future__ import annotations

import click

from imagenet_tools.cli.options import json_option
from imagenet_tools.cli.text import print_json
from imagenet_tools.cli.types import Finite, Whole

SIZE = 224  # pixels, of the hours that are said where no speed is given


@click.command()
@click.option(
    "--difference",
    type=Finite(0, 100, min_open=True),
    required=True,
    help="Difference to be found, in points of top-1.",
)
@click.option(
    "--seed-sd",
    type=Finite(0),
    default=0.2,
    help="Standard deviation of top-1 between seeds, in points.",
)
@click.option(
    "--images",
    type=Whole(1),
    default=50_000,
    help="Number of validation images; a verdict takes 50.",
)
@click.option(
    "--image-variance",
    type=Finite(0),
    default=0.0,
    help="Variance of the arms' difference in the chance of an image; 0 where the "
    "verdict is about these validation images alone, some 0.02 where about new ones.",
)
@click.option(
    "--train-images",
    type=Whole(1),
    default=1_281_167,
    help="Number of images that a run trains on, for the hours.",
)
@click.option(
    "--epochs",
    type=Finite(0),
    default=90.0,
    help="Passes over them, for the hours.",
)
@click.option(
    "--images-per-second",
    type=Finite(0, min_open=True),
    help="Training speed, for the hours. Default: that of 2 CPU cores and of a GPU, 224 px.",
)
@json_option
def command(
    difference: float,
    seed_sd: float,
    images: int,
    image_variance: float,
    train_images: int,
    epochs: float,
    images_per_second: float | None,
    as_json: bool,
) -> None:
    """Say how many seeds an arm it takes to find a difference, and how many hours.

    It is found in 80 of 100 such comparisons, and claimed in 5 of 100 where there is none.

    \b
    Example:
      imgtools plan --difference 0.5 --seed-sd 0.2
      imgtools plan --difference 0.5 --images-per-second 2000
    """
    from imagenet_tools.comparison import cost, power
    from imagenet_tools.comparison.statistics import FEWEST_IMAGES

    if images < FEWEST_IMAGES:
        raise click.UsageError(f"--images {images}: a verdict takes {FEWEST_IMAGES} images or more")
    image_sd = power.image_deviation(image_variance, images)
    needed = power.seeds_needed(difference, seed_sd, image_sd)
    table = {k: round(power.detectable(k, seed_sd, image_sd), 3) for k in (2, 3, 5, 8, 10)}
    trained = 2 * (needed or 0) * epochs * train_images
    speed = images_per_second or cost.cpu_speed(SIZE)
    if as_json:
        hours = trained / speed / 3600 if needed else None
        answer = {"seeds": needed, "detectable": table, "image_sd": image_sd, "hours": hours}
        print_json(answer)
        return
    wanted = "more than 200 seeds" if needed is None else f"{needed} seeds"
    said = f"{wanted} an arm find a difference of {difference:g} points with 80 % power"
    if (least := power.detectable(2, 0.0, image_sd)) > difference:
        said = f"no number of seeds: such images show differences of {least:.2g} points and more"
    click.echo(said)
    click.echo(f"(seed deviation {seed_sd:g} points, {images:,} validation images).")
    if needed:
        at_speed = f"{cost.duration(trained / speed)} at {speed:g} images/s"
        takes = at_speed if images_per_second else cost.in_words(trained, SIZE)
        click.echo(f"Two arms, {epochs:g} epochs of {train_images:,} images each run: {takes}.")
    click.echo("Detectable with")
    for seeds, points in table.items():
        click.echo(f"  {seeds:>2} seeds: {points:.2f} points")

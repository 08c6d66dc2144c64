"""`imgtools compare-preproc`: which pipeline trains the better classifier."""

from __future__ import annotations

import contextlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imagenet_tools.cli.options import (
    Place,
    PreprocessingName,
    SliceType,
    check_engine,
    engine_options,
    json_option,
    needs_tensorflow,
    plugin_option,
)

if TYPE_CHECKING:
    from imagenet_tools.comparison.plan import Plan
    from imagenet_tools.engines.slices import Slice

PROFILES = ("quick", "screen", "verdict", "replicate-slim")
# The embedded data set and a schedule for it: two arms of three seeds within three minutes on two
# cores, both far above the 10 % of guessing.
DEMO_TRAIN, DEMO_VALIDATION, DEMO_EPOCHS = 100, 50, 4.0


def read_config(ctx: click.Context, parameter: click.Parameter, path: str | None) -> None:
    """Take a YAML file's options as defaults; unknown ones are usage errors."""
    if path is None:
        return
    import yaml

    content = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    if not isinstance(content, dict):
        raise click.UsageError(f"{path} is no list of `option: value`")
    known = {one.name for one in ctx.command.params} - {"config"}
    settings = {str(name).replace("-", "_"): value for name, value in content.items()}
    if unknown := sorted(set(settings) - known):
        allowed = ", ".join(sorted(filter(None, known)))
        raise click.UsageError(f"{path}: unknown {', '.join(unknown)}; it may hold {allowed}")
    ctx.default_map = {**(ctx.default_map or {}), **settings}


@click.command()
@click.argument("pipelines", nargs=-1, type=PreprocessingName())
@click.option(
    "--data",
    type=Place(exists=True, file_okay=False),
    help="Folder of records (build-tfrecords). Default: small synthetic images made on the spot.",
)
@click.option("--out", type=Place(file_okay=False), help="Default: runs/<a>-vs-<b>.")
@click.option("--profile", type=click.Choice(PROFILES), default="quick", show_default=True)
@click.option("--recipe", help="A recipe's name or YAML file, in place of the profile's.")
@click.option("--epochs", type=float, help="In place of the recipe's.")
@click.option("--seeds", type=click.IntRange(1), help="Runs an arm, in place of the profile's.")
@click.option(
    "--margin",
    type=float,
    default=0.5,
    show_default=True,
    help="Points of top-1 within which a difference is of no account.",
)
@click.option("--image-size", type=click.IntRange(67), help="Pixels, in place of the recipe's.")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Runs at a time. Default: 1; on a Ray cluster, one a GPU, or one a node.",
)
@engine_options("local", "ray")
@click.option("--no-matrix", is_flag=True, help="Evaluate each arm under its own path only.")
@click.option("--ten-crop", is_flag=True, help="Evaluate each run on ten crops, too.")
@click.option(
    "--match-scale",
    is_flag=True,
    help="Multiply each arm's values so that their root mean square is 1.",
)
@click.option(
    "--attribute",
    is_flag=True,
    help="Train every combination of two pipelines' parts: which part makes the difference.",
)
@click.option("--plan-only", is_flag=True, help="Print the plan and what it costs, and stop.")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False),
    is_eager=True,
    callback=read_config,
    expose_value=False,
    help="A YAML file of these options; what is typed goes before it.",
)
@click.option(
    "--run-slice",
    type=SliceType(),
    help="Carry out every N-th run from the i-th on: a task of an array job, on the --data and "
    "--out of the others. `imgtools finalize` reports.",
)
@click.option("--fail-if-undecided", is_flag=True, help="Exit code 5 for an undecided comparison.")
@plugin_option
@json_option
@needs_tensorflow
def command(
    pipelines: tuple[str, ...],
    data: str | None,
    out: str | None,
    profile: str,
    recipe: str | None,
    epochs: float | None,
    seeds: int | None,
    margin: float,
    image_size: int | None,
    jobs: int | None,
    engine: str,
    address: str | None,
    no_matrix: bool,
    ten_crop: bool,
    match_scale: bool,
    attribute: bool,
    plan_only: bool,
    run_slice: Slice | None,
    fail_if_undecided: bool,
    plugins: tuple[str, ...],
    as_json: bool,
) -> int:
    """Train and evaluate a net under each pipeline, and say which one is better.

    Every pipeline is an arm: several seeds each, the same start, data order and shared draws, the
    last checkpoint, every validation image once. Writes report.html, report.md and report.json.
    The same command resumes an interrupted comparison.

    \b
    Example:
      imgtools compare-preproc alexnet inception
      imgtools compare-preproc alexnet inception vgg --data records --seeds 5
      imgtools compare-preproc alexnet alexnet:lighting=0 --data records
      imgtools compare-preproc --config comparison.yaml
    """
    from imagenet_tools import storage
    from imagenet_tools.comparison import compare, plan
    from imagenet_tools.training import recipes

    if len(pipelines) < 2:
        raise click.UsageError("name two pipelines or more: imgtools compare-preproc A B")
    check_engine(engine, address)
    if run_slice is not None and data is None:
        raise click.UsageError("--run-slice needs --data: every task must see the same records")
    name = "-vs-".join(spec.replace(":", "-").replace(",", "-") for spec in pipelines)
    folder = storage.place(out or f"runs/{name}")
    synthetic = data is None
    changes: dict[str, Any] = {}
    if synthetic:
        data = _synthetic_records(storage.staging(folder))
        changes["epochs"] = DEMO_EPOCHS
    if epochs is not None:
        changes["epochs"] = epochs
    if match_scale:
        size = image_size or recipes.recipe(recipe or plan.PROFILES[profile].recipe).image_size
        pipelines = compare.unit_scale(pipelines, data or "", size)
    made = plan.make(
        pipelines,
        data or "",
        profile=profile,
        recipe=recipe,
        changes=changes,
        seeds=seeds,
        margin=margin,
        image_size=image_size,
        synthetic=synthetic,
        matrix=not no_matrix,
        ten_crop=ten_crop,
        attribute=attribute,
    )
    if plan_only:
        _print_plan(made, as_json)
        return 0
    with contextlib.ExitStack() as held:
        launch = None
        if engine == "ray":
            from imagenet_tools.comparison import on_ray
            from imagenet_tools.engines import ray_cluster

            ray = held.enter_context(ray_cluster.connected(address))
            launch, jobs = on_ray.launcher(ray, data or "", jobs, plugins)
        run: dict[str, Any] = {"jobs": jobs or 1, "plugins": plugins, "launch": launch}
        if run_slice is not None:
            count = compare.run_slice(made, folder, data or "", run_slice, **run)
            click.echo(
                f"{folder}: slice {run_slice}, {count} runs\n"
                f"  when every slice is done: imgtools finalize {folder} --data {data}"
            )
            return 0
        again = storage.redact(shlex.join(["imgtools", *sys.argv[1:]]))
        written = compare.compare(made, folder, data or "", command=again, **run)
    if as_json:
        import json

        click.echo(json.dumps(written.content))
    else:
        print_verdict(written)
    undecided = "inconclusive" in written.kinds
    return 5 if fail_if_undecided and undecided else 0


def _synthetic_records(folder: Path) -> str:
    """Make the embedded data set and build its records, once."""
    from imagenet_tools import raw, records, synthetic

    images, built = folder / "synthetic-images", folder / "synthetic-records"
    click.echo("No --data: comparing on synthetic images made by imgtools.", err=True)
    synthetic.generate(images, train_per_class=DEMO_TRAIN, validation_per_class=DEMO_VALIDATION)
    records.build(raw.detect(images, labels="folders"), built)
    return str(built)


def _print_plan(made: Plan, as_json: bool) -> None:
    """The plan as YAML or JSON, with its cost: the training images, and hours at known speeds."""
    import json

    import yaml

    from imagenet_tools.comparison import plan

    content = plan.to_dict(made)
    if as_json:
        cost = {"images_trained": made.images_trained, "cpu_hours": made.cpu_hours()}
        click.echo(json.dumps({**content, "cost": cost}, indent=1))
        return
    click.echo(yaml.safe_dump(content, sort_keys=False).rstrip())
    runs = len(made.arms) * len(made.seeds)
    most = ", fewer where a look decides," if made.looks else ""
    click.echo(
        f"# {runs} runs of {made.steps:,} steps{most} and {made.images_trained:,} images to train "
        f"on.\n# {plan.cost(made.images_trained, made.image_size)}; evaluations come on top."
    )


def print_verdict(written: Any) -> None:
    for arm in written.content["arms"]:
        runs = "  ".join(f"{value:.2f}" for value in arm["top1"])
        click.echo(f"{arm['spec']:<24} top-1 by seed: {runs}")
    click.echo("")
    for sentence in written.sentences:
        click.echo(f"VERDICT  {sentence}.")
    from imagenet_tools.comparison import plan
    from imagenet_tools.comparison.report import sections

    content = written.content
    for text in [*content["deviations"], *content["warnings"]]:
        click.echo(f"NOTE     {text}.")
    if content["look"]:
        click.echo(content["look"])
    click.echo(sections.scope(plan.from_dict(content["plan"]), content["seeds"]))
    click.echo(f"\nReport: {written.folder / 'report.html'}")

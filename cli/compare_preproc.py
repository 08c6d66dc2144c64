"""`imgtools compare-preproc`: which pipeline trains the better classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imagenet_tools.cli import text
from imagenet_tools.cli.options import (
    check_engine,
    engine_options,
    json_option,
    plugins_option,
    precision_option,
    recipe_size_option,
    undecided_option,
)
from imagenet_tools.cli.types import (
    File,
    Finite,
    Place,
    PreprocessingName,
    RecipeName,
    Records,
    SliceType,
    Whole,
)
from imagenet_tools.errors import UNDECIDED, did_you_mean, near

if TYPE_CHECKING:
    from imagenet_tools.comparison.prepare import Prepared
    from imagenet_tools.engines.slices import Slice

PROFILES = ("quick", "screen", "verdict", "replicate-slim")


def read_config(ctx: click.Context, parameter: click.Parameter, path: str | None) -> None:
    """Take a YAML file's options as defaults; what they may not be is said with the line."""
    if path is None:
        return
    from imagenet_tools.storage import yaml_file

    try:
        document = yaml_file.read(path)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    taken = [one for one in ctx.command.params if one.expose_value]
    typed = {one.opts[0].lstrip("-").replace("-", "_"): one for one in taken}
    known = {str(one.name): one for one in taken} | typed
    settings = {}
    for field, value in document.fields.items():
        name = field.replace("-", "_")
        if name not in known:
            hint = did_you_mean(near(name, typed))
            raise click.UsageError(
                f"{document.at(field)}unknown option {field}.{hint} It may hold {', '.join(typed)}"
            )
        if known[name].name in settings:
            raise click.UsageError(f"{document.at(field)}{field} is given twice, in two spellings")
        if known[name].multiple and isinstance(value, str):
            value = [value]
        try:
            _check_type(known[name], value)
            if name != "pipelines":  # plug-ins come first
                known[name].type_cast_value(ctx, value)
        except click.BadParameter as error:
            raise click.UsageError(f"{document.at(field)}{field}: {error.message}") from None
        settings[str(known[name].name)] = value
    ctx.default_map = {**(ctx.default_map or {}), **settings}


def _check_type(option: click.Parameter, value: Any) -> None:
    """Refuse what click would bend: true for 1, 3.5 for 3, nothing for the default."""
    if isinstance(option, click.Option) and option.is_flag:
        fits, wanted = isinstance(value, bool), "true or false"
    elif isinstance(option.type, click.types.IntParamType):
        fits, wanted = isinstance(value, int) and not isinstance(value, bool), "a whole number"
    elif isinstance(option.type, click.types.FloatParamType):
        fits, wanted = type(value) in (int, float, str), "a number"
    elif option.multiple or option.nargs == -1:
        several = value if isinstance(value, list) else [value]
        fits, wanted = all(isinstance(one, str) for one in several), "a list of names"
    else:
        fits, wanted = isinstance(value, str), "text"
    if not fits:
        raise click.BadParameter(f"{value!r} is not {wanted}")


def _two(ctx: click.Context, parameter: click.Parameter, specs: tuple[str, ...]) -> Any:
    if len(specs) < 2:
        raise click.UsageError("name two pipelines or more: imgtools compare-preproc A B")
    return specs


@click.command()
@click.argument("pipelines", nargs=-1, type=PreprocessingName(), callback=_two)
@click.option(
    "--data",
    type=Records("train", "validation"),
    help="Folder of records (build-tfrecords). Default: small synthetic images made on the spot, "
    "and the recipe demo.",
)
@click.option(
    "--out", type=Place(file_okay=False), help="Folder of the comparison. Default: runs/<a>-vs-<b>."
)
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="quick",
    help="Recipe and seeds under one name: for a look, a screening, a verdict, or TF-Slim's own "
    "training.",
)
@click.option(
    "--recipe",
    type=RecipeName(),
    help="Recipe, by name or as a YAML file, in place of the profile's.",
)
@click.option(
    "--epochs",
    type=Finite(0, min_open=True),
    help="Passes over the training images, in place of the recipe's.",
)
@click.option("--seeds", type=Whole(1), help="Number of runs an arm, in place of the profile's.")
@click.option(
    "--first-seed",
    type=Whole(1),
    default=1,
    help="First seed: a new comparison after another takes new ones.",
)
@click.option(
    "--margin",
    type=Finite(0, min_open=True),
    default=0.5,
    help="Points of top-1 within which a difference does not count.",
)
@recipe_size_option
@click.option(
    "--jobs",
    type=Whole(1),
    help="Number of runs at a time. Default: 1, on synthetic images 2; on a Ray cluster one a GPU, "
    "or one a node.",
)
@engine_options("local", "ray")
@click.option(
    "--no-matrix", is_flag=True, help="Evaluate each arm under its own evaluation path alone."
)
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
@precision_option
@click.option(
    "--plan-only",
    is_flag=True,
    help="Print the plan and what it takes here (some steps are timed), and stop.",
)
@click.option(
    "--config",
    type=File(exists=True, dir_okay=False),
    is_eager=True,
    callback=read_config,
    expose_value=False,
    help="YAML file of these options; what is typed goes before it.",
)
@click.option(
    "--run-slice",
    type=SliceType(),
    help="Carry out every N-th run from the i-th on: a task of an array job, on the --data and "
    "--out of the others. `imgtools finalize` reports.",
)
@undecided_option
@plugins_option
@json_option
def command(
    pipelines: tuple[str, ...],
    data: str | None,
    out: str | None,
    jobs: int | None,
    engine: str,
    address: str | None,
    no_matrix: bool,
    plan_only: bool,
    run_slice: Slice | None,
    fail_if_undecided: bool,
    plugins: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> int:
    """Train and evaluate a net under each pipeline, and say which one is better.

    Every pipeline is an arm, with a run a seed: the same start, data order and shared draws, the
    last checkpoint, every validation image once. The first arm is compared with each other one. The
    same command resumes after an interrupt.

    \b
    Example:
      imgtools compare-preproc alexnet inception
      imgtools compare-preproc alexnet inception vgg --data records --seeds 5
      imgtools compare-preproc alexnet alexnet:lighting=0 --data records
      imgtools compare-preproc --config comparison.yaml
    """
    check_engine(engine, address)
    if run_slice is not None and data is None:
        raise click.UsageError("--run-slice needs --data: every task must see the same records")
    from imagenet_tools import tensorflow_version

    tensorflow_version.load()
    if data is None:
        text.say("No --data: comparing on synthetic images made by imgtools.")
    from imagenet_tools.comparison import compare, prepare

    prepared = prepare.prepare(pipelines, data, out, matrix=not no_matrix, **options)
    if plan_only:
        return _print_plan(prepared, as_json)
    with compare.launched(engine, address, prepared.data, jobs, plugins) as how:
        if run_slice is not None:
            count = compare.run_slice(*prepared, run_slice, **how)
            click.echo(
                f"{prepared.folder}: slice {run_slice}, {count} runs\n  when every slice is done: "
                f"imgtools finalize {prepared.folder} --data {prepared.data}"
            )
            return 0
        report = compare.carry_out(*prepared, command=text.command_line(), **how)
    text.print_report(report, as_json)
    return UNDECIDED if fail_if_undecided and "inconclusive" in report.kinds else 0


def _print_plan(prepared: Prepared, as_json: bool) -> int:
    """The plan as YAML or JSON, with its images to train on and its time on this machine."""
    import yaml

    from imagenet_tools.comparison import cost, plan_file

    plan = prepared.plan
    content = plan_file.to_dict(plan)
    speed = cost.measure(plan, prepared.data)
    seconds = cost.of_plan(plan, speed)
    if as_json:
        figures = {
            "images_trained": plan.images_trained,
            "hours": seconds / 3600,
            "trained_images_per_second": speed.trained,
            "evaluated_images_per_second": speed.evaluated,
            "start_seconds": speed.start,
        }
        text.print_json({**content, "cost": figures}, indent=1)
        return 0
    click.echo(yaml.safe_dump(content, sort_keys=False).rstrip())
    most = ", fewer where a look decides," if plan.looks else ""
    click.echo(
        f"# {len(plan.runs())} runs of {plan.steps:,} steps{most} and {plan.images_trained:,} "
        f"images to train on.\n# About {cost.duration(seconds)} on this machine, as it is now: "
        f"{speed.trained:,.0f} images/s in training,\n# {speed.evaluated:,.0f} in evaluation, "
        f"{cost.duration(speed.start)} a run to start and save."
    )
    return 0

"""imgtools build-tfrecords"""

from __future__ import annotations

import functools
import os
import time
from typing import TYPE_CHECKING, Any

import click

from imagenet_tools.cli import text
from imagenet_tools.cli.options import (
    check_engine,
    engine_options,
    json_option,
    raw_options,
    workers_option,
)
from imagenet_tools.cli.types import Place, SliceType, Whole

if TYPE_CHECKING:
    from imagenet_tools.engines.slices import Slice
    from imagenet_tools.records import Manifest


@click.command()
@raw_options
@click.option(
    "--out",
    required=True,
    type=Place(file_okay=False),
    metavar="DIR",
    help="Folder for the records.",
)
@click.option(
    "--split",
    type=click.Choice(("train", "validation")),
    help="Build this split alone. Default: both; one that is not there is an error.",
)
@click.option(
    "--train-shards",
    type=Whole(1, 99999),
    help="Number of training shards. Default: 1024 for ImageNet, else some 1250 images each.",
)
@click.option(
    "--validation-shards",
    type=Whole(1, 99999),
    help="Number of validation shards. Default: 128 for ImageNet, else some 390 images each.",
)
@workers_option
@click.option("--seed", type=Whole(0), default=0, help="Seed of the shuffle.")
@click.option(
    "--on-damaged",
    type=click.Choice(("fail", "skip", "repair")),
    default="fail",
    help="What becomes of damaged images: fail lists them and writes no manifest, skip leaves them "
    "out, repair keeps what still decodes.",
)
@click.option(
    "--verify",
    type=click.Choice(("structure", "decode")),
    default="structure",
    help="How damage is looked for: walk each JPEG's structure, or decode every pixel too.",
)
@click.option(
    "--max-side",
    type=Whole(8),
    metavar="N",
    help="Make the shorter side at most N pixels (antialiased, JPEG quality 92).",
)
@click.option(
    "--store",
    type=click.Choice(("original", "raw")),
    default="original",
    help="What a record holds: the file's own bytes, or decoded pixels (large; quick to read).",
)
@click.option("--index", type=click.Choice(("dali",)), help="Write index files too, for DALI.")
@click.option(
    "--slim-compat",
    is_flag=True,
    help="Repeat TF-Slim's constants: grey images are called RGB with 3 channels.",
)
@click.option(
    "--shard-slice",
    type=SliceType(),
    help="Write every N-th shard from the i-th on: a task of an array job. `imgtools finalize` "
    "ends the build.",
)
@engine_options("local", "ray", "beam")
@click.option(
    "--beam-pipeline-options",
    metavar="OPTION=VALUE,...",
    help="Options of Beam, such as runner=DataflowRunner,project=P,region=R. Default: all in this "
    "process.",
)
@json_option
def command(
    raw_path: str,
    split: str | None,
    shard_slice: Slice | None,
    engine: str,
    address: str | None,
    beam_pipeline_options: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Build TFRecords from raw images in any known layout, without extracting anything.

    Images keep their own bytes. The same images and seed give the same records on any machine;
    an interrupted build goes on where it stopped when the same command is run again.

    \b
    Example:
      imgtools build-tfrecords --raw ~/imagenet --out ~/records
      imgtools build-tfrecords --raw ~/imagenette --out ~/records-160 --max-side 160
      imgtools build-tfrecords --raw ILSVRC2012_img_val.tar --out ~/validation --split validation
      imgtools build-tfrecords --raw ~/imagenet --out ~/records --shard-slice 3/64
      imgtools build-tfrecords --raw ~/imagenet --out ~/records --engine ray --address auto
      imgtools build-tfrecords --raw ~/imagenet --out ~/records --engine beam
    """
    from imagenet_tools import raw, records, storage
    from imagenet_tools.engines import processes
    from imagenet_tools.raw import parquet, tar_index

    check_engine(engine, address)
    if beam_pipeline_options is not None and engine != "beam":
        raise click.UsageError("--beam-pipeline-options are Beam's; give --engine beam with them")
    if engine != "local":
        # Workers elsewhere do not start in this folder.
        raw_path, options["out"] = (_absolute(path) for path in (raw_path, options["out"]))
        options["engine"] = _engine(engine, address, beam_pipeline_options)
    elif options["workers"] != 1:
        processes.warm("imagenet_tools.records.shard")  # while the raw data is listed
    start = time.perf_counter()
    kinds = {name: options.pop(name) for name in ("labels", "boxes")}
    with tar_index.kept(options["out"]) as tars:
        raw_set = raw.detect(raw_path, tars=tars, **kinds)
        records.refuse_raw_folder(raw_set, raw_path, options["out"])
    text.say(raw_set.description)
    if size := parquet.to_copy(raw_set):
        text.say(f"to be copied to {storage.cache_folder()}: {size / 1e9:,.3f} GB")
    if split is not None:
        options["splits"] = (split,)
    kept = ("max_side", "store", "verify", "on_damaged", "slim_compat")
    settings = records.Settings(**{name: options.pop(name) for name in kept})
    out = options.pop("out")
    if shard_slice is not None:
        count = records.build_slice(raw_set, out, shard_slice, settings=settings, **options)
        _say_slice(out, shard_slice, count, as_json)
        return
    complete = (storage.place(out) / records.NAME).exists()
    manifest = records.build(raw_set, out, settings=settings, **options)
    seconds = time.perf_counter() - start
    if as_json:
        text.print_json({**text.build_json(out, manifest), "seconds": round(seconds, 3)}, indent=1)
    else:
        click.echo("\n".join(text.build_summary(out, manifest)))
        click.echo(
            "  it was complete already; nothing was written"
            if complete
            else _speed(manifest, seconds)
        )


def _say_slice(out: str, shard_slice: Slice, count: int, as_json: bool) -> None:
    if as_json:
        text.print_json({"out": out, "slice": str(shard_slice), "shards": count})
        return
    click.echo(f"{out}: slice {shard_slice}, {count:,} shards")
    click.echo(f"  when every slice is done: imgtools finalize {out}")


def _absolute(path: str) -> str:
    return path if "://" in path else os.path.abspath(path)


def _engine(name: str, address: str | None, beam_pipeline_options: str | None) -> Any:
    """What runs the shards elsewhere: the `engine` of records.build."""
    if name == "ray":
        from imagenet_tools.engines import ray_cluster

        return functools.partial(ray_cluster.run, address=address)
    from imagenet_tools.records import beam

    beam_options = beam.pipeline_options(beam_pipeline_options or "")
    return functools.partial(beam.run, options=beam_options)


def _speed(manifest: Manifest, seconds: float) -> str:
    total = sum(split.records for split in manifest.splits.values())
    size = sum(split.bytes for split in manifest.splits.values())
    rate = f"{total / seconds:,.0f} images/s, {size / seconds / 1e6:,.0f} MB/s"
    return f"  {seconds:.1f} s, {rate}"

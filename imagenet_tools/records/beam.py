"""Apache Beam as the engine of builds, for Dataflow and other runners: one element a shard.

Needs the extra: pip install 'imgtools[beam]'. Map-only: each element is the name of a small file
that holds one task, no image passes through Beam, and a bundle that is repeated does no shard
again. Beam hands nothing back to the program that started it, so results are read from the notes
that tasks leave in the folder; that folder and the raw images must be seen by every worker.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from imagenet_tools import storage
from imagenet_tools.errors import Unfinished
from imagenet_tools.raw.boxes import PixelBox
from imagenet_tools.raw.image import RawImage
from imagenet_tools.records import journal
from imagenet_tools.records.prepare import Settings
from imagenet_tools.records.shard import ShardResult, ShardTask, write_note

STEP = "write shards"


def pipeline_options(text: str = "") -> Any:
    """Beam's PipelineOptions from "runner=DataflowRunner,project=mine", as tfds takes them.

    Without a runner it is Beam's own, in this process. Raises ImportError with the remedy where
    Beam is not installed, ValueError where Beam does not take an option.
    """
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError:
        raise ImportError(
            "Apache Beam is not installed. To install it: pip install 'imgtools[beam]'"
        ) from None
    flags = [f"--{option.strip().lstrip('-')}" for option in text.split(",") if option.strip()]
    # Beam's own runner would otherwise download another one, and fall back on itself where it
    # cannot. There is no trigger in this pipeline, safe or not.
    flags.append("--allow_unsafe_triggers")
    options = PipelineOptions(flags)
    try:
        options.get_all_options()
    except SystemExit:  # argparse has said why, on stderr
        raise ValueError(f"Apache Beam does not take these pipeline options: {text}") from None
    return options


def run(
    function: Callable[[ShardTask], ShardResult],
    tasks: Iterable[ShardTask],
    workers: int,
    *,
    options: Any = None,
) -> Iterator[tuple[ShardTask, Callable[[], ShardResult]]]:
    """Do as processes.run in a Beam pipeline: yield (task, outcome) when all of it has ended.

    workers: not used, a runner has options of its own for that. Every task needs a note_path.
    Raises Unfinished where the pipeline failed; the shards that it finished stay. ValueError where
    Beam does not know the runner, or misses one of its options.
    """
    options = pipeline_options() if options is None else options
    import apache_beam as beam

    pipeline = beam.Pipeline(options=options)
    # Not the tasks themselves: Dataflow refuses a job of more than 10 MB, which 80 shards are.
    paths = [_store(task) for task in tasks]
    try:
        with pipeline:
            _ = pipeline | beam.Create(paths) | STEP >> beam.Map(partial(_write, function))
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise Unfinished(f"the Beam pipeline failed: {lines[-1]}") from error
    for path in paths:
        task = _load(path)
        yield task, partial(_outcome, task)


def _write(function: Callable[[ShardTask], ShardResult], path: str) -> None:
    """Do the task of this file, at a worker."""
    task = _load(path)
    try:
        result = function(task)
        if result.shard is None:  # for damage, which the driver is to list
            write_note(str(task.note_path), result, task.settings)
    except OSError as error:
        raise OSError(f"{os.path.basename(task.path)} was not written: {error}") from error


def _outcome(task: ShardTask) -> ShardResult:
    """What a task has noted."""
    try:
        result, _ = journal.read_note(str(task.note_path))
        if result.shard is not None:
            storage.size(task.path)
    except (OSError, ValueError):  # it is not there, or no note
        raise Unfinished(
            f"the Beam pipeline ended and {task.path} is not there; do its workers see this folder?"
        ) from None
    return result


def _store(task: ShardTask) -> str:
    """Write a task beside where its note will be; return the path."""
    rows = [
        [*image[:-1], [(isinstance(box, PixelBox), box) for box in image.boxes]]
        for image in task.images
    ]
    content = {**vars(task), "images": rows, "words": dict(task.words)}
    content["settings"] = vars(task.settings)
    path = f"{str(task.note_path).removesuffix('.json')}.task"
    storage.place(path).write_text(json.dumps(content), encoding="ascii")
    return path


def _load(path: str) -> ShardTask:
    content = json.loads(storage.place(path).read_text(encoding="ascii"))
    images = tuple(_image(row) for row in content.pop("images"))
    return ShardTask(images=images, settings=Settings(**content.pop("settings")), **content)


def _image(row: list[Any]) -> RawImage:
    row[-1] = tuple(PixelBox(*box) if in_pixels else tuple(box) for in_pixels, box in row[-1])
    return RawImage(*row)

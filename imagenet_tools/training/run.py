"""Train a net on records under one pipeline: one run, resumable, from one seed.

    train("records", "runs/one", preprocessing="alexnet", recipe="quick", seed=1)

Everything random is an argument: weights by (seed, name), order and augmentation by (seed, epoch,
key), dropout by (seed, step). A run folder holds run.json (what was asked for, and the result),
metrics.jsonl, checkpoints and TensorBoard events.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools import nets, records, registry, storage, terminal
from imagenet_tools.errors import PipelineFailed
from imagenet_tools.nets import initialisation
from imagenet_tools.pipelines.limits import whole
from imagenet_tools.records.manifest import Manifest
from imagenet_tools.training import (
    checkpoints,
    damage,
    devices,
    loop,
    recipes,
    run_folder,
    schedule,
    sending,
    symptoms,
)
from imagenet_tools.training.batches import Reading
from imagenet_tools.training.run_folder import Run
from imagenet_tools.training.step import Start, Trainer
from imagenet_tools.training.train_result import TrainResult
from imagenet_tools.training.validation import Validation


def train(
    data: str | os.PathLike[str],
    train_dir: str | os.PathLike[str],
    *,
    preprocessing: str = "inception",
    model: str = nets.DEFAULT,
    recipe: recipes.Recipe | str = "quick",
    image_size: int | None = None,
    seed: int = 0,
    steps: int | None = None,
    labels_offset: int = 0,
    save_steps: int | None = None,
    save_interval_secs: float = 600.0,
    keep: int = 5,
    log_steps: int = 10,
    deterministic: bool = False,
    mixed_precision: bool = False,
    checkpoint_path: str | None = None,
    checkpoint_exclude_scopes: Sequence[str] = (),
    trainable_scopes: Sequence[str] = (),
    ignore_missing_vars: bool = False,
    device_names: Sequence[str] = (),
    saved: Callable[[], None] | None = None,
) -> TrainResult:
    """Train `model` on the records in `data`, into `train_dir`, and return the result.

    A folder that holds an unfinished run of the same settings is resumed from its last whole
    checkpoint, and the result of a finished one is returned as it is; a folder that holds another
    run is an error (ValueError naming the difference).
    steps: in place of the recipe's epochs. labels_offset: subtracted from labels 1..N; 0 keeps
    the background class (N + 1 logits), 1 drops it (N). checkpoint_path: where to fine-tune from,
    without checkpoint_exclude_scopes. mixed_precision: bfloat16 on the way. save_steps: a
    checkpoint every so many steps, in place of one every save_interval_secs (which several workers,
    whose clocks differ, do not follow); there is always one at the end. device_names: see
    devices.choose; of several workers, the first writes, and all read the same folders. saved: is
    called after each checkpoint. A folder in a store is trained in locally, and its last checkpoint
    is sent there each time, so that another machine can go on.
    Raises ValueError for a number out of its range and whatever else cannot be, DamagedData for
    records that are not the manifest's or cannot be read, PipelineFailed where the pipeline fails
    on an image, Stopped where the process was told to end (SIGTERM, SIGHUP), Unfinished where its
    disk is full.
    """
    if not checkpoint_path and (checkpoint_exclude_scopes or ignore_missing_vars):
        one = "checkpoint-exclude-scopes" if checkpoint_exclude_scopes else "ignore-missing-vars"
        raise ValueError(f"--{one} is about a checkpoint; give it as --checkpoint-path")
    counts = {"steps": steps, "save_steps": save_steps, "keep": keep, "log_steps": log_steps}
    for name, number in counts.items():
        if number is not None:
            whole(name, number, 1)
    used = devices.choose(device_names)
    recipe = recipes.recipe(recipe) if isinstance(recipe, str) else recipe
    records.check_sizes(data, "train")
    reading = Reading(
        data, "train", (registry.get(preprocessing),), recipe.batch_size,
        recipe.image_size if image_size is None else image_size, True, seed, labels_offset,
    )  # fmt: skip
    start = None
    if checkpoint_path:
        start = Start(checkpoint_path, checkpoint_exclude_scopes, ignore_missing_vars)
    seconds = save_interval_secs if used.workers == 1 else math.inf
    job = _Job(
        reading, recipe, model, records.read_manifest(data), steps, start, tuple(trainable_scopes),
        deterministic, mixed_precision, used, loop.Saving(save_steps, seconds, keep), log_steps,
    )  # fmt: skip
    return _train(job, train_dir, saved or partial(sending.send, train_dir))


@dataclass(frozen=True)
class _Job:
    """All that was asked for."""

    reading: Reading
    recipe: recipes.Recipe
    model: str
    manifest: Manifest
    steps: int | None
    start: Start | None
    scopes: tuple[str, ...]
    deterministic: bool
    mixed_precision: bool
    devices: devices.Devices
    saving: loop.Saving
    log_steps: int

    @property
    def images(self) -> int:
        return self.manifest.splits["train"].records

    def run(self) -> Run:
        """What identifies it."""
        (pipeline,) = self.reading.pipelines
        return Run(
            preprocessing=pipeline.spec,
            fingerprint=pipeline.fingerprint,
            model=self.model,
            recipe=dataclasses.asdict(self.recipe),
            image_size=self.reading.image_size,
            num_classes=self.manifest.num_classes + 1 - self.reading.labels_offset,
            labels_offset=self.reading.labels_offset,
            seed=self.reading.seed,
            steps=self.steps or schedule.total_steps(self.recipe, self.images),
            data=self.manifest.digest,
            deterministic=self.deterministic,
            mixed_precision=self.mixed_precision,
            start_from=self.start.checkpoint if self.start else None,
            trainable_scopes=self.scopes,
        )

    def trainer(self, run: Run) -> Trainer:
        """The net, fresh, and its optimizer."""
        with self.devices.scope():
            net = nets.create(
                self.model,
                run.num_classes,
                run.image_size,
                seed=run.seed,
                initialisation=self.recipe.initialisation,
                dropout_keep_prob=self.recipe.dropout_keep_prob,
                mixed_precision=self.mixed_precision,
            )
            return Trainer(
                net,
                self.recipe,
                images=self.images,
                steps=run.steps,
                seed=run.seed,
                scopes=self.scopes,
                used=self.devices,
            )

    def validation(self, trainer: Trainer) -> Validation:
        """What is looked at along the way: of the validation split, where there is one."""
        split = self.manifest.splits.get("validation")
        reading = dataclasses.replace(self.reading, split="validation", is_training=False)
        return Validation(trainer, reading, split.records if split else 0)


def _batches(job: _Job, run: Run, step: int) -> Iterator[Any]:
    """This worker's batches from a step on, of images of the size that each step sees."""
    worker = (job.devices.worker, job.devices.workers)
    per_epoch = job.images / job.recipe.batch_size
    for part in schedule.stretches(job.recipe, run.image_size, step, per_epoch, run.steps):
        reading = dataclasses.replace(job.reading, image_size=part.image_size)
        stream = reading.batches(part.first, worker).take(part.end - part.first)
        yield from damage.each(stream, reading, part.first)


def _scaled(job: _Job, net: nets.Net, batches: Iterator[Any]) -> Iterator[Any]:
    """Scale the net's start by the first batch, whole on every worker; give the batches, with it.

    Raises PipelineFailed where it is not finite.
    """
    alone = job.devices.workers == 1 and not job.recipe.image_size_start
    stream = batches if alone else damage.each(job.reading.batches(), job.reading)
    whole = next(stream)
    if not np.isfinite(whole["image"]).all():
        raise PipelineFailed(damage.not_finite(job.reading, 0, 1))
    initialisation.lsuv(net, whole["image"])
    return itertools.chain([whole], batches) if alone else batches


def _refuse_growth(job: _Job, run: Run, net: nets.Net) -> None:
    """Raise ValueError where images cannot grow from the recipe's first size to the run's."""
    start = job.recipe.image_size_start
    if start > run.image_size:
        raise ValueError(f"image_size_start {start} is above the image size, {run.image_size}")
    first = nets.create(run.model, run.num_classes, start, initialisation="zeros")
    for name, variable in net.variables.items():
        if (shape := first.variables[name].shape) != variable.shape:
            raise ValueError(
                f"image_size_start {start}: {run.model} is another net there ({name} is "
                f"{tuple(shape)}, and {tuple(variable.shape)} at {run.image_size}); take a size "
                "nearer to it"
            )


def _train(job: _Job, train_dir: str | os.PathLike[str], sent: Callable[[], None]) -> TrainResult:
    """Begin, go on, or give the result of what is finished; in a folder that is this run's."""
    run, chief = job.run(), job.devices.chief
    if job.recipe.batch_size % job.devices.total:
        raise ValueError(
            f"a batch of {job.recipe.batch_size} cannot be dealt to {job.devices.total} devices in "
            "equal parts"
        )
    place = storage.staging(train_dir)
    with run_folder.alone(place) if chief else contextlib.nullcontext():
        if chief:
            run_folder.forget(place)  # and not what a store has, which came with more
        folder = sending.fetch(train_dir)
        result = run_folder.finished(folder)
        if result is not None:
            run_folder.claim(folder, run)  # it is this one, or an error
        else:
            result = _steps(job, run, folder, sent)
            job.devices.wait()
        if chief:
            sending.send_all(train_dir)  # of a finished one, too: it may have failed
    if not storage.is_remote(train_dir):
        return result
    kept = f"{storage.normal(train_dir)}/{os.path.basename(result.checkpoint)}"
    return dataclasses.replace(result, checkpoint=kept)


def _steps(job: _Job, run: Run, folder: Path, sent: Callable[[], None]) -> TrainResult:
    """Train from where the folder is to the end, and write the result."""
    if job.deterministic:
        tf.config.experimental.enable_op_determinism()
    trainer, chief = job.trainer(run), job.devices.chief
    if job.recipe.image_size_start:
        _refuse_growth(job, run, trainer.net)
    fresh = checkpoints.latest(folder) is None
    if fresh and job.start:
        trainer.start_from(job.start)
    if chief:  # now that nothing that was asked for is impossible
        schedule.warn_if_repeated(job.recipe.batch_size, job.images)
        run_folder.claim(folder, run)
        run_folder.write_classes(folder, job.manifest)
        checkpoints.sweep(folder)
    step, warnings = trainer.restore(folder)
    for problem in warnings:
        terminal.warn(f"{problem}; going on from step {step:,}")
    batches = _batches(job, run, step)
    if fresh and not job.start and job.recipe.initialisation == "lsuv":
        batches = _scaled(job, trainer.net, batches)
    done = loop.run(
        trainer,
        batches,
        folder,
        step,
        saving=job.saving,
        log_steps=job.log_steps,
        validation=job.validation(trainer),
        sent=sent,
    )
    if done.broken:
        why = damage.not_finite(job.reading, done.since, done.step)
        warnings.append(symptoms.diverged(done, trainer, why))
    elif stuck := symptoms.stuck(done.loss, done.step, trainer):
        warnings.append(stuck)
    result = TrainResult(
        checkpoints.latest(folder) or "",
        done.step,
        done.images,
        done.seconds,
        done.images / max(done.seconds, 1e-9),
        done.loss,
        bool(done.broken),
        tuple(warnings),
    )
    if chief:
        run_folder.finish(folder, result)
    return result

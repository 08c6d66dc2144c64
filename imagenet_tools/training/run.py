"""Train a net on records under one pipeline: one run, resumable, from one seed.

    train("records", "runs/one", preprocessing="alexnet", recipe="quick", seed=1)

Everything random is an argument: weights by (seed, name), order and augmentation by (seed, epoch,
key), dropout by (seed, step). A run folder holds run.json (what was asked for, and the result),
metrics.jsonl, checkpoints and TensorBoard events.
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf
from tqdm import tqdm

from imagenet_tools import nets, records, registry, storage
from imagenet_tools.nets import initialisation
from imagenet_tools.training import (
    batches,
    checkpoints,
    devices,
    recipes,
    remote_run,
    run_record,
    symptoms,
)
from imagenet_tools.training.events import EventLog
from imagenet_tools.training.run_record import Run
from imagenet_tools.training.step import Trainer, scalars


@dataclass(frozen=True)
class TrainResult:
    """What came of a run.

    checkpoint: prefix of the last one. seconds and images_per_second: of the training steps alone.
    diverged: the loss became NaN or infinite, and training stopped there.
    """

    checkpoint: str
    steps: int
    images: int
    seconds: float
    images_per_second: float
    final_loss: float
    diverged: bool
    warnings: tuple[str, ...] = ()


def train(
    data: str | os.PathLike[str],
    train_dir: str | os.PathLike[str],
    *,
    preprocessing: str = "inception",
    model: str = "alexnet_v2",
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

    A folder that holds an unfinished run of the same settings is resumed from its last
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
    """
    used = devices.choose(device_names)
    if isinstance(recipe, str):
        recipe = recipes.recipe(recipe)
    size = image_size or recipe.image_size
    manifest = records.read_manifest(data)
    if "train" not in manifest.splits:
        raise ValueError(f"{data} has no train split; it has {', '.join(manifest.splits)}")
    images = manifest.splits["train"].records
    steps = steps or max(1, round(recipe.epochs * images / recipe.batch_size))
    pipeline = registry.get(preprocessing)
    run = Run(
        preprocessing=pipeline.spec,
        fingerprint=pipeline.fingerprint,
        model=model,
        recipe=dataclasses.asdict(recipe),
        image_size=size,
        num_classes=manifest.num_classes + 1 - labels_offset,
        labels_offset=labels_offset,
        seed=seed,
        steps=steps,
        data=manifest.digest,
        deterministic=deterministic,
        mixed_precision=mixed_precision,
        start_from=checkpoint_path,
        trainable_scopes=tuple(trainable_scopes),
    )
    folder = remote_run.fetch(train_dir)
    if recipe.batch_size % used.total:
        raise ValueError(
            f"a batch of {recipe.batch_size} cannot be dealt to {used.total} devices in equal parts"
        )
    if (finished := _finished(folder)) is not None:
        run_record.claim(folder, run)  # it is this one, or an error
        if used.chief:
            remote_run.finish(train_dir)  # it may have failed to be sent
        return _at(train_dir, finished)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    with used.scope():
        net = nets.create(
            model,
            run.num_classes,
            size,
            seed=seed,
            initialisation=recipe.initialisation,
            dropout_keep_prob=recipe.dropout_keep_prob,
            mixed_precision=mixed_precision,
        )
        trainer = Trainer(
            net,
            recipe,
            images=images,
            steps=steps,
            seed=seed,
            scopes=trainable_scopes,
            used=used,
        )
    fresh = checkpoints.latest(folder) is None
    if fresh and checkpoint_path:
        trainer.start_from(checkpoint_path, checkpoint_exclude_scopes, ignore_missing_vars)
    if used.chief:  # now that nothing that was asked for is impossible
        run_record.claim(folder, run)
        run_record.write_classes(folder, manifest)
    step = trainer.restore(folder)

    def stream(worker: tuple[int, int]) -> tf.data.Dataset:
        return batches.batches(
            data,
            "train",
            pipeline,
            batch_size=recipe.batch_size,
            image_size=size,
            is_training=True,
            seed=seed,
            start_step=step,
            labels_offset=labels_offset,
            worker=worker,
        )

    if fresh and not checkpoint_path and recipe.initialisation == "lsuv":
        initialisation.lsuv(
            net, next(iter(stream((0, 1))))["image"]
        )  # of the whole batch, on every worker
    own = stream((used.worker, used.workers))
    saving = Saving(save_steps, save_interval_secs if used.workers == 1 else math.inf, keep)
    after_save = saved or partial(remote_run.send, train_dir)
    result = _loop(trainer, own, folder, step, saving, log_steps, after_save)
    used.wait()
    if used.chief:
        remote_run.finish(train_dir)
    return _at(train_dir, result)


def _at(train_dir: str | os.PathLike[str], result: TrainResult) -> TrainResult:
    """The result with its checkpoint where the run was asked for, be that in a store."""
    if not storage.is_remote(train_dir):
        return result
    kept = f"{storage.normal(train_dir)}/{os.path.basename(result.checkpoint)}"
    return dataclasses.replace(result, checkpoint=kept)


def _finished(folder: Path) -> TrainResult | None:
    """The result of a run that is finished and whose checkpoint is still there."""
    found, latest = run_record.result(folder), checkpoints.latest(folder) or ""
    if found is None or found["checkpoint"] != os.path.basename(latest):
        return None
    loss = math.nan if found["final_loss"] is None else found["final_loss"]
    warnings = tuple(found["warnings"])
    return TrainResult(**{**found, "checkpoint": latest, "final_loss": loss, "warnings": warnings})


class Saving(NamedTuple):
    """When a checkpoint is written: every so many steps, else seconds; and how many are kept."""

    steps: int | None
    seconds: float
    keep: int

    def due(self, step: int, since: float) -> bool:
        return step % self.steps == 0 if self.steps else time.monotonic() - since >= self.seconds


def _loop(
    trainer: Trainer,
    stream: tf.data.Dataset,
    folder: Path,
    step: int,
    saving: Saving,
    log_steps: int,
    saved: Callable[[], None],
) -> TrainResult:
    total, batch = trainer.steps, trainer.recipe.batch_size
    chief = trainer.devices.chief
    log = EventLog(folder, run_record.METRICS, step) if chief else None
    # A run that was killed at its very end takes no step more.
    first, loss = step, float(log.last.get("loss") or math.nan) if log else math.nan
    warnings: list[str] = []
    quiet = None if chief else True
    bar = tqdm(total=total, initial=step, desc=folder.name, unit="step", disable=quiet)

    def save() -> str:
        # Every worker reads its variables, as some are means over all; the first writes them.
        tensors = {name: variable.numpy() for name, variable in trainer.state().items()}
        if not chief:
            return ""
        written = checkpoints.write(folder, step, tensors, keep=saving.keep)
        saved()
        return written

    prefix, diverged, started = checkpoints.latest(folder) or "", False, time.perf_counter()
    mark_time, mark_step, saved_at = started, step, time.monotonic()
    try:
        for features in stream if step < total else ():
            rate = trainer.learning_rate(step)
            value = trainer.step(
                trainer.devices.split(features["image"]),
                trainer.devices.split(features["label"]),
                *scalars(rate, step),
            )
            step += 1
            bar.update()
            if step == first + 1:  # the first step compiles; speed is counted from the second
                float(value)
                started = mark_time = time.perf_counter()
                mark_step = step
            if step % log_steps == 0 or step == total:
                loss = float(value)
                now = time.perf_counter()
                speed = (step - mark_step) * batch / max(now - mark_time, 1e-9)
                mark_time, mark_step = now, step
                if log:
                    log.write(
                        step,
                        loss=loss,
                        total_loss=loss + trainer.regularisation_loss(),
                        learning_rate=rate,
                        images_per_second=speed,
                        epoch=step / trainer.steps_per_epoch,
                    )
                bar.set_postfix_str(f"{speed:.0f} img/s, loss {loss:.3f}, rate {rate:.2g}")
                if not math.isfinite(loss):
                    diverged = True
                    break
            if step >= total:
                break
            if saving.due(step, saved_at):
                prefix, saved_at = save(), time.monotonic()
    except KeyboardInterrupt:
        save()
        raise
    finally:
        bar.close()
        if log:
            log.close()
    seconds = time.perf_counter() - started
    if diverged:
        warnings.append(symptoms.diverged(loss, step, trainer))
    elif stuck := symptoms.stuck(loss, step, trainer):
        warnings.append(stuck)
    if step > first and not diverged:
        prefix = save()
    done = max(step - first - 1, 0)
    result = TrainResult(
        prefix,
        step,
        done * batch,
        seconds,
        done * batch / max(seconds, 1e-9),
        loss,
        diverged,
        tuple(warnings),
    )
    if chief:
        kept = {**dataclasses.asdict(result), "checkpoint": os.path.basename(prefix)}
        run_record.finish(folder, {**kept, "final_loss": loss if math.isfinite(loss) else None})
    return result

"""Runs of a comparison, one after another in a process of their own: train, then evaluate.

    python -m imagenet_tools.comparison.worker FOLDER DATA [PLUGIN ...]

Each line "ARM SEED" on stdin is a run; its output goes to its run.log, and a line on stdout says
that it is done. TensorFlow is imported once. A run that fails ends the process, since what it left
behind is not known; the exit code and the end of the log say why.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import gc
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_tools import registry, storage, tensorflow_version
from imagenet_tools.comparison import run_files
from imagenet_tools.comparison.children import FAILED
from imagenet_tools.comparison.plan import Arm, Plan, run_seed
from imagenet_tools.comparison.plan_file import PLAN, read_plan, to_dict
from imagenet_tools.comparison.run_result import RunResult, finished, write_result
from imagenet_tools.errors import (
    DAMAGED,
    INTERRUPTED,
    STOPPED,
    DamagedData,
    PipelineFailed,
    Stopped,
)
from imagenet_tools.pipelines.crosses import evaluated_under
from imagenet_tools.pipelines.pipeline import Pipeline
from imagenet_tools.storage import sync

if TYPE_CHECKING:
    from imagenet_tools.evaluation.eval_result import EvalResult
    from imagenet_tools.evaluation.trained_net import TrainedNet

# Its geometry is the common one: shorter side 256/224 of the output, aspect kept, central crop.
COMMON = "alexnet"


def execute(
    folder: Path, slug: str, seed: int, data: str, saved: Callable[[], None] | None = None
) -> None:
    """Train one arm under one seed and evaluate it; result.json is written last.

    Evaluated under its own path, and for the matrix under every other arm's and a common one.
    Raises ValueError where the pipeline is no longer that of the plan.
    """
    from imagenet_tools.evaluation import evaluate, trained_net
    from imagenet_tools.training import checkpoints, run, run_folder

    plan = read_plan(folder)
    arm = plan.arm(slug)
    place = run_files.run_folder(folder, slug, seed)
    if finished(folder, plan, arm, seed) is not None:
        return  # by the process that held the lock before
    if arm.changed:
        raise ValueError(
            f"{arm.spec} is no longer what it was when the comparison was planned (fingerprint "
            f"{arm.fingerprint}, now {arm.pipeline.fingerprint}): its file was edited. Restore it, "
            "or start another comparison"
        )
    trained = run.train(
        data, place, preprocessing=arm.spec, model=plan.model, recipe=plan.recipe,
        image_size=plan.image_size, seed=run_seed(plan, arm, seed),
        labels_offset=plan.labels_offset, mixed_precision=plan.mixed_precision,
        keep=1, saved=saved,
    )  # fmt: skip
    # Of a run that 0.1.0 trained, which saved what its last update made overflow, too.
    diverged = trained.diverged or checkpoints.not_finite(
        checkpoints.read(trained.checkpoint).tensors
    )
    trained = dataclasses.replace(trained, diverged=bool(diverged))
    evaluations, on_training = {}, None
    if not diverged:
        net = trained_net.load(place, preprocessing=arm.spec)
        evaluations = _evaluate(plan, arm, net, place, data)
        _shown(place, trained.steps, evaluations[slug])
        # A loss to be held beside that of validation: training's own is of augmented images, with
        # dropout.
        count = min(plan.train_images, plan.validation_images)
        on_training = evaluate.figures(net, data, split="train", images=count)
    result = RunResult(
        slug, arm.fingerprint, plan.data, seed, trained, evaluations, on_training,
        versions=run_folder.versions(), plan=to_dict(plan),
    )  # fmt: skip
    write_result(place, result)


def _shown(place: Path, step: int, result: EvalResult) -> None:
    """Put the accuracy among the run's curves in TensorBoard, under TF-Slim's tags."""
    from imagenet_tools.training import events, run_folder

    values = {"eval/Accuracy": result.top1 / 100, "eval/Recall_5": result.top5 / 100,
              "eval/loss": result.loss}  # fmt: skip
    events.evaluated(place, step, run_folder.asked(place), values)


def _evaluate(
    plan: Plan, arm: Arm, net: TrainedNet, place: Path, data: str
) -> dict[str, EvalResult]:
    """Evaluate a run under each of its paths; one that is another's under a second name is copied.

    (alexnet's own path is the common one.) Decoding once for all paths was tried: on two cores
    it gained nothing, since the net's passes are most of it.
    """
    from imagenet_tools.evaluation import evaluate

    results: dict[str, EvalResult] = {}
    first: dict[str, str] = {}  # fingerprint -> the first name it was evaluated under
    for name, pipeline in evaluation_paths(plan, arm).items():
        file = place / run_files.predictions_file(name)
        same = first.setdefault(pipeline.fingerprint, name)
        if same != name:
            shutil.copyfile(place / run_files.predictions_file(same), file)
            results[name] = dataclasses.replace(results[same], seconds=0.0, predictions=str(file))
            continue
        results[name] = evaluate.figures(net.under(pipeline), data, predictions=file)
    if plan.ten_crop:
        file = place / run_files.predictions_file(run_files.TEN_CROP)
        results[run_files.TEN_CROP] = evaluate.figures(net, data, ten_crop=True, predictions=file)
    return results


def evaluation_paths(plan: Plan, arm: Arm) -> dict[str, Pipeline]:
    """Name -> pipeline under which a run of this arm is evaluated, its own first.

    For another arm's path the geometry is that arm's, and colour, range and factor stay the run's
    own: a net fed another value range fails for that reason alone. A plain function has no
    geometry to take or to give, and only its own path.
    """
    paths: dict[str, Pipeline | None] = {arm.slug: arm.pipeline}
    if plan.matrix:
        for other in plan.arms:
            if other.fingerprint != arm.fingerprint:
                paths[other.slug] = evaluated_under(arm.pipeline, other.pipeline)
        paths[run_files.COMMON] = evaluated_under(arm.pipeline, registry.get(COMMON))
    return {name: pipeline for name, pipeline in paths.items() if pipeline is not None}


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Wait until no other process is at this run: a lost task's may take a moment to die."""
    place.mkdir(parents=True, exist_ok=True)
    with open(place / run_files.LOCK, "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _die_with_parent() -> None:
    """End with the process that started this one, which may be killed and its run given away."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def attempt(function: Callable[..., None], *arguments: Any) -> int:
    """Call a function and return the exit code; the last line of a failure begins with FAILED."""
    try:
        function(*arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Stopped:
        return STOPPED
    except Exception as error:
        traceback.print_exc()
        expected = isinstance(error, ValueError | OSError | LookupError | PipelineFailed)
        kind = "" if expected else f"{type(error).__name__}: "
        print(f"{FAILED}{kind}{' '.join(str(error).split())}", file=sys.stderr)
        return DAMAGED if isinstance(error, DamagedData) else 1
    return 0


def _serve(folder: str, data: str, *plugins: str) -> None:
    """Carry out the runs that stdin names."""
    answers = os.dup(1)
    for plugin in plugins:
        registry.load_plugin(plugin)
    for task in sys.stdin:
        slug, seed = task.split()
        _log_to(run_files.run_folder(storage.staging(folder), slug, int(seed)))
        carry_out(folder, slug, int(seed), data)
        gc.collect()  # nets and their compiled functions hold each other in circles
        os.write(answers, b"done\n")


def _log_to(place: Path) -> None:
    """Let what this process writes, TensorFlow's C++ too, go to the log of a run."""
    place.mkdir(parents=True, exist_ok=True)
    with open(place / run_files.LOG, "ab") as log:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(log.fileno(), stream.fileno())


def carry_out(folder: str, slug: str, seed: int, data: str) -> None:
    """One run of a comparison, wherever its folder is kept."""
    from imagenet_tools.training import sending

    place = sync.pull(folder, lambda name: name == PLAN)
    run = run_files.run_folder(place, slug, seed)
    inside = f"{run.relative_to(place).as_posix()}/"
    with _alone(run):
        sending.fetch(folder, inside)
        execute(place, slug, seed, data, partial(sending.send, folder, inside))
    sending.send_all(folder, inside, run_files.RESULT)


if __name__ == "__main__":
    # Where the shell of a background job ignores it, the comparison's own interrupt comes through.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _die_with_parent()
    tensorflow_version.load()
    gc.freeze()  # what was imported stays, and need not be looked through after every run
    code = attempt(_serve, *sys.argv[1:])
    # Everything is written; TensorFlow takes seconds to end its threads.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

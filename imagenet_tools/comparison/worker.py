"""One run of a comparison, in a process of its own: train, then evaluate.

python -m imagenet_tools.comparison.worker FOLDER ARM SEED DATA [PLUGIN ...]
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from imagenet_tools import tensorflow_version
from imagenet_tools.comparison import plan as plans
from imagenet_tools.comparison import run_files
from imagenet_tools.storage import sync
from imagenet_tools.storage.write import write_json

LOCK = ".lock"


def execute(
    folder: Path, slug: str, seed: int, data: str, saved: Callable[[], None] | None = None
) -> None:
    """Train one arm under one seed and evaluate it; result.json is written last.

    Evaluated under its own path, and for the matrix under every other arm's and a common one.
    """
    from imagenet_tools.training import recipes, run, run_record

    plan, _ = plans.read(folder)
    arm, own = plan.arm(slug), run_files.run_folder(folder, plan.arm(slug), seed)
    if run_files.finished(folder, plan, arm, seed) is not None:
        return  # by the process that held the lock before
    trained = run.train(
        data,
        own,
        preprocessing=arm.spec,
        model=plan.model,
        recipe=recipes.from_dict(plan.recipe),
        image_size=plan.image_size,
        seed=plans.run_seed(plan, arm, seed),
        labels_offset=plan.labels_offset,
        keep=1,
        saved=saved,
    )
    evaluations = {} if trained.diverged else _evaluate(plan, arm, own, data)
    content = {
        "arm": slug,
        "fingerprint": arm.fingerprint,
        "data": plan.data,
        "seed": seed,
        "training": dataclasses.asdict(trained),
        "evaluations": evaluations,
        "versions": run_record.versions(),
    }
    write_json(own / run_files.RESULT, content)


def _evaluate(plan: plans.Plan, arm: plans.Arm, own: Path, data: str) -> dict[str, Any]:
    """Evaluate a run under each of its paths; one that is another's under a second name is copied.

    (alexnet's own path is the common one.) Decoding once for all paths was tried: on two cores
    it gained nothing, since the net's passes are most of it.
    """
    from imagenet_tools import registry
    from imagenet_tools.evaluation import evaluate

    found: dict[str, Any] = {}
    first: dict[str, str] = {}  # fingerprint -> the first name it was evaluated under
    for name, spec in evaluation_paths(plan, arm).items():
        file = own / run_files.predictions_file(name)
        same = first.setdefault(registry.get(spec).fingerprint, name)
        if same != name:
            shutil.copyfile(own / run_files.predictions_file(same), file)
            found[name] = {**found[same], "seconds": 0.0, "predictions": str(file)}
            continue
        result = evaluate.evaluate(data, own, preprocessing=spec, predictions=file)
        found[name] = result.as_json()
    if plan.ten_crop:
        file = own / run_files.predictions_file(run_files.TEN_CROP)
        result = evaluate.evaluate(
            data, own, preprocessing=arm.spec, ten_crop=True, predictions=file
        )
        found[run_files.TEN_CROP] = result.as_json()
    return found


def evaluation_paths(plan: plans.Plan, arm: plans.Arm) -> dict[str, str]:
    """Name -> spec under which a run of this arm is evaluated, its own first.

    For another arm's path the geometry is that arm's and colour and range stay the run's own: a
    net fed another value range fails for that reason alone.
    """
    paths = {arm.slug: arm.spec}
    if plan.matrix:
        for other in plan.arms:
            if other.fingerprint != arm.fingerprint:
                paths[other.slug] = crossed(other.spec, arm.spec)
        paths["common"] = crossed("alexnet", arm.spec)
    return {name: spec for name, spec in paths.items() if spec is not None}


def crossed(geometry: str, colour: str) -> Any:
    """Geometry of one spec with colour and range of another; None where that has no meaning."""
    from imagenet_tools import registry

    base = colour.partition("+")
    first, _, settings = base[0].partition(":")
    if base[2] or "+" in geometry:
        return None
    shape, _, shape_settings = geometry.partition(":")
    for spec in (
        f"{shape}.geometry{':' if shape_settings else ''}{shape_settings}+"
        f"{first}.colour{':' if settings else ''}{settings}",
        f"{shape}.geometry+{first}.colour",
    ):
        try:
            return registry.get(spec).spec
        except (ValueError, LookupError):
            continue
    return None


@contextlib.contextmanager
def _alone(own: Path) -> Iterator[None]:
    """Wait until no other process is at this run: a lost task's may take a moment to die."""
    own.mkdir(parents=True, exist_ok=True)
    with open(own / LOCK, "a", encoding="ascii") as lock:
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


def main() -> None:
    folder, slug, seed, data, *plugins = sys.argv[1:]
    _die_with_parent()
    tensorflow_version.load()
    from imagenet_tools import registry
    from imagenet_tools.training import remote_run

    for plugin in plugins:
        registry.load_plugin(plugin)
    try:
        place = sync.pull(folder, lambda name: name == plans.FILE)
        own = run_files.run_folder(place, plans.read(place)[0].arm(slug), int(seed))
        inside = f"{own.relative_to(place).as_posix()}/"
        with _alone(own):
            remote_run.fetch(folder, inside)
            execute(place, slug, int(seed), data, partial(remote_run.send, folder, inside))
        remote_run.finish(folder, inside, run_files.RESULT)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
    # Everything is written; TensorFlow takes seconds to end its threads, and the next run waits.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)

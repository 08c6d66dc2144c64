"""A run's folder in a store: it is worked in locally, and what another machine needs is sent.

At each checkpoint that is what it takes to go on, at the end all. `inside` is the run's place in
the folder of a comparison. For a local folder nothing is sent.
"""

from __future__ import annotations

import re
from pathlib import Path

from imagenet_tools import storage, terminal
from imagenet_tools.errors import Unfinished
from imagenet_tools.storage import AnyPath, sync
from imagenet_tools.training import checkpoints
from imagenet_tools.training.run_folder import CLASSES, METRICS, RUN

_WEIGHTS = re.compile(r"model\.ckpt-(\d+)\.(index|data-\d{5}-of-\d{5})")


def fetch(folder: AnyPath, inside: str = "") -> Path:
    """Bring a run's last checkpoint and its record into the working copy; return the copy.

    Where the copy is as far or further (what it had last was not sent), its own is left.
    """
    if not storage.is_remote(folder):
        return storage.staging(folder)
    there = sync.find(folder)
    steps = (_step(name, inside) for name in there if name.endswith(".index"))
    last = max((step for step in steps if step is not None), default=-1)
    behind = checkpoints.latest_step(storage.staging(folder) / inside) < last
    record = f"{inside}{RUN}"

    def wanted(name: str) -> bool:
        return name == record or (behind and _resumes(name, inside, last))

    return sync.pull(folder, wanted, last=[checkpoints.STATE, RUN], there=there)


def send(folder: AnyPath, inside: str = "") -> None:
    """Send the last checkpoint, whole, and then remove the older ones from the store.

    A store that fails is no reason to stop training: it is said, and the next one is sent.
    """
    if not storage.is_remote(folder):
        return
    step = checkpoints.latest_step(storage.staging(folder) / inside)
    try:
        sync.push(
            folder,
            lambda name: _resumes(name, inside, step),
            last=[checkpoints.STATE],
            drop=lambda name: _step(name, inside) not in (None, step),
        )
    except (OSError, Unfinished) as error:
        terminal.warn(f"the checkpoint of step {step:,} was not sent: {error}")


def send_all(folder: AnyPath, inside: str = "", last: str = RUN) -> None:
    """Send all of a finished run, the file `last` after all others.

    Of its checkpoints those stay in the store that the run keeps.
    """
    if not storage.is_remote(folder):
        return
    state = storage.staging(folder) / inside / checkpoints.STATE
    named = state.read_text() if state.exists() else ""  # none, where the loss diverged at once
    kept = {int(step) for step in re.findall(r"ckpt-(\d+)", named)}
    sync.push(
        folder,
        lambda name: name.startswith(inside),
        last=[last],
        drop=lambda name: _step(name, inside) not in (None, *kept),
    )


def _step(name: str, inside: str) -> int | None:
    """The step of the checkpoint that a file of the run is part of."""
    match = _WEIGHTS.fullmatch(name.removeprefix(inside)) if name.startswith(inside) else None
    return int(match.group(1)) if match else None


def _resumes(name: str, inside: str, step: int) -> bool:
    """Does going on from this step need the file?"""
    small = (RUN, METRICS, CLASSES, checkpoints.STATE)
    return _step(name, inside) == step or name in {f"{inside}{one}" for one in small}

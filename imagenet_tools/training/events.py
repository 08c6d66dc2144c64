"""What a run reports as it goes: metrics.jsonl and TensorBoard events under TF-Slim's tags.

An event file is a TFRecord file of small messages; they are written by hand, since TensorFlow's
own writer wants TensorBoard installed.
"""

from __future__ import annotations

import json
import math
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imagenet_tools import storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.records import tfrecord
from imagenet_tools.records.schema import varint
from imagenet_tools.storage.write import write_text
from imagenet_tools.training import trackers

# Our name -> TF-Slim's summary tag (train_image_classifier.py).
TAGS = {
    "total_loss": "total_loss",
    "learning_rate": "learning_rate",
    "loss": "losses/clone_loss",
    "validation_loss": "validation/loss",  # of a part of the images: not TF-Slim's eval/...
    "validation_top1": "validation/top1",
    "validation_images": "validation/images",
}


class EventLog:
    """Appends one line of metrics.jsonl and one event a call; `last` is the last line's content.

    On resuming from a step, lines of later steps (written after the last checkpoint) are dropped,
    so that a resumed run's file reads like an uninterrupted one's; TensorBoard is told to drop its
    events of later steps. asked: what identifies the run, for the trackers. Raises DamagedData for
    a line that no run has written.
    """

    def __init__(self, folder: Path, name: str, step: int, asked: Mapping[str, Any]) -> None:
        path = folder / name
        kept: list[str] = []
        self.last: dict[str, Any] = {}
        if path.exists():
            for line, content in _lines_of(path):
                if content["step"] <= step:
                    kept.append(line + "\n")
                    self.last = content
        write_text(path, "".join(kept))
        self._lines = open(path, "a", encoding="utf-8")  # noqa: SIM115
        self._events = EventFile(folder)
        self._trackers = trackers.Tracking(folder, asked)
        if step:
            self._events.append(start_event(step + 1))

    def write(self, step: int, **values: float) -> None:
        """Append the values of a step; NaN and infinity are null in metrics.jsonl."""
        clean = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self.last = {"step": step, **clean}
        self._lines.write(json.dumps(self.last) + "\n")
        self._lines.flush()
        tagged = {TAGS.get(name, name): value for name, value in values.items()}
        self._events.append(scalar_event(step, tagged))
        self._trackers.log(step, values)

    def close(self) -> None:
        self._lines.close()
        self._events.close()
        self._trackers.close()


class EventFile:
    """A file of TensorBoard's in a run's folder; TensorBoard reads them one after another."""

    def __init__(self, folder: Path) -> None:
        stamp = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
        self._file = open(folder / stamp, "ab")  # noqa: SIM115
        self.append(_double(1, time.time()) + _bytes(3, b"brain.Event:2"))

    def append(self, message: bytes) -> None:
        head, tail = tfrecord.frame(message)
        self._file.write(head + message + tail)
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def evaluated(folder: Path, step: int, asked: Mapping[str, Any], values: dict[str, float]) -> None:
    """Show what a run's evaluation found, under these tags, in TensorBoard and the trackers."""
    file, tracking = EventFile(folder), trackers.Tracking(folder, asked)
    file.append(scalar_event(step, values))
    tracking.log(step, values)
    file.close()
    tracking.close()


def _lines_of(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line of metrics.jsonl with its content; a last one that a kill cut off is left out."""
    storage.size(path)  # a pipe would be waited for
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            content = json.loads(line)
            wrong = not isinstance(content, dict) or not isinstance(content.get("step"), int)
        except (ValueError, RecursionError):
            if number == text.count("\n") + 1:
                return
            wrong = True
        if wrong:
            raise DamagedData(
                f"{path}, line {number}: {line[:40]!r} is no line of a run; remove it, and the "
                "same command goes on"
            )
        yield line, content


def start_event(step: int) -> bytes:
    """A SessionLog START: TensorBoard drops what it has of this step and later ones."""
    return _double(1, time.time()) + b"\x10" + varint(step) + _bytes(7, b"\x08\x01")


def scalar_event(step: int, values: dict[str, float]) -> bytes:
    """A serialised tensorflow.Event with one simple_value a tag."""
    summary = b"".join(
        _bytes(1, _bytes(1, tag.encode()) + b"\x15" + struct.pack("<f", value))
        for tag, value in values.items()
    )
    return _double(1, time.time()) + b"\x10" + varint(step) + _bytes(5, summary)


def _bytes(field: int, payload: bytes) -> bytes:
    return bytes([field << 3 | 2]) + varint(len(payload)) + payload


def _double(field: int, value: float) -> bytes:
    return bytes([field << 3 | 1]) + struct.pack("<d", value)

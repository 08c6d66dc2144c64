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
from pathlib import Path
from typing import Any

from imagenet_tools.records import tfrecord
from imagenet_tools.records.schema import varint

# Our name -> TF-Slim's summary tag (train_image_classifier.py).
TAGS = {"total_loss": "total_loss", "learning_rate": "learning_rate", "loss": "losses/clone_loss"}


class EventLog:
    """Appends one line of metrics.jsonl and one event a call; `last` is the last line's content.

    On resuming from a step, lines of later steps (written after the last checkpoint) are dropped,
    so that a resumed run's file reads like an uninterrupted one's.
    """

    def __init__(self, folder: Path, name: str, step: int) -> None:
        path = folder / name
        kept: list[str] = []
        self.last: dict[str, Any] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                try:
                    content = json.loads(line)
                    if content["step"] <= step:
                        kept.append(line + "\n")
                        self.last = content
                except (ValueError, KeyError):
                    continue  # a line cut off by a kill
        path.write_text("".join(kept))
        stamp = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
        self._lines = open(path, "a", encoding="utf-8")  # noqa: SIM115
        self._events = open(folder / stamp, "ab")  # noqa: SIM115
        self._append(_double(1, time.time()) + _bytes(3, b"brain.Event:2"))

    def write(self, step: int, **values: float) -> None:
        """Append the values of a step; NaN and infinity are null in metrics.jsonl."""
        clean = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self.last = {"step": step, **clean}
        self._lines.write(json.dumps(self.last) + "\n")
        self._lines.flush()
        tagged = {TAGS.get(name, name): value for name, value in values.items()}
        self._append(scalar_event(step, tagged))

    def _append(self, message: bytes) -> None:
        head, tail = tfrecord.frame(message)
        self._events.write(head + message + tail)
        self._events.flush()

    def close(self) -> None:
        self._lines.close()
        self._events.close()


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

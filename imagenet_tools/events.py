"""What a run reports as it goes: metrics.jsonl and TensorBoard events under TF-Slim's tags."""

from __future__ import annotations

import json
import math
from pathlib import Path

import tensorflow as tf

# Our name -> TF-Slim's summary tag (train_image_classifier.py).
TAGS = {"total_loss": "total_loss", "learning_rate": "learning_rate", "loss": "clone_loss"}


class EventLog:
    """Appends one line of metrics.jsonl and one event a call.

    On resuming from a step, lines of later steps (written after the last checkpoint) are dropped,
    so that a resumed run's file reads like an uninterrupted one's.
    """

    def __init__(self, folder: Path, name: str, step: int) -> None:
        path = folder / name
        kept = []
        if path.exists():
            for line in path.read_text().splitlines():
                try:
                    if json.loads(line)["step"] <= step:
                        kept.append(line + "\n")
                except (ValueError, KeyError):
                    continue  # a line cut off by a kill
        path.write_text("".join(kept))
        self._lines = open(path, "a", encoding="utf-8")  # noqa: SIM115
        self._events = tf.summary.create_file_writer(str(folder))

    def write(self, step: int, **values: float) -> None:
        """Append the values of a step; NaN and infinity become null."""
        clean = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self._lines.write(json.dumps({"step": step, **clean}) + "\n")
        self._lines.flush()
        with self._events.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(TAGS.get(name, name), value)

    def close(self) -> None:
        self._lines.close()
        self._events.close()

"""What a run gives: its last checkpoint and loss, and how fast it was."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TrainResult:
    """What came of a run.

    checkpoint: prefix of the last one. seconds and images_per_second: of the training steps alone.
    final_loss: mean over the last logging interval. diverged: the loss or a weight became NaN or
    infinite, and training stopped there.
    """

    checkpoint: str
    steps: int
    images: int
    seconds: float
    images_per_second: float
    final_loss: float
    diverged: bool
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The fields; a loss that is not finite is None."""
        loss = self.final_loss if math.isfinite(self.final_loss) else None
        return {**dataclasses.asdict(self), "final_loss": loss}

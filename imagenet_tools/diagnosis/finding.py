"""One thing that a diagnosis found worth knowing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing worth knowing. severity: "fail" (a fault), "warning" (it moves the result), "note".

    code: stable name. arm: the pipeline, or what else it is about.
    """

    code: str
    arm: str
    severity: str
    title: str
    explanation: str
    consequence: str

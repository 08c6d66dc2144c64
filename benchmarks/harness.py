"""Measure contenders in turn, and report medians and their ratio.

Absolute speeds drift from minute to minute on a shared machine, so contenders are interleaved
(a b c, a b c, ...) and compared only within one run.

A topic is a file bench_<topic>.py with `rows() -> Iterator[Row]`.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

SHARED = Path(os.environ.get("IMGTOOLS_SHARED", Path(__file__).parents[2] / "shared"))
SAMPLE = SHARED / "data" / "imagenet-sample.tar"  # 200 photographs of ImageNet, natural size


@dataclass(frozen=True)
class Row:
    """One line of docs/why/benchmarks.md.

    name: what is compared with what. figures: contender -> median, in `unit`.
    value: the figure that the target speaks of (usually a ratio); None where it was not measured.
    target: ">= 1.8 x" and the like, "" where there is none; met: None where there is no target.
    """

    name: str
    figures: Mapping[str, float]
    unit: str
    value: float | None = None
    target: str = ""
    met: bool | None = None
    note: str = ""


def skipped(name: str, why: str) -> Row:
    """A row that could not be measured here, with the reason."""
    return Row(name, {}, "", note=f"not measured: {why}")


def interleave(
    contenders: Mapping[str, Callable[[], object]], *, repeats: int = 5, warmups: int = 1
) -> dict[str, list[float]]:
    """Run the contenders in turn; return each one's seconds, `repeats` of them.

    A contender that returns a float has measured itself (a child process, say): the float is
    taken as its seconds in place of the wall time of the call.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(-warmups, repeats):
        for name, run in contenders.items():
            start = time.perf_counter()
            own = run()
            taken = own if isinstance(own, float) else time.perf_counter() - start
            if turn >= 0:
                seconds[name].append(taken)
    return seconds


def medians(seconds: Mapping[str, list[float]], work: float = 1.0) -> dict[str, float]:
    """Work done per second by each contender, from its median seconds."""
    return {name: work / statistics.median(taken) for name, taken in seconds.items()}


def compare(
    name: str,
    contenders: Mapping[str, Callable[[], object]],
    *,
    work: float,
    unit: str,
    candidate: str,
    baseline: str,
    at_least: float | None = None,
    at_most: float | None = None,
    repeats: int = 5,
    warmups: int = 1,
    note: str = "",
) -> Row:
    """Interleave the contenders and compare the candidate's rate with the baseline's."""
    rates = medians(interleave(contenders, repeats=repeats, warmups=warmups), work)
    return ratio_row(
        name,
        rates,
        unit=unit,
        candidate=candidate,
        baseline=baseline,
        at_least=at_least,
        at_most=at_most,
        note=note,
    )


def ratio_row(
    name: str,
    rates: Mapping[str, float],
    *,
    unit: str,
    candidate: str,
    baseline: str,
    at_least: float | None = None,
    at_most: float | None = None,
    note: str = "",
) -> Row:
    """A row for rates that were measured elsewhere: candidate / baseline against its target."""
    ratio = rates[candidate] / rates[baseline]
    target, met = "", None
    if at_least is not None:
        target, met = f">= {at_least:g} x", ratio >= at_least
    elif at_most is not None:
        target, met = f"<= {at_most:g} x", ratio <= at_most
    return Row(name, rates, unit, ratio, target, met, note)

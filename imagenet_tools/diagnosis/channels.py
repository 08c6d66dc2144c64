"""Which channel of the picture each channel of the output follows, and how strongly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from imagenet_tools.diagnosis import patterns, placement
from imagenet_tools.diagnosis.runs import Run

WEAK = 0.2  # about blue's share of luma, of green's
NOTHING = 0.05  # of the strongest answer: an output channel that answers by less follows nothing
ALIKE = 0.05  # of the strongest answer: output channels that follow one of the source by this


def mixing(run: Run, draw: int) -> np.ndarray:
    """How strongly each output channel follows each source channel: [3, c].

    Of the strongest that follows that source, whose picture may have had a draw of its own; of the
    strongest of all where that one is weak beside it.
    """
    rows = []
    for channel in range(3):
        out = run(patterns.slope(0, channel), draw)
        edge = out.shape[0] // 5
        smooth = ndimage.uniform_filter(out[edge:-edge, edge:-edge], (7, 7, 1))
        flat = smooth.reshape(-1, smooth.shape[-1])
        flat = flat - flat.mean(axis=0)
        leading = flat[:, flat.std(axis=0).argmax()]
        rows.append(flat.T @ leading / (np.linalg.norm(leading) or 1.0))
    responses = np.stack(rows)
    strongest = np.abs(responses).max(axis=1, keepdims=True)
    most = strongest.max() or 1.0
    return np.asarray(responses / np.where(strongest > WEAK * most, strongest, most))


def figures(mixings: Sequence[np.ndarray]) -> dict[str, Any]:
    """The channels of the draws' mixings, by the names that they have in a Probe."""
    median = np.stack([_coloured(rows) for rows in np.stack(mixings, axis=1)])
    matrices = {
        "mixing": median,
        "least_mixing": np.min(mixings, axis=0),
        "most_mixing": np.max(mixings, axis=0),
    }
    return {
        "channels": order(median),
        "orders": tuple(sorted({order(one) for one in mixings})),
        **{name: tuple(map(tuple, one.tolist())) for name, one in matrices.items()},
    }


def _coloured(rows: np.ndarray) -> np.ndarray:
    """The median of what draws do to one source channel; of those that are not grey, if any."""
    coloured = rows[np.ptp(rows, axis=1) >= ALIKE]
    return np.asarray(np.median(coloured if len(coloured) else rows, axis=0))


def order(responses: np.ndarray) -> str:
    """Which source channel each output channel follows most, as mixing() says."""
    if responses.shape[1] == 1 or (np.ptp(responses, axis=1) < ALIKE).all():
        return "grey"
    size = np.abs(responses)
    return "".join(
        "-" if most < NOTHING else "RGB"[source]
        for most, source in zip(size.max(axis=0), size.argmax(axis=0), strict=True)
    )


def apart(out: np.ndarray) -> float:
    """How many pixels the channels of an output of grey hills are displaced against each other.

    By the slopes of the first: what the others differ from it is their displacement along these. 0
    for a single channel, or where it is flat.
    """
    shown = out[placement.inside(out)].astype(np.float64)
    if min(shown.shape) < 3:
        return 0.0
    spread = shown.std(axis=(0, 1))
    if not (spread > 1e-9).all():
        return 0.0
    first, *others = np.moveaxis((shown - shown.mean(axis=(0, 1))) / spread, -1, 0)
    slopes = np.stack([slope.ravel() for slope in np.gradient(first)], axis=1)
    moved = [np.linalg.lstsq(slopes, (other - first).ravel(), rcond=None)[0] for other in others]
    return float(max(np.hypot(*one) for one in moved))

"""Which channel of the picture each channel of the output follows, and how strongly."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from imagenet_tools.diagnosis import patterns
from imagenet_tools.diagnosis.runs import Run

ALIKE = 0.05  # of the strongest answer: output channels that follow one of the source by this


def mixing(run: Run, draw: int) -> np.ndarray:
    """How strongly each output channel follows each source channel, of the strongest: [3, c]."""
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
    return np.asarray(responses / (np.abs(responses).max() or 1.0))


def coloured(rows: np.ndarray) -> np.ndarray:
    """The median of what draws do to one source channel; of those that are not grey, if any."""
    apart = rows[np.ptp(rows, axis=1) >= ALIKE]
    return np.asarray(np.median(apart if len(apart) else rows, axis=0))


def order(responses: np.ndarray) -> str:
    """Which source channel each output channel follows most, as mixing() says."""
    if responses.shape[1] == 1 or (np.ptp(responses, axis=1) < ALIKE).all():
        return "grey"
    size = np.abs(responses)
    return "".join(
        "-" if most < 0.05 else "RGB"[source]
        for most, source in zip(size.max(axis=0), size.argmax(axis=0), strict=True)
    )

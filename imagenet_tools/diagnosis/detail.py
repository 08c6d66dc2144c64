"""What becomes of fine detail: edges that overshoot, and faint texture that is lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from imagenet_tools.diagnosis import patterns
from imagenet_tools.diagnosis.patterns import HEIGHT
from imagenet_tools.diagnosis.runs import Run

DRAWS = 16
ALL = 24  # draws; what half of the images get on purpose, all of them have once in 2**24 tries
FAINT, STRONG = 8, 60  # grey levels about the mean
COMPRESSED = 0.4  # blocks of a JPEG, see Detail


@dataclass(frozen=True)
class Detail:
    """Figures of one mode.

    overshoot: how far bars go beyond their own grey beside an edge, of the edge's height, in the
        draws where it is least and most; a bicubic resize has 0.05, a bilinear one nothing.
    edge: width of an edge in output pixels, in the median draw.
    faint: correlation of what faint texture changes in the output with what the same texture
        changes when it is strong: 1 where the output is the sum of its parts, as after any resize,
        less where faint detail is rounded away, as in a JPEG of low quality. None in training,
        whose draws cannot always be repeated.
    blocks: fine detail within blocks of 8 x 8 pixels, as a share of that within blocks elsewhere:
        0.7 to 1, and some 0.03 after a JPEG, which rounds it away; in training of the least
        compressed of many draws.
    spots: what is left of small light or dark spots, of their sum over the output: some 1 after any
        resize, nothing after a median; None in training, and where values are standardised.
    """

    overshoot: tuple[float, float]
    edge: float
    faint: float | None
    blocks: float
    spots: float | None


def detail(run: Run, size: int, is_training: bool, flexible: bool = True) -> Detail:
    """Measure one mode; flexible: a grey level has a value, whatever the rest of the picture is."""
    bars = patterns.bars(max(24, 16 * HEIGHT // size))
    edges = [_edges(run(bars, draw)) for draw in range(DRAWS if is_training else 1)]
    plain = [one for one in edges if one[0] <= 1]  # where solarised bars are alike, rims are more
    over, widths = np.transpose(plain or edges)
    overshoot, width = (float(over.min()), float(over.max())), float(np.median(widths))
    blocks = 0.0
    for draw in range(ALL if is_training else 1):
        blocks = max(blocks, _blocks(run, size, draw))
        if blocks > COMPRESSED:  # not always, then
            break
    if is_training:
        return Detail(overshoot, width, None, blocks, None)
    return Detail(
        overshoot, width, _faint(run, size), blocks, _spots(run, size) if flexible else None
    )


def _edges(out: np.ndarray) -> tuple[float, float]:
    """How far the median line across bars goes beyond the grey of its light and dark parts, and the
    width of its steepest edge in pixels."""
    line = np.median(out.mean(axis=2), axis=0)  # what covers a part of the bars is not in it,
    border = len(line) // 8
    line = line[border:-border]  # nor what a convolution makes of the borders
    middle = (line.max() + line.min()) / 2
    light, dark = line[line > middle], line[line < middle]
    if not (light.size and dark.size):
        return 0.0, 0.0
    high, low = float(np.median(light)), float(np.median(dark))
    over = max(line.max() - high, low - line.min()) / (high - low)
    return float(over), float((high - low) / np.abs(np.diff(line)).max())


def _faint(run: Run, size: int) -> float:
    changes = []
    for strength in (FAINT, STRONG):
        light, dark = (run(patterns.texture(sign * strength, size), 0) for sign in (1, -1))
        changes.append((light - dark).ravel())
    both = np.linalg.norm(changes[0]) * np.linalg.norm(changes[1])
    return float(changes[0] @ changes[1] / both) if both else 0.0


def _blocks(run: Run, size: int, draw: int) -> float:
    """The detail within blocks where they lie best, of that where they lie anywhere.

    Of faint texture, and of a strong one: at a low quality nothing is left of the faint.
    """
    return min(_within(run(patterns.texture(one, size), draw)) for one in (FAINT, STRONG))


def _within(out: np.ndarray) -> float:
    grey = out.astype(np.float64).mean(axis=2)
    y, x = np.mgrid[:8, :8]
    energy = np.zeros((8, 8))  # by the place of the first block
    for top in range(8):
        for left in range(8):
            rows, columns = (
                (side - first) // 8 for side, first in zip(grey.shape, (top, left), strict=True)
            )
            blocks = grey[top : top + 8 * rows, left : left + 8 * columns]
            blocks = blocks.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3)
            waves = fft.dctn(blocks, axes=(2, 3), norm="ortho")[..., x + y >= 8]
            energy[top, left] = np.median(np.sum(waves**2, axis=-1))
    usual = float(np.median(energy))
    return float(energy.min()) / usual if usual > 1e-12 else 1.0


def _spots(run: Run, size: int) -> float:
    """The lesser of light and dark ones."""
    left = []
    grey = run(patterns.flat(patterns.MIDDLE), 0)
    for sign in (1, -1):
        picture, share = patterns.spots(sign * STRONG, size)
        whole = run(patterns.flat(patterns.MIDDLE + sign * STRONG), 0)
        change, most = float((run(picture, 0) - grey).mean()), float((whole - grey).mean())
        left.append(change / (share * most) if most else 1.0)
    return min(left)

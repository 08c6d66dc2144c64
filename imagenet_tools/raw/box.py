"""A bounding box; apart from where boxes are read, since every worker knows them."""

from __future__ import annotations

from typing import NamedTuple

Box = tuple[float, float, float, float]  # xmin, ymin, xmax, ymax, each 0..1 of the image


class PixelBox(NamedTuple):
    """A box in pixels, of a list that does not say how large its images are."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float

    def of(self, width: int, height: int) -> Box | None:
        """The box relative to an image of this size, cut to it; None where nothing is left."""
        return cut(self.xmin / width, self.ymin / height, self.xmax / width, self.ymax / height)


def cut(xmin: float, ymin: float, xmax: float, ymax: float) -> Box | None:
    """A box cut to the image, its sides in order; None where nothing is left."""
    low_x, high_x = sorted((min(max(xmin, 0.0), 1.0), min(max(xmax, 0.0), 1.0)))
    low_y, high_y = sorted((min(max(ymin, 0.0), 1.0), min(max(ymax, 0.0), 1.0)))
    return (low_x, low_y, high_x, high_y) if high_x > low_x and high_y > low_y else None

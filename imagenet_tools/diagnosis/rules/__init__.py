"""The rules of the diagnosis, a room each; importing this registers them."""

from imagenet_tools.diagnosis.rules import (
    arms,
    colour,
    data,
    detail,
    draws,
    flat,
    geometry,
    resampling,
    training,
    values,
)

__all__ = [
    "arms",
    "colour",
    "data",
    "detail",
    "draws",
    "flat",
    "geometry",
    "resampling",
    "training",
    "values",
]

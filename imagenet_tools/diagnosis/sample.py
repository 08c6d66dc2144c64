"""The images that a diagnosis looks at."""

from __future__ import annotations

import itertools
import os
from typing import NamedTuple

from imagenet_tools import records, synthetic
from imagenet_tools.records import schema


class Picture(NamedTuple):
    """A JPEG and its label, 0 where the label counts for nothing."""

    encoded: bytes
    label: int


def synthetic_images(count: int) -> list[Picture]:
    """Images made by imgtools, of all its classes in turn."""
    kinds = list(synthetic.KINDS)
    return [
        Picture(synthetic.picture(kinds[i % len(kinds)], "train", i), 1 + i % len(kinds))
        for i in range(count)
    ]


def images(folder: str | os.PathLike[str], count: int) -> list[Picture]:
    """The first training images of a folder of records."""
    pictures = []
    for example in itertools.islice(records.examples(folder, "train"), count):
        if example[schema.FORMAT][0] == b"RAW":
            raise ValueError(
                f"{folder} stores pixels; `imgtools diagnose` reads records of JPEGs "
                "(leave --data out to diagnose on synthetic images)"
            )
        pictures.append(Picture(example[schema.ENCODED][0], example[schema.LABEL][0]))
    return pictures

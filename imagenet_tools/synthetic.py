"""A small procedural data set, so that every command can be tried with no data at hand.

It is synthetic and says so wherever it is used: it shows that the machinery works, not which
pipeline suits photographs. Made to react to preprocessing all the same: an object on a cluttered
ground of natural (1/f) spectrum, off centre and of varying size (so crops matter), told apart by
outline and texture, with hue as a partial cue (so colour matters), in JPEGs of varying size,
aspect and quality.
"""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from imagenet_tools import terminal
from imagenet_tools.engines import processes

# Raised when the pictures change, so that a folder made by an older version is not reused.
VERSION = 1
STAMP = "synthetic.json"
AT_ONCE = 50  # images of one task


class Kind(NamedTuple):
    """What a class looks like: lobes and depth of its outline, texture, hue in turns."""

    lobes: int
    depth: float
    texture: str
    hue: float


KINDS = {
    "disc-checked": Kind(0, 0.0, "checks", 0.02),
    "disc-striped": Kind(0, 0.0, "stripes", 0.55),
    "flower-checked": Kind(6, 0.30, "checks", 0.85),
    "flower-striped": Kind(6, 0.30, "stripes", 0.30),
    "peanut-checked": Kind(2, 0.45, "checks", 0.62),
    "peanut-striped": Kind(2, 0.45, "stripes", 0.10),
    "star-checked": Kind(5, 0.55, "checks", 0.42),
    "star-striped": Kind(5, 0.55, "stripes", 0.75),
    "trefoil-checked": Kind(3, 0.40, "checks", 0.20),
    "trefoil-striped": Kind(3, 0.40, "stripes", 0.93),
}


@dataclass(frozen=True)
class Synthetic:
    """What a generated folder holds; written into it, so that it is made once only."""

    train_per_class: int = 120
    validation_per_class: int = 50
    classes: int = 10
    seed: int = 0
    version: int = VERSION

    def __post_init__(self) -> None:
        if not 2 <= self.classes <= len(KINDS):
            raise ValueError(f"classes is {self.classes}; it must be 2 to {len(KINDS)}")
        if self.train_per_class < 1 or self.validation_per_class < 1:
            raise ValueError(
                "train_per_class and validation_per_class must be at least 1, not "
                f"{self.train_per_class} and {self.validation_per_class}"
            )


def generate(
    folder: str | os.PathLike[str],
    *,
    classes: int = 10,
    train_per_class: int = 120,
    validation_per_class: int = 50,
    seed: int = 0,
    workers: int | None = None,
) -> Path:
    """Write the data set as class folders train/<class>/*.JPEG and validation/<class>/*.JPEG.

    The same arguments give the same bytes, whatever the number of workers. A folder that already
    holds this very data set is left as it is. Images are 120 to 260 pixels on the shorter side,
    aspect 3:4 to 16:9 either way, JPEG quality 75 to 95.

    Returns the folder. Raises ValueError for a folder that holds something else.
    """
    wanted = Synthetic(train_per_class, validation_per_class, classes, seed)
    folder = Path(folder)
    stamp = folder / STAMP
    if stamp.exists():
        if json.loads(stamp.read_text()) == asdict(wanted):
            return folder
        raise ValueError(
            f"{folder} holds another synthetic data set; remove it, or choose another folder"
        )
    counts = {"train": train_per_class, "validation": validation_per_class}
    tasks = [
        (folder, split, kind, index, seed)
        for split, count in counts.items()
        for kind in list(KINDS)[:classes]
        for index in range(count)
    ]
    _refuse_others(folder, [_target(*task[:-1]) for task in tasks])
    for split in counts:
        for kind in list(KINDS)[:classes]:
            (folder / split / kind).mkdir(parents=True, exist_ok=True)
    _write_all(tasks, workers or processes.cores())
    stamp.write_text(json.dumps(asdict(wanted), indent=1) + "\n")
    return folder


def _refuse_others(folder: Path, images: Sequence[Path]) -> None:
    """ValueError naming what is in a folder and is none of the images, as other classes would be
    that a call which was interrupted has begun."""
    own = {*images, *(parent for image in images for parent in image.parents)}
    if other := next((path for path in folder.rglob("*") if path not in own), None):
        raise ValueError(
            f"{folder} holds other files ({other.relative_to(folder)}); choose an empty folder for "
            "synthetic images, or empty this one"
        )


def _write_all(tasks: Sequence[tuple[Path, str, str, int, int]], workers: int) -> None:
    some = [tasks[at : at + AT_ONCE] for at in range(0, len(tasks), AT_ONCE)]
    with terminal.bar("synthetic images", "images", total=len(tasks)) as bar:
        for part, outcome in processes.run(_write, some, workers):
            outcome()
            bar.update(len(part))


def _write(tasks: Sequence[tuple[Path, str, str, int, int]]) -> None:
    for folder, split, kind, index, seed in tasks:
        _target(folder, split, kind, index).write_bytes(picture(kind, split, index, seed))


def _target(folder: Path, split: str, kind: str, index: int) -> Path:
    return folder / split / kind / f"{kind}_{split}_{index:05d}.JPEG"


def picture(kind: str, split: str, index: int, seed: int = 0) -> bytes:
    """One image of a class as JPEG bytes, the same for the same arguments."""
    key = [seed, ("train", "validation").index(split), sorted(KINDS).index(kind), index]
    rng = np.random.default_rng(key)
    height, width = _size(rng)
    image = _ground(rng, height, width)
    _add_object(rng, image, KINDS[kind])
    image *= rng.uniform(0.75, 1.15)  # exposure
    image += 0.02 * rng.standard_normal(image.shape, np.float32)  # sensor noise
    pixels = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=int(rng.integers(75, 96)))
    return encoded.getvalue()


def _size(rng: np.random.Generator) -> tuple[int, int]:
    shorter = int(rng.integers(120, 261))
    longer = int(shorter * rng.uniform(1.0, 16 / 9))
    return (shorter, longer) if rng.random() < 0.7 else (longer, shorter)


def _ground(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Clutter whose amplitude falls as 1/f, as in photographs: octaves of smoothed noise.

    Each octave is added to the last one enlarged to twice its size; only the sum is brought to
    the image's own.
    """
    total = np.zeros((2, 2, 3), np.float32)
    for octave in range(2, 7):
        cells = 2**octave
        grey = rng.standard_normal((cells, cells, 1), np.float32)
        tint = rng.standard_normal((cells, cells, 3), np.float32)
        total = _enlarge(total, cells, cells) + (grey + 0.35 * tint) / cells
    total = _enlarge(total, height, width)
    total *= 0.55 / max(float(total.std()) * 3, 1e-6)
    return total + rng.uniform(0.3, 0.6, 3).astype(np.float32)


def _enlarge(grid: np.ndarray, height: int, width: int) -> np.ndarray:
    channels = [
        Image.fromarray(grid[..., c]).resize((width, height), Image.Resampling.BICUBIC)
        for c in range(3)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


def _add_object(rng: np.random.Generator, ground: np.ndarray, kind: Kind) -> None:
    """Draw the class's object into the ground: off centre, 30 to 75 % of the shorter side."""
    height, width = ground.shape[:2]
    radius = min(height, width) * rng.uniform(0.15, 0.375)
    centre_y = height * 0.5 + (height * 0.5 - radius) * rng.uniform(-0.7, 0.7)
    centre_x = width * 0.5 + (width * 0.5 - radius) * rng.uniform(-0.7, 0.7)
    # Within the square round it: elsewhere the mask is 0, and the ground stays as it is.
    square = tuple(
        slice(max(0, math.floor(centre - radius)), min(side, math.ceil(centre + radius) + 1))
        for centre, side in ((centre_y, height), (centre_x, width))
    )
    y, x = np.mgrid[square].astype(np.float32)
    y, x = (y - centre_y) / radius, (x - centre_x) / radius
    turn = rng.uniform(-0.6, 0.6)
    angle = np.arctan2(y, x) + turn
    outline = (1 + kind.depth * np.cos(kind.lobes * angle)) / (1 + kind.depth)
    mask = np.clip((outline - np.hypot(y, x)) * radius / 1.5, 0, 1)[..., None]
    along = (x * np.cos(turn) + y * np.sin(turn)) * rng.uniform(8, 12)
    across = (y * np.cos(turn) - x * np.sin(turn)) * rng.uniform(8, 12)
    pattern = np.sin(along) * np.sin(across) if kind.texture == "checks" else np.sin(along)
    hue = kind.hue + rng.normal(0, 0.07)
    light, dark = _colour(hue, rng.uniform(0.8, 1.0)), _colour(hue + 0.08, rng.uniform(0.2, 0.45))
    blend = (0.5 + 0.5 * np.tanh(3 * pattern))[..., None]
    ground[square] = ground[square] * (1 - mask) + (light * blend + dark * (1 - blend)) * mask


def _colour(hue: float, value: float, saturation: float = 0.55) -> np.ndarray:
    """HSV to RGB in 0..1 for one colour (three cosine-free ramps, the usual hexcone)."""
    ramp = np.clip(np.abs((hue * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    return np.asarray(value * (1 - saturation + saturation * ramp))

"""Images that every run of one arm has right and none of the other: shown with what each arm says.

They are drawn from the records once, when the comparison ends, and kept beside the report: as one
picture for report.md, and one by one for the page.
"""

from __future__ import annotations

import base64
import collections
import dataclasses
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from imagenet_tools import records
from imagenet_tools.comparison.arm_results import ArmResults
from imagenet_tools.comparison.report.flips import flipped
from imagenet_tools.comparison.results import Contrast
from imagenet_tools.records import schema
from imagenet_tools.storage import json_file
from imagenet_tools.storage.write import write_json, write_saved

SHEET, FLIPS = "flipped.png", "flipped.json"
COLUMNS = 8  # images of each arm
PIXELS, SHOWN, GAP, CAPTION = 224, 96, 6, 18
QUALITY = 85
_REMEDY = "remove it, and the same compare-preproc command writes it again"


@dataclass(frozen=True)
class Said:
    """What a run takes an image for: its chance, and that of the true class, from 0 to 1."""

    arm: str
    seed: int
    word: str
    chance: float
    true_chance: float


@dataclass(frozen=True)
class Flip:
    """An image that one arm has right and the other wrong, in every run.

    right, wrong: the arms' specs. truth: its class. runs: what every run of both arms says. image:
    a data URI.
    """

    key: str
    right: str
    wrong: str
    truth: str
    runs: tuple[Said, ...]
    image: str

    @property
    def told(self) -> str:
        """What the runs of the wrong arm take it for: "church in 2 runs, tench in 1"."""
        votes = collections.Counter(run.word for run in self.runs if run.arm == self.wrong)
        first, *others = votes.most_common()
        told = [f"{first[0]} in {first[1]} run{'s' if first[1] > 1 else ''}"]
        return ", ".join([*told, *(f"{word} in {count}" for word, count in others)])


def write(
    contrast: Contrast, data: str | os.PathLike[str], names: Sequence[str], folder: Path
) -> None:
    """Write SHEET and FLIPS for a contrast; names: words by label."""
    arms, keys = (contrast.a, contrast.b), [str(key) for key in contrast.a.key]
    rows = [[int(index) for index in indices[:COLUMNS]] for indices in flipped(contrast)]
    pictures = _pictures(data, {keys[index] for row in rows for index in row})
    flips = [
        Flip(
            key=keys[index],
            right=arms[number].spec,
            wrong=arms[1 - number].spec,
            truth=_word(names, int(contrast.a.label[index])),
            runs=tuple(said for arm in arms for said in _said(arm, index, names)),
            image=_uri(pictures[keys[index]]),
        )
        for number, row in enumerate(rows)
        for index in row
        if keys[index] in pictures
    ]
    write_json(folder / FLIPS, {"flips": [dataclasses.asdict(flip) for flip in flips]})
    shown = [[pictures.get(keys[index]) for index in row] for row in rows]
    _write_sheet(contrast.names, shown, folder / SHEET)


def read(folder: Path) -> list[Flip]:
    """The images that `write` kept; none where it was not called."""
    path = folder / FLIPS
    if not path.exists():
        return []
    content = json_file.read(path, _REMEDY)
    with json_file.as_written(path, _REMEDY):
        flips: list[Flip] = json_file.as_type(content["flips"], list[Flip])
        return flips


def _said(arm: ArmResults, index: int, names: Sequence[str]) -> list[Said]:
    said = []
    for seed, one in zip(arm.seeds, arm.predictions, strict=True):
        word = _word(names, int(one.top5[index, 0]))
        chances = float(one.probability[index, 0]), float(one.true_probability[index])
        said.append(Said(arm.spec, seed, word, *chances))
    return said


def _word(names: Sequence[str], label: int) -> str:
    name = names[label].partition(",")[0] if 0 <= label < len(names) else ""
    return name or f"class {label}"


def _uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _write_sheet(
    specs: Sequence[str], rows: Sequence[Sequence[Image.Image | None]], path: Path
) -> None:
    """One picture: what the first arm alone has right above what the second one has."""
    height = 2 * (CAPTION + SHOWN + GAP)
    page = Image.new("RGB", (COLUMNS * (SHOWN + GAP) + GAP, height), (255, 255, 255))
    draw = ImageDraw.Draw(page)
    draw.font = ImageFont.load_default(CAPTION - 4)
    for number, row in enumerate(rows):
        top = number * (CAPTION + SHOWN + GAP)
        words = f"right in every {specs[number]} run, in no {specs[1 - number]} run"
        draw.text((GAP, top), words, fill="#444444")
        for column, picture in enumerate(row):
            if picture is not None:
                small = picture.copy()
                small.thumbnail((SHOWN, SHOWN))
                page.paste(small, (GAP + column * (SHOWN + GAP), top + CAPTION))
    write_saved(path, partial(page.save, format="PNG"))


def _pictures(data: str | os.PathLike[str], keys: set[str]) -> dict[str, Image.Image]:
    """Thumbnails of the validation records with these keys."""
    pictures: dict[str, Image.Image] = {}
    for example in records.examples(data, "validation") if keys else ():
        key = schema.key_of(example)
        if key in keys:
            pictures[key] = Image.fromarray(records.pixels(example))
            pictures[key].thumbnail((PIXELS, PIXELS))
            if len(pictures) == len(keys):
                break
    return pictures

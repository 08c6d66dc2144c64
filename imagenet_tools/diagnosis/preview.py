"""Pictures of what pipelines do: the original with the boxes of several draws, the outputs beside.

The boxes come from the View alone, so they show what a pipeline looks at, not a guess from its
output; a plain function has none.
"""

from __future__ import annotations

import base64
import io
import itertools
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from imagenet_tools import images, pages, records, registry
from imagenet_tools.pages import blocks
from imagenet_tools.pipelines.pipeline import Pipeline
from imagenet_tools.pipelines.side_by_side import side_by_side
from imagenet_tools.storage.write import write_saved, write_text
from imagenet_tools.training import batches

GAP, CAPTION = 6, 28
LETTERS = 18  # pixels: a page shows the sheet at two thirds of its size
BESIDE = 2  # pipelines beside each other
PAPER = (255, 255, 255)


class Arm(NamedTuple):
    """A pipeline and the colour of its boxes and captions."""

    pipeline: Pipeline
    colour: str


def sheet(
    specs: Sequence[str],
    pictures: Sequence[np.ndarray],
    *,
    draws: int = 3,
    size: int = 224,
    shown: int = 160,
    seed: int = 0,
) -> Image.Image:
    """Draw one row an image: the original with boxes, then for each pipeline its outputs.

    More than two pipelines wrap: the rows are drawn again for the next two. specs: pipelines.
    pictures: uint8 [h, w, 3], see `read`. draws: training draws shown, then the evaluation. size:
    output size in pixels; shown: the pictures' size on the sheet. Values are mapped back to 0..255,
    see `displayable`. Where a pipeline mixes batches, the pictures are one.
    """
    colours = itertools.cycle(pages.COLOURS)
    arms = [Arm(registry.get(spec), colour) for spec, colour in zip(specs, colours, strict=False)]
    bands = [
        _band(arms[at : at + BESIDE], pictures, draws, size, shown, seed)
        for at in range(0, len(arms), BESIDE)
    ]
    tops = np.cumsum([0, *(band.height for band in bands)])
    page = Image.new("RGB", (max(band.width for band in bands), int(tops[-1])), PAPER)
    for band, top in zip(bands, tops, strict=False):
        page.paste(band, (0, int(top)))
    return page


def _band(
    arms: Sequence[Arm],
    pictures: Sequence[np.ndarray],
    draws: int,
    size: int,
    shown: int,
    seed: int,
) -> Image.Image:
    """The rows of these pipelines alone."""
    width = (1 + len(arms) * (draws + 1)) * (shown + GAP) + GAP
    height = CAPTION + len(pictures) * (shown + GAP) + GAP
    page = Image.new("RGB", (width, height), PAPER)
    _write_captions(page, arms, draws, shown)
    originals = [_fitted(pixels, shown) for pixels in pictures]
    for number, (pipeline, colour) in enumerate(arms):
        for draw in range(draws + 1):
            column, is_training = 1 + number * (draws + 1) + draw, draw < draws
            outs = []
            for row, pixels in enumerate(pictures):
                key = batches.draw_seed(seed, draw, tf.constant(str(row)))
                mode = (size, size, is_training)
                outs.append(pipeline.preprocess_image(tf.constant(pixels), *mode, seed=key))
                box = source_box(pipeline, pixels.shape, size, is_training, key)
                if box:
                    _outline(originals[row], box, pixels.shape, colour, not is_training)
            batch = tf.stack(outs)
            if is_training:
                batch, _ = pipeline.mix(batch, batches.batch_seed(seed, draw))
            for row, out in enumerate(batch.numpy()):
                tile = displayable(pipeline, out).resize((shown, shown))
                page.paste(tile, (GAP + column * (shown + GAP), CAPTION + row * (shown + GAP)))
    for row, original in enumerate(originals):
        page.paste(original, (GAP, CAPTION + row * (shown + GAP)))
    return page


def read(file: str | os.PathLike[str]) -> np.ndarray:
    """An image file's pixels, uint8 [h, w, 3]. Raises ValueError for what is no image."""
    data = Path(file).read_bytes()
    facts = images.inspect(data)
    if facts.problem:
        raise ValueError(f"{file}: {facts.problem}")
    return np.asarray(images.to_rgb(data).convert("RGB"))


def from_records(folder: str | os.PathLike[str], count: int) -> list[np.ndarray]:
    """The pixels of the first validation images of a folder of records."""
    examples = itertools.islice(records.examples(folder, "validation"), count)
    return [records.pixels(one) for one in examples]


def source_box(
    pipeline: Pipeline, shape: Sequence[int], size: int, is_training: bool, seed: Any
) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom in source pixels of what the output shows; None where unknown."""
    if pipeline.plain:
        return None
    view = pipeline.view(shape[0], shape[1], size, size, is_training, seed=seed)
    crop = np.asarray(view.crop, np.float64)
    scale = crop[2:] / np.asarray(view.resize, np.float64)
    low = crop[:2] + np.asarray(view.window, np.float64) * scale
    high = low + np.asarray(view.size, np.float64) * scale
    limit = crop[:2] + crop[2:]
    low, high = np.maximum(low, crop[:2]), np.minimum(high, limit)
    return float(low[1]), float(low[0]), float(high[1]), float(high[0])


def displayable(pipeline: Pipeline, out: np.ndarray) -> Image.Image:
    """What came out as a picture: what 0 and 255 became, or its own extremes, back to 0..255.

    Channels stay in their order: of B G R the reds look blue.
    """
    ends = pipeline.channel_ends()
    low, high = (out.min(), out.max()) if ends is None else ends
    span = np.where(high == low, 1, high - low)
    grey = np.clip((out - low) / span, 0, 1) * 255
    grey = np.repeat(grey, 3, axis=2) if grey.shape[2] == 1 else grey
    return Image.fromarray(grey.astype(np.uint8))


def _fitted(pixels: np.ndarray, shown: int) -> Image.Image:
    """The picture with its longer side brought to `shown`, whether larger or smaller."""
    height, width, _ = pixels.shape
    scale = shown / max(height, width)
    return Image.fromarray(pixels).resize(
        (max(1, round(width * scale)), max(1, round(height * scale)))
    )


def _outline(
    picture: Image.Image, box: Sequence[float], source: Sequence[int], colour: str, thick: bool
) -> None:
    """A box around what is seen, in pixels of a source of this shape; the eval's is thick."""
    scale = picture.width / source[1], picture.height / source[0]
    left, top, right, bottom = (side * scale[i % 2] for i, side in enumerate(box))
    # Inside the picture, and never narrower than its line.
    right, bottom = max(right - 1, left), max(bottom - 1, top)
    ImageDraw.Draw(picture).rectangle(
        (left, top, right, bottom), outline=colour, width=2 if thick else 1
    )


def _write_captions(page: Image.Image, arms: Sequence[Arm], draws: int, shown: int) -> None:
    draw = ImageDraw.Draw(page)
    draw.font = ImageFont.load_default(LETTERS)
    draw.text((GAP, 3), "thick: eval", fill="#444444")
    for number, arm in enumerate(arms):
        left = GAP + (1 + number * (draws + 1)) * (shown + GAP)
        draw.text((left, 3), f"{arm.pipeline.spec}: train", fill=arm.colour)
        draw.text((left + draws * (shown + GAP), 3), "eval", fill=arm.colour)


def write(page: Image.Image, specs: Sequence[str], out: str | os.PathLike[str]) -> None:
    """Write the sheet as .png, or as one self-contained .html page with the pipelines' steps."""
    target = Path(out)
    if target.suffix == ".png":
        write_saved(target, partial(page.save, format="PNG"))
        return
    if target.suffix != ".html":
        raise ValueError(f"{out}: the sheet is written as .png or .html")
    encoded = io.BytesIO()
    page.save(encoded, "PNG")
    data = base64.b64encode(encoded.getvalue()).decode()
    picture = blocks.Picture(
        f"data:image/png;base64,{data}",
        "Left: photographs with the windows that are looked at, thick at evaluation. Then, one "
        "pipeline after another, draws of training and the evaluation.",
        f"Photographs as {', '.join(specs)} show them.",
        wide=True,
    )
    described = [registry.get(spec).describe() for spec in specs]
    names = [f"{one['spec']} ({one['fingerprint']})" for one in described]
    rows = [[f"{one.part}: {one.what}", *one.each] for one in side_by_side(described)]
    sections = [
        blocks.Section("", [picture]),
        blocks.Section("What they do", pages.beside("pipelines", ["part", *names], rows)),
    ]
    title = ", ".join(one["spec"] for one in described)
    write_text(target, pages.page(title, sections, target.parent))

"""What a trained net sees in images: the likeliest classes of files, folders or bytes."""

from __future__ import annotations

import itertools
import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from imagenet_tools import images, storage, terminal
from imagenet_tools.evaluation import trained_net
from imagenet_tools.evaluation.evaluate import CHUNK
from imagenet_tools.pipelines.limits import whole
from imagenet_tools.raw import listing
from imagenet_tools.raw.intake import Intake

STDIN = "-"


@dataclass(frozen=True)
class Guess:
    """A class: its logit's number, key (synset), words, and probability 0..1."""

    logit: int
    key: str
    words: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The likeliest classes of one image, likeliest first; problem says why there are none."""

    source: str
    guesses: tuple[Guess, ...] = ()
    problem: str | None = None


def predict(
    checkpoint: str | os.PathLike[str],
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    preprocessing: str | None = None,
    model: str | None = None,
    image_size: int | None = None,
    moving_average: bool | None = None,
    data: str | os.PathLike[str] | None = None,
    top: int = 5,
) -> Iterator[Prediction]:
    """Predict each image of files and folders, or of one, in order; `-` is stdin.

    stdin holds one image's bytes, or a list of paths, one a line. checkpoint, preprocessing, model
    and image_size: see trained_net.load. data: records whose classes the net has, where the
    checkpoint has no classes.tsv beside it and is not ImageNet's. A file that is no readable image
    gives a Prediction with its problem.
    """
    loaded = trained_net.load(
        checkpoint, preprocessing=preprocessing, model=model, image_size=image_size,
        moving_average=moving_average,
    )  # fmt: skip
    names = trained_net.class_names(loaded, data)
    top = min(whole("top", top, 1), len(names))
    likeliest = tf.function(
        lambda batch: tf.math.top_k(tf.nn.softmax(loaded.net(batch)), top), autograph=False
    )

    def guess(logit: int, chance: float) -> Guess:
        key, words = names[logit]
        return Guess(logit, key, words, chance)

    def guesses(batch: list[tf.Tensor]) -> Iterator[tuple[Guess, ...]]:
        # Always batches of one height: products of another height round otherwise.
        padding = [tf.zeros_like(batch[0])] * (CHUNK - len(batch))
        values, logits = likeliest(tf.stack(batch + padding))
        for chances, indices in zip(values.numpy(), logits.numpy(), strict=True):
            pairs = zip(indices.tolist(), chances.tolist(), strict=True)
            yield tuple(guess(logit, chance) for logit, chance in pairs)

    stream = read([paths] if isinstance(paths, str | os.PathLike) else paths)
    while some := [(source, _seen(one, loaded)) for source, one in itertools.islice(stream, CHUNK)]:
        guessed = guesses([image for _, image in some if not isinstance(image, str)])
        for source, image in some:
            if isinstance(image, str):
                yield Prediction(source, problem=image)
                continue
            likely = next(guessed)
            if all(math.isfinite(one.probability) for one in likely):
                yield Prediction(source, likely)
            else:
                problem = f"{loaded.pipeline.spec} or the net gives NaN or infinite values for it"
                yield Prediction(source, problem=problem)


def _seen(content: bytes | str, loaded: trained_net.TrainedNet) -> tf.Tensor | str:
    """The image as the net sees it, or why there is none."""
    image = content if isinstance(content, str) else pixels(content)
    if isinstance(image, str):
        return image
    size = loaded.image_size
    # An evaluation draws nothing; the seed only keeps random ops away.
    return loaded.pipeline.preprocess_image(tf.constant(image), size, size, seed=(0, 0))


def pixels(content: bytes) -> np.ndarray | str:
    """Decode an image's bytes to uint8 [height, width, 3] as its record would; else say why not."""
    facts = images.inspect(content)
    if facts.problem is not None:
        return facts.problem
    try:
        if images.needs_reencoding(facts):
            return np.asarray(images.to_rgb(content).convert("RGB"))
        return np.asarray(tf.io.decode_jpeg(content, channels=3))
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        return str(error).splitlines()[0]


def read(paths: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[str, bytes | str]]:
    """Yield (name, bytes) of each file, or (name, problem); of folders the images of all levels,
    sorted. What else these hold is counted in a warning."""
    for path in paths:
        if str(path) == STDIN:
            yield from _from_stdin(sys.stdin.buffer.read())
        elif os.path.isdir(path):
            yield from _from_folder(os.fspath(path))
        else:
            yield str(path), _content(path)


def _from_folder(folder: str) -> Iterator[tuple[str, bytes | str]]:
    listed, others = listing.class_images(folder), Intake()
    others.leave_all(listed.left_out)
    for note in others.notes():
        terminal.warn(f"{folder}: {note}")
    if not listed.images:
        yield folder, "the folder has no images"
    for name in listed.images:
        path = os.path.join(folder, name)
        yield path, _content(path)


def _from_stdin(content: bytes) -> Iterator[tuple[str, bytes | str]]:
    if images.inspect(content).format:
        yield "stdin", content
        return
    try:
        listed = content.decode().split("\n")
    except UnicodeDecodeError:
        listed = []
    listed = [line.strip() for line in listed if line.strip()]
    if not listed:
        yield "stdin", "it holds neither an image nor a list of paths"
    yield from read([line for line in listed if line != STDIN])


def _content(path: str | os.PathLike[str]) -> bytes | str:
    try:
        storage.size(path)  # a fifo that nobody writes to would be waited for
        return Path(path).read_bytes()
    except OSError as error:
        return error.strerror or str(error)


def as_text(prediction: Prediction) -> Sequence[str]:
    """Lines for a reader: the source, then a class a line."""
    if prediction.problem is not None:
        return [f"{prediction.source}: {prediction.problem}"]
    lines = [f"  {100 * g.probability:6.2f} %  {g.key}  {g.words}" for g in prediction.guesses]
    return [prediction.source, *lines]

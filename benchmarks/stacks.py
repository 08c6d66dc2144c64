"""What the evaluation stack costs: one checkpoint under other decoders and other resizes.

    python -m benchmarks.stacks CHECKPOINT RECORDS

The crop, the size of the plane it is resized to, the window, the values' range and the net are the
checkpoint's own; only who decodes the JPEG and who resizes is another. Every validation image once
under each; a stack is compared with the first by pairs of predictions. Prints a table in Markdown.
Pillow and TensorFlow are at hand; OpenCV's rows need opencv-python-headless.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

import imagenet_tools
from imagenet_tools.comparison import statistics
from imagenet_tools.evaluation import trained_net
from imagenet_tools.pipelines.pipeline import Pipeline

BATCH = 100
BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC
NORMAL_95 = 1.959964  # of the standard normal, two-sided
Decode = Callable[[bytes], np.ndarray]
# Pixels [h, w, 3] of 0..255 and the plane's height and width to float32 [height, width, 3].
Resize = Callable[[np.ndarray, int, int], np.ndarray]


class Stack(NamedTuple):
    name: str
    decode: Decode
    resize: Resize


def tensorflow_decoder(**how: Any) -> Decode:
    return lambda encoded: np.asarray(tf.io.decode_jpeg(encoded, channels=3, **how))


def pillow_decoder(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


def tensorflow_resize(method: str, antialias: bool = True) -> Resize:
    def resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
        plane = tf.image.resize(pixels, (height, width), method, antialias=antialias)
        return np.asarray(tf.clip_by_value(plane, 0, 255))

    return resize


def tensorflow_1_bilinear(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """resize_bilinear as TensorFlow 1 had it: no antialiasing, corners half a pixel off."""
    images = pixels[np.newaxis].astype(np.float32)
    return np.asarray(tf.compat.v1.image.resize_bilinear(images, (height, width))[0])


def pillow_resize(method: Image.Resampling) -> Resize:
    def resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
        return np.asarray(Image.fromarray(pixels).resize((width, height), method), np.float32)

    return resize


def stacks() -> Iterator[Stack]:
    """The first is this project's alexnet; each of the others differs in one thing, or is whole."""
    default, antialiased = tensorflow_decoder(), tensorflow_resize("bilinear")
    accurate = tensorflow_decoder(dct_method="INTEGER_ACCURATE")
    plain = tensorflow_decoder(fancy_upscaling=False)
    yield Stack("TensorFlow, bilinear, antialiased", default, antialiased)
    yield Stack("the same, accurate DCT", accurate, antialiased)
    yield Stack("the same, without fancy upsampling", plain, antialiased)
    yield Stack("the same, decoded by Pillow", pillow_decoder, antialiased)
    yield Stack("TensorFlow, bicubic, antialiased", default, tensorflow_resize("bicubic"))
    yield Stack(
        "TensorFlow, bilinear, not antialiased", default, tensorflow_resize("bilinear", False)
    )
    yield Stack("TensorFlow 1's bilinear", default, tensorflow_1_bilinear)
    for name, method in (("bilinear", BILINEAR), ("bicubic", BICUBIC)):
        yield Stack(f"Pillow, {name}", pillow_decoder, pillow_resize(method))
    try:
        import cv2
    except ImportError:
        return

    def opencv_decoder(encoded: bytes) -> np.ndarray:
        decoded = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
        return np.asarray(decoded[..., ::-1])  # B G R

    for name in ("INTER_LINEAR", "INTER_CUBIC", "INTER_AREA"):

        def resize(pixels: np.ndarray, height: int, width: int, name: str = name) -> np.ndarray:
            plane = cv2.resize(pixels, (width, height), interpolation=getattr(cv2, name))
            return np.asarray(plane, np.float32)

        yield Stack(f"OpenCV, {name}", opencv_decoder, resize)


def predictions(stack: Stack, net: trained_net.TrainedNet, data: str) -> np.ndarray:
    """Columns label and predicted class, int64 [n, 2], in the order of the records."""
    size, pipeline = net.image_size, net.pipeline
    offset = int(net.run["labels_offset"])
    records = imagenet_tools.open_records(data, "validation", labels_offset=offset)
    run = tf.function(lambda images: tf.argmax(net.net(images), -1), autograph=False)
    rows: list[tuple[int, int]] = []
    for start in range(0, len(records), BATCH):
        part = [records[at] for at in range(start, min(start + BATCH, len(records)))]
        images = [seen(stack, one.encoded, pipeline, size) for one in part]
        rows += zip([one.label for one in part], run(np.stack(images)).numpy(), strict=True)
    return np.array(rows)


def seen(stack: Stack, encoded: bytes, pipeline: Pipeline, size: int) -> np.ndarray:
    """What the net sees of one image under a stack: float32 [size, size, 3]."""
    pixels = stack.decode(encoded)
    view = pipeline.view(pixels.shape[0], pixels.shape[1], size, size, False)
    y, x, height, width = view.crop.numpy()
    crop = np.ascontiguousarray(pixels[y : y + height, x : x + width])
    plane = stack.resize(crop, *view.resize.numpy())
    y, x = view.window.numpy()
    window = tf.constant(plane[y : y + size, x : x + size])
    return np.asarray(pipeline.parts["range"](window, keywords={}))


def main(checkpoint: str, data: str) -> None:
    net = trained_net.load(checkpoint)
    print(f"{net.checkpoint.prefix}, {net.pipeline.spec} at {net.image_size} px\n")
    titles = ["stack", "top-1, %", "less the first (95 % interval)"]
    titles += ["lost, gained", "p", "other class, %"]
    print(f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|")
    first = None
    for stack in stacks():
        label, guess = predictions(stack, net, data).T
        right = label == guess
        accuracy = f"{100 * right.mean():.2f}"
        if first is None:
            first = guess, right
            print(f"| {stack.name} | {accuracy} | | | | |")
            continue
        change = right.astype(float) - first[1]
        middle, half = change.mean(), NORMAL_95 * change.std(ddof=1) / np.sqrt(len(change))
        lost, gained, p = statistics.mcnemar(first[1], right)
        moved = 100 * (guess != first[0]).mean()
        low, high = 100 * (middle - half), 100 * (middle + half)
        print(
            f"| {stack.name} | {accuracy} | {100 * middle:+.2f} ({low:+.2f} to {high:+.2f}) "
            f"| {lost}, {gained} | {p:.2g} | {moved:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])

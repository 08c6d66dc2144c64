"""Random resized crops at 224 px on one core: ours beside the stacks people would pick instead.

JPEG decoding included, the same crop of every image for all, out come float32 of -1..1. All run in
turn in one child pinned to one core. Peers that are not installed are left out (OpenCV and
simplejpeg: pip install opencv-python-headless simplejpeg).
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.bench_preprocessing import SAMPLE, SIZE, encoded_images
from benchmarks.harness import Row, interleave, medians, ratio_row, skipped

PLAIN = "inception.geometry+alexnet.colour:lighting=0"
SMALL = 256  # --max-side


def rows() -> Iterator[Row]:
    if not SAMPLE.exists():
        yield skipped("peers on natural-size JPEGs", f"{SAMPLE} is absent")
        return
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_peers"], capture_output=True, text=True, check=True
    )
    rates = json.loads(done.stdout.splitlines()[-1])
    for name, candidate, baseline, least in (
        ("random resized crop, no antialiasing", "imgtools", "simplejpeg + OpenCV", 1.0),
        ("random resized crop, antialiased", "imgtools antialiased", "Pillow", 1.0),
        ("from --max-side 256 records", "max-side 256", "imgtools", 2.0),
        ("from --max-side 256 --store raw records", "raw 256", "imgtools", None),
    ):
        if baseline not in rates:
            yield skipped(name, f"{baseline} is not installed")
            continue
        yield ratio_row(
            f"{name}, one core", {n: rates[n] for n in (candidate, baseline)}, unit="images/s",
            candidate=candidate, baseline=baseline, at_least=least,
        )  # fmt: skip


def measure() -> dict[str, float]:
    os.sched_setaffinity(0, {0})
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from imagenet_tools import registry
    from imagenet_tools.preprocessing import inception_preprocessing
    from imagenet_tools.records.prepare import Settings, prepare

    def antialiased(*arguments: Any) -> Any:
        return inception_preprocessing.geometry(*arguments)._replace(method="antialias")

    base = registry.get(PLAIN)
    registry.register_parts(
        "antialiased_crop",
        geometry=antialiased,
        colour=lambda image, is_training, seed: image,
        range=lambda image: image / 127.5 - 1.0,
        summary="inception's crop, antialiased",
    )
    data = encoded_images()
    small = [prepare(one, Settings(max_side=SMALL)).data for one in data]
    raw = [prepare(one, Settings(max_side=SMALL, store="raw")) for one in data]
    shapes = [(one.facts.height, one.facts.width) for one in raw]
    crops = [crop_of(base, one, number) for number, one in enumerate(data)]

    def stream(load: Callable, *columns: Sequence[Any]) -> Callable[[], None]:
        numbered = tf.data.Dataset.from_tensor_slices((*columns, list(range(len(data)))))
        loaded = numbered.map(tf.autograph.experimental.do_not_convert(load), 1)
        options = tf.data.Options()
        options.autotune.enabled = False
        options.threading.private_threadpool_size = 1
        batches = loaded.batch(50).with_options(options)

        def run() -> None:
            for _ in batches:
                pass

        return run

    def fused(spec: str) -> Callable:
        pipeline = registry.get(spec)
        return lambda one, number: pipeline.preprocess_encoded(
            one, SIZE, SIZE, True, seed=tf.stack([number, 7])
        )

    def from_pixels(one: Any, shape: Any, number: Any) -> Any:
        image = tf.reshape(tf.io.decode_raw(one, tf.uint8), [shape[0], shape[1], 3])
        return base.preprocess_image(image, SIZE, SIZE, True, seed=tf.stack([number, 7]))

    contenders: dict[str, Callable[[], object]] = {
        "imgtools": stream(fused(PLAIN), data),
        "imgtools antialiased": stream(fused("antialiased_crop"), data),
        "max-side 256": stream(fused(PLAIN), small),
        "raw 256": stream(from_pixels, [one.data for one in raw], shapes),
        "Pillow": lambda: [pillow(*pair) for pair in zip(data, crops, strict=True)],
    }
    if importlib.util.find_spec("cv2") and importlib.util.find_spec("simplejpeg"):
        contenders["simplejpeg + OpenCV"] = lambda: [
            opencv(*pair) for pair in zip(data, crops, strict=True)
        ]
    return medians(interleave(contenders, repeats=5), len(data))


Crop = tuple[int, int, int, int, bool]  # y, x, height, width, mirrored


def crop_of(pipeline: Any, encoded: bytes, number: int) -> Crop:
    import tensorflow as tf

    height, width, _ = tf.io.extract_jpeg_shape(encoded).numpy()
    view = pipeline.view(height, width, SIZE, SIZE, True, seed=(number, 7))
    y, x, h, w = (int(side) for side in view.crop)
    return y, x, h, w, bool(view.flip)


def pillow(encoded: bytes, crop: Crop) -> Any:
    """As in a PyTorch DataLoader with torchvision's transforms on Pillow images."""
    import numpy as np
    from PIL import Image

    y, x, height, width, mirrored = crop
    with Image.open(io.BytesIO(encoded)) as image:
        whole = image.convert("RGB")
    part = whole.resize((SIZE, SIZE), Image.Resampling.BILINEAR, (x, y, x + width, y + height))
    if mirrored:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(part, np.float32) / 127.5 - 1.0


def opencv(encoded: bytes, crop: Crop) -> Any:
    import cv2
    import numpy as np
    import simplejpeg

    cv2.setNumThreads(1)
    y, x, height, width, mirrored = crop
    whole = simplejpeg.decode_jpeg(encoded, fastdct=True)
    part = cv2.resize(whole[y : y + height, x : x + width], (SIZE, SIZE))
    if mirrored:
        part = cv2.flip(part, 1)
    return part.astype(np.float32) / 127.5 - 1.0


if __name__ == "__main__":
    print(json.dumps(measure()))

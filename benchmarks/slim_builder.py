"""What TF-Slim's builder does with each image, written anew and measured alone, in one thread.

After research/slim/datasets/build_imagenet_data.py: `process` is its _process_image, `build` the
body of its loop over a shard. A process of its own measures them (`started`), with TensorFlow's
import and the first run of the graph outside the time.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_tools.records import schema

if TYPE_CHECKING:
    import numpy as np

PARTS = {
    "process": "decoding each image as TF-Slim's builder does to learn its size (its "
    "_process_image: GFile, names compared, a session run, shape checked; one thread)",
    "build": "all that TF-Slim's builder does with an image: that, Example, TFRecordWriter (one "
    "thread)",
    "session": "the session run alone, with the files' bytes in memory before",
}
# What it takes for a PNG and for CMYK, by name.
PNG = "n02105855_2933.JPEG"
NAMES = """n01739381_1309 n02077923_14822 n02447366_23489 n02492035_15739 n02747177_10752
n03018349_4028 n03062245_4620 n03347037_9675 n03467068_12171 n03529860_11437 n03544143_17228
n03633091_5218 n03710637_5125 n03961711_5286 n04033995_2932 n04258138_17003 n04264628_27969
n04336792_7448 n04371774_5854 n04596742_4225 n07583066_647 n13037406_4650"""
CMYK = [f"{name}.JPEG" for name in NAMES.split()]


@contextlib.contextmanager
def started(paths: list[str], shard: Path) -> Iterator[Callable[[str], float]]:
    """A process that knows the images; what is yielded returns the seconds of one of PARTS."""
    listing = shard.with_suffix(".list")
    listing.write_text("\n".join(paths))
    command = [sys.executable, "-m", "benchmarks.slim_builder", str(listing), str(shard)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(
        command,
        text=True,
        bufsize=1,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        asked, answers = child.stdin, child.stdout

        def measure(part: str) -> float:
            print(part, file=asked)
            return float(answers.readline())

        yield measure
        asked.close()


def decoder() -> Callable[[bytes], np.ndarray]:
    """A session of one graph; an image's bytes are fed to it, and its pixels fetched, in a run."""
    import tensorflow as tf

    with tf.Graph().as_default():
        data = tf.compat.v1.placeholder(tf.string)
        pixels = tf.image.decode_jpeg(data, channels=3)
        session = tf.compat.v1.Session()
    return lambda content: session.run(pixels, feed_dict={data: content})


def example(content: bytes, pixels: np.ndarray, path: str) -> bytes:
    """The record, as protobuf's own objects make it; without boxes."""
    import tensorflow as tf

    def feature(value: bytes | int | list[float]) -> tf.train.Feature:
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        if isinstance(value, int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        return tf.train.Feature(float_list=tf.train.FloatList(value=value))

    filename = os.path.basename(path)
    values: dict[str, Any] = {
        schema.HEIGHT: pixels.shape[0],
        schema.WIDTH: pixels.shape[1],
        schema.COLORSPACE: b"RGB",
        schema.CHANNELS: 3,
        schema.LABEL: 1,
        schema.SYNSET: filename.partition("_")[0].encode(),
        schema.TEXT: b"tench, Tinca tinca",
        **dict.fromkeys(schema.BOXES, []),
        schema.FORMAT: b"JPEG",
        schema.FILENAME: filename.encode(),
        schema.ENCODED: content,
    }
    features = {key: feature(value) for key, value in values.items()}
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(example.SerializeToString())


def process(path: str, decode: Callable[[bytes], np.ndarray]) -> tuple[bytes, np.ndarray]:
    """An image's bytes and pixels, which are decoded for their size."""
    import tensorflow as tf

    with tf.io.gfile.GFile(path, "rb") as file:
        content = file.read()
    assert PNG not in path and path.split("/")[-1] not in CMYK
    pixels = decode(content)
    assert len(pixels.shape) == 3 and pixels.shape[2] == 3
    return content, pixels


def seconds(
    part: str, paths: list[str], shard: str, decode: Callable[[bytes], np.ndarray]
) -> float:
    import tensorflow as tf

    contents = [Path(path).read_bytes() for path in paths] if part == "session" else []
    start = time.perf_counter()
    if part == "session":
        for content in contents:
            decode(content)
    elif part == "process":
        for path in paths:
            process(path, decode)
    else:
        with tf.io.TFRecordWriter(shard) as writer:
            for path in paths:
                content, pixels = process(path, decode)
                writer.write(example(content, pixels, path))
    return time.perf_counter() - start


def main(listing: str, shard: str) -> None:
    paths, decode = Path(listing).read_text().splitlines(), decoder()
    decode(Path(paths[0]).read_bytes())
    for line in sys.stdin:
        print(seconds(line.strip(), paths, shard, decode), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

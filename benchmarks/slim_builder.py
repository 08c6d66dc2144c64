"""What TF-Slim's builder does with each image, written anew and measured alone, in one thread.

`python -m benchmarks.slim_builder decode LIST` or `... build LIST SHARD`: LIST has a path a line.
Prints the seconds, without TensorFlow's import and the first run of the graph.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools.records import schema


def decoder() -> Callable[[bytes], np.ndarray]:
    """A session of one graph; an image's bytes are fed to it, and its pixels fetched, in a run."""
    with tf.Graph().as_default():
        data = tf.compat.v1.placeholder(tf.string)
        pixels = tf.image.decode_jpeg(data, channels=3)
        session = tf.compat.v1.Session()
    return lambda content: session.run(pixels, feed_dict={data: content})


def example(content: bytes, pixels: np.ndarray, path: str) -> bytes:
    """The record, as protobuf's own objects make it; without boxes."""

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
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def decode_all(paths: list[str]) -> float:
    decode, contents = decoder(), [Path(path).read_bytes() for path in paths]
    decode(contents[0])
    start = time.perf_counter()
    for content in contents:
        decode(content)
    return time.perf_counter() - start


def build_all(paths: list[str], shard: str) -> float:
    decode = decoder()
    decode(Path(paths[0]).read_bytes())
    start = time.perf_counter()
    with tf.io.TFRecordWriter(shard) as writer:
        for path in paths:
            with tf.io.gfile.GFile(path, "rb") as file:
                content = file.read()
            writer.write(example(content, decode(content), path))
    return time.perf_counter() - start


if __name__ == "__main__":
    listed = Path(sys.argv[2]).read_text().splitlines()
    print(decode_all(listed) if sys.argv[1] == "decode" else build_all(listed, sys.argv[3]))

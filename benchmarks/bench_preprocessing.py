"""Pipelines at 224 px on natural-size JPEGs, decoding included: the fused path against the exact.

The fused path is the one that training reads records by; the exact one is TF-Slim's operations in
its order, held to its own code where $SLIM_DIR names a checkout of tf_slim's era.

Every contender runs in a child pinned to its cores, over the same 200 images in memory; the
children are driven in turn from here.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import sys
import tarfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any
from unittest import mock

from benchmarks.harness import SAMPLE, Row, compare, interleave, medians, ratio_row, skipped

SIZE = 224
BATCH = 32
PASSES = 3  # over the images in one timed run, so that its start and end weigh little
# pipeline, training?, least ratio of fused to exact
CASES = (
    ("inception", True, 1.33),
    ("alexnet", True, 1.4),
    ("vgg", True, 1.25),
    ("inception", False, 1.1),
    ("vgg", False, 1.1),
)


AUGMENTED = ("torchvision+randaugment", "torchvision+trivialaugment", "timm")
LEAST = 0.6  # of inception's rate


def encoded_images() -> list[bytes]:
    with tarfile.open(SAMPLE) as archive:
        files = [archive.extractfile(member) for member in archive if member.isfile()]
        return [file.read() for file in files if file]


def slim_operations(pipeline: Any, image: Any, is_training: bool, seed: Any) -> Any:
    """The exact path, in TensorFlow's operations and in the order in which TF-Slim has them.

    Inception makes floats of 0..1 of the whole image, VGG resizes the whole image's bytes and
    takes the means from one channel after the other. alexnet, which TF-Slim lacks, likewise.
    """
    import tensorflow as tf

    from imagenet_tools.pipelines import rendering
    from imagenet_tools.preprocessing import inception_preprocessing, ops
    from imagenet_tools.preprocessing.vgg_preprocessing import MEAN_PIXEL

    shape = tf.shape(image)
    seen = pipeline.view(shape[0], shape[1], SIZE, SIZE, is_training, seed=seed)
    if pipeline.name == "inception":
        floats = tf.image.convert_image_dtype(image, tf.float32)
        pixels = rendering.render_plane(floats, seen)
        if is_training:
            span = inception_preprocessing.BRIGHTNESS / 255
            pixels = ops.brightness(pixels, seed, span)
            pixels = ops.saturation(pixels, seed, *inception_preprocessing.SATURATION)
            pixels = tf.clip_by_value(pixels, 0.0, 1.0)
        return (pixels - 0.5) * 2.0
    if pipeline.name == "vgg":
        plane = tf.raw_ops.ResizeBilinear(images=image[tf.newaxis], size=seen.resize)[0]
        y, x = tf.unstack(seen.window)
        pixels = tf.ensure_shape(plane[y : y + SIZE, x : x + SIZE], [SIZE, SIZE, 3])
        if is_training:
            cut = pixels
            pixels = tf.cond(seen.flip, lambda: tf.reverse(cut, [1]), lambda: cut)
        planes = zip(tf.split(pixels, 3, axis=2), MEAN_PIXEL, strict=True)
        return tf.concat([plane - mean for plane, mean in planes], axis=2)
    pixels = rendering.render_plane(image, seen)
    pixels = pipeline.parts["colour"](pixels, is_training, seed, keywords={})
    return pipeline.parts["range"](pixels, keywords={}, view=seen)


def own_operations(module: str, is_training: bool) -> Any:
    """preprocess_image of the TF-Slim checkout at $SLIM_DIR, for images of SIZE."""
    import importlib

    import tensorflow as tf

    sys.path.insert(0, os.environ["SLIM_DIR"])
    try:  # its modules turn TensorFlow 2 off when they are imported
        with mock.patch.object(tf.compat.v1, "disable_v2_behavior"):
            preprocess = importlib.import_module(f"preprocessing.{module}").preprocess_image
    finally:
        sys.path.remove(os.environ["SLIM_DIR"])
    keywords = {"add_image_summaries": False} if module.startswith("inception") else {}
    return lambda image: preprocess(image, SIZE, SIZE, is_training, **keywords)


Job = tuple[str, bool, str]  # pipelines joined by |, training?, path


def serve(pipe: Connection, cores: int, jobs: dict[str, Job]) -> None:
    """A child: build each job's graph once, then run the one that is named, and say how long."""
    os.sched_setaffinity(0, set(range(cores)))
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(cores)
    from imagenet_tools import registry
    from imagenet_tools.pipelines import compiled, rendering
    from imagenet_tools.training import batches as input_pipeline

    data = encoded_images()

    def stream(specs: str, is_training: bool, path: str) -> tf.data.Dataset:
        pipelines = [registry.get(spec) for spec in specs.split("|") if spec]
        own = own_operations(f"{specs}_preprocessing", is_training) if path == "TF-Slim" else None

        def load(encoded: tf.Tensor, index: tf.Tensor) -> Any:
            seed = tf.stack([tf.cast(index, tf.int32), 7])
            if path == "bytes":  # TensorFlow's decoding alone: one pixel goes on
                return rendering.decode(encoded)[:1, :1]
            if path == "exact":
                return slim_operations(pipelines[0], rendering.decode(encoded), is_training, seed)
            if own:
                return own(rendering.decode(encoded))
            with compiled.use():
                if path == "fused":
                    (one,) = pipelines
                    return one.preprocess_encoded(encoded, SIZE, SIZE, is_training, seed=seed)
                image = rendering.decode(encoded)
                return [
                    p.preprocess_image(image, SIZE, SIZE, is_training, seed=seed) for p in pipelines
                ]

        numbered = tf.data.Dataset.from_tensor_slices((data, list(range(len(data)))))
        numbered = numbered.repeat(PASSES)
        written = tf.autograph.experimental.do_not_convert(load)
        loaded = numbered.map(written, input_pipeline.AHEAD * cores)
        options = tf.data.Options()
        options.autotune.enabled = False
        options.threading.private_threadpool_size = cores
        return loaded.batch(BATCH).with_options(options)

    streams = {name: stream(*job) for name, job in jobs.items()}
    while name := pipe.recv():
        batches = iter(streams[name])  # its graph is made ready now, by one thread: some 25 ms
        start = time.perf_counter()
        for _ in batches:
            pass
        pipe.send(time.perf_counter() - start)


class Child:
    """A pinned process that runs jobs by name."""

    def __init__(self, cores: int, jobs: dict[str, Job]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other, cores, jobs))
        self._process.start()

    def run(self, name: str) -> float:
        """Run a job once over all images; return its seconds."""
        self._pipe.send(name)
        return float(self._pipe.recv())

    def close(self) -> None:
        self._pipe.send("")
        self._process.join()


def rows() -> Iterator[Row]:
    if not SAMPLE.exists():
        yield skipped("pipelines on natural-size JPEGs", f"{SAMPLE} is absent")
        return
    jobs = {
        f"{mode(name, is_training)} {path}": (name, is_training, path)
        for name, is_training, _ in CASES
        for path in ("exact", "fused", *(["TF-Slim"] if own_code(name) else []))
    }
    jobs |= {f"{spec} train fused": (spec, True, "fused") for spec in AUGMENTED}
    jobs |= {"both arms": ("inception|alexnet", True, "decoded"), "decoding": ("", True, "bytes")}
    pair = {name: jobs[name] for name in ("alexnet train fused", "decoding")}
    one, two = Child(1, jobs), Child(2, pair)
    try:
        count = PASSES * len(encoded_images())
        # First, in turns of a second: a core that has idled for a minute is slow to come back.
        both = {
            f"{name} on {word}": functools.partial(child.run, name)
            for name in pair
            for word, child in (("one", one), ("two", two))
        }
        rates = medians(interleave(both, repeats=9, warmups=2), count)
        alone = {name: functools.partial(one.run, name) for name in jobs}
        rates |= medians(interleave(alone, repeats=5), count)
    finally:
        one.close()
        two.close()
    yield from ratio_rows(rates)
    yield lanes()


def lanes() -> Row:
    """What the instructions that kernels.py makes by hand gain: sampling alone, inception's box."""
    import numpy as np

    from imagenet_tools.pipelines import kernels

    pixels = np.random.default_rng(0).integers(0, 256, (400, 400, 3)).astype(np.uint8)
    out, line = np.empty((SIZE, SIZE, 3), np.float32), np.ones((2, 3), np.float32)
    whole, same, corner = (400, 400), (SIZE, SIZE), (0, 0)
    run = functools.partial(kernels.sample, pixels, (corner, whole, same, corner, False))
    each = {
        name: functools.partial(run, kernels.TRIANGLE, line, out, name == "plain loop")
        for name in ("plain loop", "four lanes")
    }
    return compare(
        "antialiased 400 to 224 px: four lanes against plain Numba", each, work=1,
        unit="images/s", candidate="four lanes", baseline="plain loop", repeats=200, warmups=20,
    )  # fmt: skip


def mode(name: str, is_training: bool) -> str:
    return f"{name} {'train' if is_training else 'eval'}"


def own_code(name: str) -> bool:
    """Whether TF-Slim's own code of this pipeline is at hand."""
    return "SLIM_DIR" in os.environ and name != "alexnet"


def ratio_rows(rates: dict[str, float]) -> Iterator[Row]:
    def row(name: str, candidate: str, baseline: str, least: float | None = None) -> Row:
        pair = {n: rates[n] for n in (baseline, candidate)}
        return ratio_row(
            name, pair, unit="images/s", candidate=candidate, baseline=baseline, at_least=least
        )

    for name, is_training, least in CASES:
        case = mode(name, is_training)
        exact, fused, own = (f"{case} {path}" for path in ("exact", "fused", "TF-Slim"))
        yield row(f"{case}, one core: fused against exact, unfused", fused, exact, least)
        if own_code(name):
            yield row(f"{case}: the exact path against TF-Slim's own code", exact, own)
    job = mode("alexnet", True) + " fused"
    yield row("alexnet train, two cores against one", f"{job} on two", f"{job} on one", 1.85)
    yield row("decoding alone, two cores against one", "decoding on two", "decoding on one")
    for spec in AUGMENTED:
        case = f"{spec} train fused"
        yield row(f"{spec} train, one core: of inception", case, "inception train fused", LEAST)
    arms = [f"{mode(name, True)} fused" for name in ("inception", "alexnet")]
    slower = min(arms, key=lambda name: rates[name])
    cost = {"slower arm alone": 1 / rates[slower], "both arms": 1 / rates["both arms"]}
    yield ratio_row(
        "two arms from one decoded image: cost against the slower arm alone", cost,
        unit="s an image", candidate="both arms", baseline="slower arm alone", at_most=1.5,
    )  # fmt: skip

"""Pipelines at 224 px on natural-size JPEGs, decoding included: the fused path against the exact.

Every contender runs in a child pinned to its cores, over the same 200 images in memory; the
children are driven in turn from here.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import tarfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, interleave, medians, ratio_row, skipped

SHARED = Path(os.environ.get("IMGTOOLS_SHARED", Path(__file__).parents[2] / "shared"))
SAMPLE = SHARED / "data" / "imagenet-sample.tar"
SIZE = 224
# pipeline, training?, least ratio of fused to exact
CASES = (
    ("inception", True, 1.33),
    ("alexnet", True, 1.4),
    ("vgg", True, 1.25),
    ("inception", False, 1.1),
    ("vgg", False, 1.1),
)


def encoded_images() -> list[bytes]:
    with tarfile.open(SAMPLE) as archive:
        files = [archive.extractfile(member) for member in archive if member.isfile()]
        return [file.read() for file in files if file]


def slim_order(pipeline: Any, image: Any, is_training: bool, seed: Any) -> Any:
    """The exact path as TF-Slim orders it: the whole image in float32, cut and resized after."""
    import tensorflow as tf

    from imagenet_tools.preprocessing import rendering

    shape = tf.shape(image)
    seen = pipeline.view(shape[0], shape[1], SIZE, SIZE, is_training, seed=seed)
    pixels = rendering.render_plane(tf.cast(image, tf.float32), seen)
    pixels = pipeline.parts["colour"](pixels, is_training, seed, call={})
    return pipeline.parts["range"](pixels, call={}, view=seen)


def serve(pipe: Connection, cores: int, jobs: dict[str, tuple[str, bool, str]]) -> None:
    """A child: build each job's graph once, then run the one that is named, and say how long."""
    os.sched_setaffinity(0, set(range(cores)))
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(cores)
    from imagenet_tools import registry
    from imagenet_tools.preprocessing import rendering

    data = encoded_images()

    def stream(specs: str, is_training: bool, path: str) -> tf.data.Dataset:
        pipelines = [registry.get(spec) for spec in specs.split("|")]

        def load(encoded: tf.Tensor, index: tf.Tensor) -> list[tf.Tensor]:
            seed = tf.stack([tf.cast(index, tf.int32), 7])
            if path == "fused":
                return [
                    p.preprocess_encoded(encoded, SIZE, SIZE, is_training, seed=seed)
                    for p in pipelines
                ]
            image = rendering.decode(encoded)
            if path == "slim order":  # TF-Slim makes floats of the whole image, then cuts
                return [slim_order(pipeline, image, is_training, seed) for pipeline in pipelines]
            # The exact path resizes the whole plane; left as it is, windows alone are sampled.
            sampled = rendering.render_image
            rendering.render_image = rendering.render_plane if path == "exact" else sampled
            try:
                return [
                    p.preprocess_image(image, SIZE, SIZE, is_training, seed=seed) for p in pipelines
                ]
            finally:
                rendering.render_image = sampled

        numbered = tf.data.Dataset.from_tensor_slices((data, list(range(len(data)))))
        loaded = numbered.map(tf.autograph.experimental.do_not_convert(load), cores)
        options = tf.data.Options()
        options.autotune.enabled = False
        options.threading.private_threadpool_size = cores
        return loaded.batch(50).with_options(options)

    streams = {name: stream(*job) for name, job in jobs.items()}
    while name := pipe.recv():
        start = time.perf_counter()
        for _ in streams[name]:
            pass
        pipe.send(time.perf_counter() - start)


class Child:
    """A pinned process that runs jobs by name."""

    def __init__(self, cores: int, jobs: dict[str, tuple[str, bool, str]]) -> None:
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
        f"{name} {'train' if is_training else 'eval'} {path}": (name, is_training, path)
        for name, is_training, _ in CASES
        for path in ("slim order", "exact", "fused")
    }
    jobs["both arms"] = ("inception|alexnet", True, "decoded")
    one, two = Child(1, jobs), Child(2, {"two cores": ("alexnet", True, "fused")})
    try:
        count = len(encoded_images())
        contenders = {name: functools.partial(one.run, name) for name in jobs}
        contenders["two cores"] = functools.partial(two.run, "two cores")
        rates = medians(interleave(contenders, repeats=5), count)
    finally:
        one.close()
        two.close()
    yield from ratio_rows(rates)


def ratio_rows(rates: dict[str, float]) -> Iterator[Row]:
    for name, is_training, least in CASES:
        mode = f"{name} {'train' if is_training else 'eval'}"
        slim, exact, fused = (f"{mode} {path}" for path in ("slim order", "exact", "fused"))
        yield ratio_row(
            f"{mode}, one core: fused against unfused in TF-Slim's order",
            {n: rates[n] for n in (slim, fused)},
            unit="images/s", candidate=fused, baseline=slim, at_least=least,
        )  # fmt: skip
        yield ratio_row(
            f"{mode}, one core: fused against our exact path, which cuts bytes, not floats",
            {n: rates[n] for n in (exact, fused)},
            unit="images/s", candidate=fused, baseline=exact,
        )  # fmt: skip
    pair = {n: rates[n] for n in ("alexnet train fused", "two cores")}
    yield ratio_row(
        "alexnet train, two cores against one", pair, unit="images/s", candidate="two cores",
        baseline="alexnet train fused", at_least=1.85,
    )  # fmt: skip
    slower = min(("inception train fused", "alexnet train fused"), key=lambda n: rates[n])
    cost = {"slower arm alone": 1 / rates[slower], "both arms": 1 / rates["both arms"]}
    yield ratio_row(
        "two arms from one decoded image: cost against the slower arm alone", cost,
        unit="s an image", candidate="both arms", baseline="slower arm alone", at_most=1.5,
    )  # fmt: skip

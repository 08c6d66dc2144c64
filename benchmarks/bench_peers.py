"""Random resized crops at 224 px on one core: ours beside the stacks people would pick instead.

JPEG decoding included, the same crop of every image for all (FFCV draws its own), out come float32
of about -1..1. JPEGs and pixels are in memory, but for FFCV's file and where a row says records.
Each side runs in a child of its own, pinned to one core, in turn; rates are of the processor's
seconds. The others run under $IMGTOOLS_PEERS_PYTHON, an interpreter of a virtual environment that
holds what there is of them (pip install pillow torchvision torchcodec litdata spdl simplejpeg
opencv-python-headless nvidia-dali-cuda120 ffcv; SPDL wants FFmpeg's libraries), or else under
this one.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bench_preprocessing import SIZE, encoded_images
from benchmarks.harness import SAMPLE, Row, interleave, medians, ratio_row, skipped
from benchmarks.peer_stacks import BATCH
from benchmarks.photographs import build, repeated

PLAIN = "inception.geometry+alexnet.colour:lighting=0"
SMALL = 256  # --max-side
PASSES = 10  # over the records in one measurement
OURS = ("originals", "antialiased", "RandAugment", "max-side 256", "raw 256", "raw 256 records")
PEERS = (
    *("Pillow", "torchvision v2", "torchcodec + v2", "litdata + torchcodec", "SPDL"),
    *("RandAugment on tensors", "RandAugment in Pillow"),
    *("simplejpeg + OpenCV", "DALI", "FFCV JPEG", "FFCV raw"),
)
# What is compared: name, ours, theirs, least ratio.
ROWS = (
    ("from originals, antialiased", "antialiased", "Pillow", 1.0),
    ("from originals, antialiased", "antialiased", "torchvision v2", 1.0),
    ("from originals, antialiased", "antialiased", "torchcodec + v2", 1.0),
    ("from originals, antialiased, against litdata's chunks, read shuffled", "antialiased",
     "litdata + torchcodec", 1.0),
    ("from originals, antialiased", "antialiased", "SPDL", 1.0),
    ("from originals, antialiased", "antialiased", "DALI", 1.0),
    ("from originals, antialiased, with RandAugment", "RandAugment", "RandAugment on tensors", 1.5),
    ("from originals, antialiased, with RandAugment", "RandAugment", "RandAugment in Pillow", 1.5),
    ("from originals, no antialiasing", "originals", "simplejpeg + OpenCV", 1.0),
    ("from JPEGs as --max-side 256 stores them", "max-side 256", "originals", 2.0),
    ("originals against FFCV's JPEGs (0.64 x the bytes, longer side 500)", "originals",
     "FFCV JPEG", None),
    ("from pixels in memory, as --max-side 256 --store raw stores them", "raw 256", "originals",
     None),
    ("from --max-side 256 --store raw records, read at random with their CRCs, against the same "
     "pixels in memory", "raw 256 records", "raw 256", None),
    ("from pixels in memory, shorter side 256, against FFCV's file of raw pixels, longer side 500, "
     "1.95 x as many", "raw 256", "FFCV raw", None),
)  # fmt: skip


def rows() -> Iterator[Row]:
    if not SAMPLE.exists():
        yield skipped("peers on natural-size JPEGs", f"{SAMPLE} is absent")
        return
    with tempfile.TemporaryDirectory() as folder:
        ours = Child([sys.executable, "-m", "benchmarks.bench_peers", folder])
        python = os.environ.get("IMGTOOLS_PEERS_PYTHON", sys.executable)
        try:
            ours.ask(OURS[0])  # by then it has written the crops
            peers = Child([python, "-m", "benchmarks.peer_stacks", folder])
            first = {name: peers.ask(name) for name in PEERS}
            missing = {name: answer for name, answer in first.items() if isinstance(answer, str)}
            jobs = [(name, ours) for name in OURS] + [(n, peers) for n in PEERS if n not in missing]
            contenders = {name: functools.partial(child.ask, name) for name, child in jobs}
            rates = medians(interleave(contenders, repeats=5), len(encoded_images()))
        finally:
            ours.close()
    peers.close()
    for name, candidate, baseline, least in ROWS:
        if baseline in missing:
            yield skipped(f"{name}: {baseline}", missing[baseline])
            continue
        yield ratio_row(
            f"{name}, one core", {n: rates[n] for n in (baseline, candidate)}, unit="images/s",
            candidate=candidate, baseline=baseline, at_least=least,
        )  # fmt: skip


class Child:
    """A process that is asked for a stack by name and answers with its seconds, or why not."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env={**os.environ, "NUMBA_NUM_THREADS": "1"},
        )  # fmt: skip

    def ask(self, name: str) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("ANSWER "):
                return json.loads(line.removeprefix("ANSWER "))
        raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}")

    def close(self) -> None:
        self._process.kill()  # threads of some stacks do not end by themselves
        self._process.wait()


def serve(folder: Path) -> None:
    """Our side: write what the others need, then answer."""
    os.sched_setaffinity(0, {0})
    ready = stacks(folder)
    for line in sys.stdin:
        start = time.process_time()
        passes = ready[line.strip()]() or 1
        print("ANSWER", json.dumps((time.process_time() - start) / passes), flush=True)


def stacks(folder: Path) -> dict[str, Callable[[], int | None]]:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from imagenet_tools import registry
    from imagenet_tools.pipelines import compiled
    from imagenet_tools.preprocessing import inception_preprocessing
    from imagenet_tools.records.prepare import Settings, prepare
    from imagenet_tools.training import batches as input_pipeline

    def antialiased(*arguments: Any) -> Any:
        return inception_preprocessing.geometry(*arguments)._replace(method="antialias")

    def unchanged(image: Any, is_training: bool, seed: Any) -> Any:
        return image

    base = registry.get(PLAIN)
    registry.register_parts(
        "antialiased_crop", geometry=antialiased, colour=unchanged,
        range=lambda image: image / 127.5 - 1.0, summary="inception's crop, antialiased",
    )  # fmt: skip
    smooth = registry.get("antialiased_crop")
    data = encoded_images()
    write_crops(folder, base, data)
    small = [prepare(one, Settings(max_side=SMALL)).data for one in data]
    raw = [prepare(one, Settings(max_side=SMALL, store="raw")) for one in data]
    shapes = [(one.facts.height, one.facts.width) for one in raw]

    def stream(load: Callable, *columns: Sequence[Any]) -> Callable[[], None]:
        numbered = tf.data.Dataset.from_tensor_slices((*columns, list(range(len(data)))))
        loaded = numbered.map(tf.autograph.experimental.do_not_convert(load), input_pipeline.AHEAD)
        options = tf.data.Options()
        options.autotune.enabled = False
        options.threading.private_threadpool_size = 1
        batches = loaded.batch(BATCH).with_options(options)

        def run() -> None:
            for _ in batches:
                pass

        return run

    def fused(pipeline: Any) -> Callable:
        def load(one: Any, number: Any) -> Any:
            with compiled.use():
                return pipeline.preprocess_encoded(one, SIZE, SIZE, True, seed=seed_of(number))

        return load

    def seed_of(number: Any) -> Any:
        return tf.stack([number, 7])

    def from_pixels(one: Any, shape: Any, number: Any) -> Any:
        image = tf.reshape(tf.io.decode_raw(one, tf.uint8), [shape[0], shape[1], 3])
        with compiled.use():
            return base.preprocess_image(image, SIZE, SIZE, True, seed=seed_of(number))

    return {
        "originals": stream(fused(base), data),
        "antialiased": stream(fused(smooth), data),
        "RandAugment": stream(fused(registry.get("antialiased_crop+randaugment")), data),
        "max-side 256": stream(fused(base), small),
        "raw 256": stream(from_pixels, [one.data for one in raw], shapes),
        "raw 256 records": from_records(folder, base, len(data)),
    }


def from_records(folder: Path, pipeline: Any, count: int) -> Callable[[], int]:
    """As train reads them: so many passes that what is read ahead of the last does not count."""
    import imagenet_tools
    from imagenet_tools import raw

    out = folder / "records"
    build(raw.detect(repeated(folder, 2)), out, 1, max_side=SMALL, store="raw")
    stream = imagenet_tools.batches(
        out, "train", pipeline, batch_size=BATCH, image_size=SIZE, threads=1
    ).take(PASSES * count // BATCH)

    def run() -> int:
        for _ in stream:
            pass
        return PASSES

    return run


def write_crops(folder: Path, pipeline: Any, data: list[bytes]) -> None:
    """Write the JPEGs and crops.json: the crops that our side takes."""
    import tensorflow as tf

    crops = []
    for number, encoded in enumerate(data):
        height, width, _ = tf.io.extract_jpeg_shape(encoded).numpy()
        view = pipeline.view(height, width, SIZE, SIZE, True, seed=(number, 7))
        name = f"{number:03}.jpg"
        (folder / name).write_bytes(encoded)
        crops.append((name, [*(int(side) for side in view.crop), bool(view.flip)]))
    (folder / "crops.json").write_text(json.dumps(crops))


if __name__ == "__main__":
    serve(Path(sys.argv[1]))

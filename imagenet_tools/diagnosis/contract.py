"""What every pipeline promises, and what the rules say of it, as checks to run on one's own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from imagenet_tools import diagnosis, registry
from imagenet_tools.diagnosis import runs
from imagenet_tools.diagnosis.sample import Picture
from imagenet_tools.pipelines import compiled, probe
from imagenet_tools.pipelines.pipeline import Pipeline

# Of the values' span. tf.data optimises its graph, which may round differently; never more.
SAME = 1e-5
# Mirroring moves a window by at most a pixel, which moves the mean of the sample by far less.
SAME_MEAN = 0.02
# The fused path: 99.9 % of the values within one grey level, means within a thousandth.
FUSED_PERCENTILE, FUSED_WITHIN, FUSED_MEAN = 99.9, 1 / 255, 1e-3
DRAWS = 8
SEED = (20, 12)
PICTURES = 24  # made-up photographs for the rules
LEAST = 64  # pixels; of smaller outputs rules are not sure: too little of a pattern is seen
OUTCOMES = {"fail": "failed", "warning": "warned", "note": "noted"}  # by a finding's severity
# Sides in pixels of images that break careless pipelines. 50:1 is beyond any image of ImageNet.
ODD_SIZES = {"1 pixel": (1, 1), "10,000 pixels wide": (300, 10_000), "aspect 1:50": (500, 10)}


@dataclass(frozen=True)
class Check:
    """One promise, or what a rule of the diagnosis found.

    outcome: "passed", "failed", "warned" of what moves a result and may be meant, or "noted" of
    what is to be known or does not apply; detail: why.
    """

    name: str
    outcome: str
    detail: str


def check(spec: str, size: int = 96, mute: Sequence[str] = ()) -> Iterator[Check]:
    """Hold a pipeline to its promises at an output of size x size, then to the rules of the
    diagnosis that need no training; yields Checks as they finish.

    mute: codes or names of rules that are not to speak. Where the first promise cannot even be
    tried, that is all.
    """
    subject = Subject(registry.get(spec), size)
    checks = CHECKS | ({"mixed batches": _mixed} if subject.pipeline.mixing else {})
    for number, (name, run) in enumerate(checks.items()):
        try:
            outcome, detail = run(subject)
        except Exception as error:
            yield Check(name, "failed", probe.last_word(error))
            if number == 0:
                return
        else:
            yield Check(name, outcome, detail)
    yield from _diagnosed(subject, mute)


def _diagnosed(subject: Subject, mute: Sequence[str]) -> Iterator[Check]:
    if subject.size < LEAST:
        yield Check("diagnosis", "noted", f"its rules need outputs of {LEAST} pixels or more")
        return
    specs = [subject.pipeline.spec]
    try:
        told = diagnosis.diagnose(
            specs, image_size=subject.size, images=PICTURES, train=False, mute=mute
        )
    except Exception as error:
        yield Check("diagnosis", "failed", probe.last_word(error))
        return
    for one in told.findings:
        detail = f"{one.title}. {one.explanation} {one.consequence}"
        yield Check(f"{one.code} {one.name}", OUTCOMES[one.severity], detail)
    if not told.findings:
        yield Check("diagnosis", "passed", "no rule found anything")


class Subject:
    """A pipeline under test, with its photograph and its outputs."""

    def __init__(self, pipeline: Pipeline, size: int) -> None:
        self.pipeline, self.size = pipeline, size
        self.photograph = probe.photograph()

    def run(
        self,
        image: np.ndarray | None = None,
        is_training: bool = False,
        seed: tuple[int, int] | None = SEED,
        width: int | None = None,
    ) -> np.ndarray:
        """Preprocess an image (the photograph), eagerly."""
        image = self.photograph if image is None else image
        size = (self.size, width or self.size)
        out = self.pipeline.preprocess_image(tf.constant(image), *size, is_training, seed=seed)
        return np.asarray(out)

    def span(self, out: np.ndarray) -> float:
        """What a difference is measured against: the value range, else that of the output."""
        bounds = self.pipeline.describe()["value_range"] or [out.min(), out.max()]
        return float(bounds[1] - bounds[0]) or 1.0


Outcome = tuple[str, str]


def _verdict(holds: bool, detail: str) -> Outcome:
    return ("passed" if holds else "failed"), detail


def _shape(subject: Subject) -> Outcome:
    wide = subject.size + 16
    for is_training in (False, True):
        for width in (subject.size, wide):
            out = subject.run(is_training=is_training, width=width)
            if out.shape[:2] != (subject.size, width) or out.dtype != np.float32:
                return "failed", f"{out.dtype} {out.shape} for {subject.size} x {width}"
    return "passed", f"float32, {subject.size} x {subject.size} and {subject.size} x {wide}"


def _range(subject: Subject) -> Outcome:
    promised = subject.pipeline.describe()["value_range"]
    out = subject.run()
    trained = np.stack([subject.run(is_training=True, seed=(1, i)) for i in range(DRAWS)])
    if not (np.isfinite(out).all() and np.isfinite(trained).all()):
        return "failed", "NaN or infinite values"
    seen = f"eval {out.min():.4g}..{out.max():.4g}, train {trained.min():.4g}..{trained.max():.4g}"
    if promised is None:
        return "passed", f"{seen}; no range is promised"
    slack = SAME * (promised[1] - promised[0])
    holds = promised[0] - slack <= out.min() and out.max() <= promised[1] + slack
    return _verdict(bool(holds), f"{seen}; promised {promised[0]:.4g}..{promised[1]:.4g} for eval")


def _eval_deterministic(subject: Subject) -> Outcome:
    outs = [subject.run(seed=seed) for seed in (SEED, (3, 4), None)]
    return _verdict(all((out == outs[0]).all() for out in outs), "evaluation with three seeds")


def _train_varies(subject: Subject) -> Outcome:
    """In a graph, as training runs it: what Python draws is drawn once there."""
    encoded = tf.io.encode_jpeg(subject.photograph, quality=95).numpy()
    pictures = [Picture(encoded, 0)] * DRAWS
    first, second = runs.outputs(subject.pipeline, subject.size, pictures, True, 2)
    different = len({out.tobytes() for out in (*first, *second)})
    if different > 1:
        return "passed", f"{different} different outputs of {2 * DRAWS} draws in a graph"
    if runs.drawn_anew(subject.pipeline, subject.size, pictures, first):
        return "failed", (
            "every image of a compiled graph gets one draw, a graph compiled anew another: it is "
            "drawn in Python, once and for all; draw with TensorFlow's operations"
        )
    mixed = ", mixed in batches" if subject.pipeline.mixing else ""
    return "noted", f"training draws nothing: every epoch sees the same images{mixed}"


def _same_seed(subject: Subject) -> Outcome:
    if not subject.pipeline.seeded:
        return "noted", "takes no `seed`: its draws cannot be repeated, so neither can a training"
    one, two = (subject.run(is_training=True, seed=(6, 7)) for _ in range(2))
    return _verdict(bool((one == two).all()), "training twice with one seed, bit for bit")


def _tf_data(subject: Subject) -> Outcome:
    modes = (False, True) if subject.pipeline.seeded else (False,)
    worst = 0.0
    for is_training in modes:

        def preprocess(image: tf.Tensor, is_training: bool = is_training) -> tf.Tensor:
            image = tf.ensure_shape(image, [None, None, 3])
            size = subject.size
            return subject.pipeline.preprocess_image(image, size, size, is_training, seed=SEED)

        data = tf.data.Dataset.from_tensors(subject.photograph).map(preprocess)
        eager = subject.run(is_training=is_training)
        difference = np.abs(next(iter(data)).numpy() - eager).max()
        worst = max(worst, float(difference) / subject.span(eager))
    return _verdict(worst <= SAME, f"largest difference {worst:.2g} of the span")


def _flip(subject: Subject) -> Outcome:
    out, mirrored = subject.run(), subject.run(subject.photograph[:, ::-1])
    difference = np.abs(out.mean(axis=(0, 1)) - mirrored.mean(axis=(0, 1))).max()
    relative = float(difference) / subject.span(out)
    return _verdict(relative <= SAME_MEAN, f"the mean moves by {relative:.2g} of the span")


def _odd_images(subject: Subject) -> Outcome:
    for name, (height, width) in ODD_SIZES.items():
        image = probe.photograph(height, width)
        for is_training in (False, True):
            try:
                finite = np.isfinite(subject.run(image, is_training)).all()
            except Exception as error:
                return "failed", f"{name}: {probe.last_word(error)}"
            if not finite:
                return "failed", f"{name}: NaN or infinite values"
    return "passed", ", ".join(ODD_SIZES)


def _gray(subject: Subject) -> Outcome:
    gray = subject.photograph[..., :1]
    one, three = subject.run(gray), subject.run(np.repeat(gray, 3, axis=-1))
    return _verdict(bool((one == three).all()), "1 channel in is the same as 3 equal ones")


def _fused(subject: Subject) -> Outcome:
    if subject.pipeline.plain:
        return "noted", "a plain function: the whole JPEG is decoded"
    encoded = tf.io.encode_jpeg(subject.photograph, quality=95)
    decoded = tf.io.decode_jpeg(encoded, channels=3).numpy()
    worst = 0.0
    for is_training in (False, True):
        exact = subject.run(decoded, is_training)
        size, span = subject.size, subject.span(exact)
        for kernels in (contextlib.nullcontext(), compiled.use()):  # TensorFlow's, and compiled
            with kernels:
                fused = subject.pipeline.preprocess_encoded(
                    encoded, size, size, is_training, seed=SEED
                )
            difference = np.abs(np.asarray(fused) - exact) / span
            worst = max(worst, float(np.percentile(difference, FUSED_PERCENTILE)))
            if worst > FUSED_WITHIN or abs(np.mean(fused - exact)) / span > FUSED_MEAN:
                return "failed", f"from JPEG bytes: {FUSED_PERCENTILE}th percentile {worst:.2g}"
    return "passed", f"{FUSED_PERCENTILE}th percentile of the difference {worst:.2g} of the span"


def _ten_crop(subject: Subject) -> Outcome:
    size = subject.size
    crops = np.asarray(subject.pipeline.ten_crop(tf.constant(subject.photograph), size, size))
    if crops.shape[:3] != (10, size, size) or not np.isfinite(crops).all():
        return "failed", f"shape {crops.shape}"
    if subject.pipeline.plain:
        return "passed", f"{crops.shape}"
    same = np.abs(crops[4] - subject.run()).max() <= SAME * subject.span(crops)
    return _verdict(bool(same), "the fifth is the evaluation view")


def _mixed(subject: Subject) -> Outcome:
    images = tf.stack([subject.run(is_training=True, seed=(1, i)) for i in range(DRAWS)])
    shares = []
    for step in range(DRAWS):
        (one, share), (two, _) = (subject.pipeline.mix(images, (step, 1)) for _ in range(2))
        values = share.numpy()
        if not (np.isfinite(one).all() and (values >= 0).all() and (values <= 1).all()):
            return "failed", f"values or shares that are no numbers, or not of 0..1: {values}"
        if not (one.numpy() == two.numpy()).all():
            return "failed", "the same seed mixes the same batch in two ways"
        shares += values.tolist()
    return "passed", f"an image keeps {min(shares):.2g}..{max(shares):.2g} of its label"


def _spec(subject: Subject) -> Outcome:
    again = registry.get(subject.pipeline.spec)
    same = again.fingerprint == subject.pipeline.fingerprint
    return _verdict(same, f"{again.spec}, fingerprint {again.fingerprint}")


CHECKS: dict[str, Callable[[Subject], Outcome]] = {
    "shape and dtype": _shape,
    "value range": _range,
    "evaluation is deterministic": _eval_deterministic,
    "training varies": _train_varies,
    "same seed, same output": _same_seed,
    "eager equals tf.data": _tf_data,
    "mirroring keeps the mean": _flip,
    "odd images": _odd_images,
    "grayscale images": _gray,
    "JPEG bytes equal the decoded image": _fused,
    "ten crops": _ten_crop,
    "spec and fingerprint": _spec,
}

"""Turn what was measured into findings: what it is, what it means, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from imagenet_tools.diagnosis.finding import Finding

if TYPE_CHECKING:
    from imagenet_tools.diagnosis.brief_training import Brief
    from imagenet_tools.diagnosis.probes import Probe
    from imagenet_tools.diagnosis.values import Values

# Root mean square of the input for which recipes at rate 0.01 and Xavier's weights were made is
# about 1; 0.55 is inception's, 68 that of 0..255 less the mean.
SCALE = (0.3, 3.0)
MEAN_SHIFT = 0.5  # of the standard deviation
RMS_RATIO = 1.4  # between training and evaluation
ZOOM_RATIO = 1.3  # inception's is 1.5
ASPECT_RATIO = 1.1
ALIASING = 0.35  # what a bilinear resize without antialiasing leaves of noise is about 0.6
CLIPPED = 0.2
DEAD = 0.35
PEAK = 1.5  # of the loss of guessing, or of the first step where that is higher (LSUV's is)
UPDATE = 0.02  # |change| / |weights| of a step; some 1e-3 where training goes well


def of_pipeline(spec: str, train: Probe, look: Probe, values: Values | None) -> Iterator[Finding]:
    """Everything that one pipeline's measurements say; values: None where it failed on them."""
    for code, severity, title, explanation, consequence in (
        *_probe_faults(train, look),
        *(_value_rules(values) if values else ()),
        *_geometry_rules(train, look),
    ):
        yield Finding(code, spec, severity, f"{spec}: {title}", explanation, consequence)


Rule = tuple[str, str, str, str, str]


def _probe_faults(train: Probe, look: Probe) -> Iterator[Rule]:
    """What no pipeline does on purpose, seen on patterns."""
    if not (train.grey_finite and look.grey_finite):
        yield (
            "not-finite", "fail", "gives NaN or infinite values for grey images of one level",
            "A division by a standard deviation or maximum of zero is the usual cause.",
            "One such image makes every weight NaN; guard the division.",
        )  # fmt: skip
    for mode, seen in (("train", train), ("eval", look)):
        if seen.upside_down:
            yield (
                "upside-down", "fail",
                f"{seen.upside_down:.0%} of the {mode} images are upside down",
                "A slope that rises downwards came out falling.",
                "Photographs are not taken upside down; a vertical flip costs accuracy.",
            )  # fmt: skip
        if seen.small:
            yield (
                "small-images", "fail", f"fails on images smaller than its output ({mode})",
                f"It said: {seen.small}.",
                "Training stops at the first small image; resize before the crop.",
            )  # fmt: skip
    if look.mirrored:
        yield (
            "mirrored-eval", "fail", "evaluation mirrors the images",
            "A slope that rises to the right came out falling.", "Text and faces are mirrored.",
        )  # fmt: skip
    if train.channels != look.channels:
        yield (
            "channel-order", "fail",
            f"channels are {train.channels} in training and {look.channels} at evaluation",
            "Each channel was found by a slope in it alone.",
            "The net meets colours that it never saw; accuracy falls by several points.",
        )  # fmt: skip
    elif look.channels not in ("RGB", "grey"):
        yield (
            "channels", "note", f"channels come out as {look.channels}",
            "The same in both modes.", "No matter from scratch; it is with pretrained weights.",
        )  # fmt: skip


def _value_faults(values: Values) -> Iterator[Rule]:
    """What no pipeline does on purpose, seen on photographs."""
    if not values.finite:
        yield (
            "not-finite", "fail", "gives NaN or infinite values for photographs",
            "Values were not finite.", "One such image makes every weight NaN.",
        )  # fmt: skip
    if values.eval_varies:
        yield (
            "eval-random", "fail", "evaluation is random",
            "The same image gave different outputs under is_training=False.",
            "Accuracies are those of augmented images and change from run to run; the training "
            "path is probably used at evaluation.",
        )  # fmt: skip
    if values.repeats and values.retraced:
        yield (
            "frozen", "fail", "the augmentation is drawn once and then frozen",
            "Every epoch of a compiled graph gave the same images, a new graph others: the draw is "
            "made in Python, when the graph is built.",
            "The net sees one crop of each image for ever; draw with TensorFlow's own ops, from "
            "the seed that is passed in.",
        )  # fmt: skip
    elif values.repeats:
        severity = "note" if values.same_as_eval else "warning"
        yield (
            "no-augmentation", severity, "training draws nothing",
            "Two epochs gave the same images.",
            "Without augmentation a long training overfits sooner.",
        )  # fmt: skip
    if values.decoding > 1 / 255 and not values.eval_varies:
        yield (
            "decoding", "fail", "JPEG bytes and the decoded image give different pictures",
            f"They differ by {values.decoding:.3f} of the span on average.",
            "Training and serving would see different images.",
        )  # fmt: skip


def _value_rules(values: Values) -> Iterator[Rule]:
    yield from _value_faults(values)
    rms = values.train_rms
    if not SCALE[0] <= rms <= SCALE[1]:
        yield (
            "scale", "warning", f"input scale is {rms:.3g} (root mean square), not near 1",
            f"Values run from {values.train_range[0]:.4g} to {values.train_range[1]:.4g}. Weights "
            "and rates of the usual recipes are made for unit scale.",
            f"The first layer's updates are some {rms:.3g} times as large; a rate fit for unit "
            "scale kills units or diverges. Compare with --match-scale.",
        )  # fmt: skip
    shift = max(
        abs(a - b) / max(s, 1e-9)
        for a, b, s in zip(values.train_mean, values.eval_mean, values.eval_std, strict=True)
    )
    ratio = rms / max(values.eval_rms, 1e-9)
    if shift > MEAN_SHIFT or not 1 / RMS_RATIO <= ratio <= RMS_RATIO:
        yield (
            "train-eval-values", "fail", "training and evaluation differ in their values",
            f"Channel means differ by up to {shift:.2f} standard deviations; root mean squares are "
            f"{rms:.3g} and {values.eval_rms:.3g}.",
            "The net is evaluated on values that it was not trained on: a mean or a scale is "
            "probably applied on one side only.",
        )  # fmt: skip
    if values.clipped > CLIPPED:
        yield (
            "clipping", "warning", f"{values.clipped:.0%} of the values lie on the extremes",
            "Colour changes push them beyond the range, where they are cut off.",
            "Detail in light and dark parts is lost.",
        )  # fmt: skip


def _geometry_rules(train: Probe, look: Probe) -> Iterator[Rule]:
    for mode, seen in (("training", train), ("evaluation", look)):
        if abs(seen.zoom - 1) < 0.02 and seen.aspect < 1.02 and seen.area < 0.5:
            yield (
                "no-resize", "warning",
                f"{mode} cuts {seen.area:.0%} of a photograph without resizing it",
                "One output pixel is one source pixel, as for CIFAR's 32 px images.",
                "Objects of photographs do not fit into the crop; resize first.",
            )  # fmt: skip
        if seen.padded > 0.003:
            yield (
                "padding", "warning", f"{seen.padded:.1%} of the {mode} output is padding",
                "Parts of the output do not answer to the image.",
                "The net learns the border; pad nothing, or on both sides of the comparison.",
            )  # fmt: skip
        if seen.nearest > 0.9 and abs(seen.zoom - 1) > 0.02:
            yield (
                "nearest", "warning", f"{mode} resizes by nearest neighbour",
                "Noise of two levels came out in two levels.",
                "Aliasing; it costs about half a point.",
            )  # fmt: skip
    ratio = look.zoom / train.zoom
    if not 1 / ZOOM_RATIO <= ratio <= ZOOM_RATIO:
        larger = "larger" if ratio > 1 else "smaller"
        yield (
            "zoom", "warning", f"objects are {max(ratio, 1 / ratio):.2f} times {larger} in training"
            " than at evaluation",
            f"A training pixel covers {train.zoom:.2f} source pixels (geometric mean), an "
            f"evaluation pixel {look.zoom:.2f}.",
            "Known to cost about a point; evaluate at a tighter crop.",
        )  # fmt: skip
    squash = look.aspect / train.aspect
    if not 1 / ASPECT_RATIO <= squash <= ASPECT_RATIO:
        yield (
            "aspect", "warning",
            f"aspect is distorted {look.aspect:.2f} times at evaluation, {train.aspect:.2f} in "
            "training",
            "A 4:3 photograph squashed to a square is distorted 1.33 times.",
            "Shapes at evaluation are not those of training.",
        )  # fmt: skip
    if look.aliasing is not None and look.aliasing > ALIASING and look.nearest <= 0.9:
        yield (
            "aliasing", "note", "the resize does not antialias",
            f"{look.aliasing:.0%} of pixel noise in a large photograph is left (none should be).",
            "It costs up to half a point on large photographs.",
        )  # fmt: skip


def failed(spec: str, error: Exception) -> Finding:
    """The pipeline does not run on the photographs at all."""
    said = str(error).strip().splitlines()[0][:160]
    return Finding(
        "fails", spec, "fail", f"{spec}: fails on photographs", f"It said: {said}.",
        "Training stops at the first such image; resize before the crop.",
    )  # fmt: skip


def of_training(spec: str, brief: Brief) -> Iterator[Finding]:
    """What a few steps of training say."""
    peak = max(brief.losses)
    if not peak < PEAK * max(brief.chance, brief.losses[0]):
        yield Finding(
            "loss-peak", spec, "warning",
            f"{spec}: the loss peaks at {peak:.3g} within {len(brief.losses)} steps",
            f"Guessing costs {brief.chance:.3g}.",
            "The rate is too high for this input; part of the units may never recover.",
        )  # fmt: skip
    updates = {layer: size for layer, size in brief.updates.items() if not size < UPDATE}
    if updates:
        worst = ", ".join(f"{layer} {size:.0%}" for layer, size in updates.items())
        yield Finding(
            "updates", spec, "warning", f"{spec}: one step changes weights by {worst}",
            "Relative to the weights themselves, at the recipe's rate from the same start.",
            "What the start was made for is gone after a step; the rate is too high for this "
            "input's scale.",
        )  # fmt: skip
    dead = {layer: share for layer, share in brief.dead.items() if share > DEAD}
    if dead:
        worst = ", ".join(f"{layer} {share:.0%}" for layer, share in dead.items())
        yield Finding(
            "dead-units", spec, "warning", f"{spec}: units are dead after some steps",
            f"Never above zero on a batch: {worst}.",
            "They learn nothing any more: a lower rate or an input of unit scale keeps them.",
        )  # fmt: skip
    if brief.best_rate is not None and brief.best_rate < brief.rate:
        yield Finding(
            "rate", spec, "warning",
            f"{spec}: a rate of {brief.best_rate:g} does better than the recipe's {brief.rate:g}",
            "Losses by rate: "
            + ", ".join(f"{rate:g}: {loss:.3f}" for rate, loss in brief.range_test.items()) + ".",
            "The recipe does not suit this pipeline as it is; a comparison would be one of scales.",
        )  # fmt: skip


def between(passports: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    """What differs between the arms that is not what they are compared for."""
    scales = {spec: one["values"]["train_rms"] for spec, one in passports.items() if one["values"]}
    if len(scales) > 1 and max(scales.values()) > 3 * max(min(scales.values()), 1e-9):
        listed = ", ".join(f"{spec} {rms:.3g}" for spec, rms in scales.items())
        yield Finding(
            "scales-differ", " ".join(scales), "warning", "The arms differ in input scale",
            f"Root mean squares: {listed}.",
            "A difference in accuracy may be one of learning rates, not of preprocessing; "
            "--match-scale removes it.",
        )  # fmt: skip

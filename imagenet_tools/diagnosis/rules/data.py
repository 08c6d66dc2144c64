"""What is wrong with records, or keeps a pipeline from running on them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

from imagenet_tools import records
from imagenet_tools.diagnosis.finding import Said, fail, rule
from imagenet_tools.diagnosis.passport import Passport
from imagenet_tools.records import schema

LABELS_READ = 500
DECODED = 1 / 255  # mean difference of the two decodings, of the span


@rule(
    "IMG001",
    "labels",
    subject="data",
    detected=f"The first {LABELS_READ} labels of each split against the manifest's classes, which "
    "are 1..N in its order.",
)
def labels(folder: str | os.PathLike[str]) -> Iterator[Said]:
    """Labels are not those of the manifest's classes.

    Matters: The net learns other classes than it is evaluated on.
    Remedy: Build the records again.
    """
    manifest = records.read_manifest(folder)
    wanted = {key: number for number, (key, _) in enumerate(manifest.classes, 1)}
    for split in manifest.splits:
        offsets: dict[int, int] = {}
        for example in itertools.islice(records.examples(folder, split), LABELS_READ):
            key, label = example[schema.SYNSET][0].decode(), example[schema.LABEL][0]
            if key in wanted:
                offset = label - wanted[key]
                offsets[offset] = offsets.get(offset, 0) + 1
        wrong = {offset: count for offset, count in offsets.items() if offset}
        if wrong:
            worst = max(wrong, key=lambda offset: wrong[offset])
            title = f"{sum(wrong.values())} of {sum(offsets.values())} labels of {split} are wrong"
            measured = f"Most are off by {worst:+d} against labels.txt, where the first class is 1."
            yield fail(title, measured, split)


@rule("IMG002", "fails")
def fails(passport: Passport) -> Iterator[Said]:
    """The pipeline fails on photographs.

    Detected: The pipeline is run on photographs, as training runs it, and on odd pictures: of one
    colour, a portrait.
    Matters: Training stops at the first such image.
    Remedy: Resize before the crop.
    """
    if passport.failed:
        yield fail("fails on photographs", f"It said: {passport.failed}.")
    for mode, seen in passport.both:
        if seen.refused and not passport.failed:
            yield fail(f"fails on some pictures ({mode})", f"On {seen.refused}.")


@rule("IMG003", "small-images")
def small_images(passport: Passport) -> Iterator[Said]:
    """Images smaller than the output fail.

    Detected: A picture of half the output's size is put in.
    Matters: Training stops at the first small image.
    Remedy: Resize before the crop.
    """
    for mode, seen in passport.both:
        if seen.small:
            yield fail(f"fails on images smaller than its output ({mode})", f"{seen.small}.")


@rule("IMG004", "not-finite")
def not_finite(passport: Passport) -> Iterator[Said]:
    """Values are NaN or infinite.

    Detected: Pictures of one grey or colour, black with a white spot, a portrait, and photographs
    are put in; a value that comes out is NaN or infinite.
    Matters: One such image makes every weight NaN.
    Remedy: A division by a deviation, mean or maximum of zero, or a logarithm of zero, is the usual
    cause: guard it.
    """
    for mode, seen in passport.both:
        if seen.odd:
            yield fail(f"gives NaN or infinite values ({mode})", f"Seen for {seen.odd}.")
    if passport.values and not passport.values.finite:
        count = passport.values.not_finite
        yield fail("gives NaN or infinite values for photographs", f"For {count} of them.")


@rule("IMG005", "decoding")
def decoding(passport: Passport) -> Iterator[Said]:
    """JPEG bytes and the decoded image give different pictures.

    Detected: The evaluation of a photograph from JPEG bytes against that of the decoded image.
    Matters: Training and serving would see different images.
    Remedy: Describe the crop as a geometry, and leave the decoding to the package.
    """
    values = passport.values
    if values and values.decoding > DECODED and not values.eval_varies:
        yield fail(
            "JPEG bytes and the decoded image give different pictures",
            f"They differ by {values.decoding:.3f} of the span on average.",
        )

"""What differs between arms that is not what they are compared for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from imagenet_tools.diagnosis.finding import Said, rule, warning
from imagenet_tools.diagnosis.passport import Passport

APART = 3


@rule(
    "IMG501",
    "scales-differ",
    subject="arms",
    detected=f"Root mean squares over photographs, more than {APART} times apart.",
)
def scales_differ(passports: Mapping[str, Passport]) -> Iterator[Said]:
    """The arms differ in input scale.

    Matters: A difference in accuracy may be one of learning rates, not of preprocessing.
    Remedy: --match-scale removes it.
    """
    scales = {spec: one.values.train_rms for spec, one in passports.items() if one.values}
    if len(scales) > 1 and max(scales.values()) > APART * max(min(scales.values()), 1e-9):
        listed = ", ".join(f"{spec} {rms:.3g}" for spec, rms in scales.items())
        title, arms = "The arms differ in input scale", " ".join(scales)
        yield warning(title, f"Root mean squares: {listed}.", arms)

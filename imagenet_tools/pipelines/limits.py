"""What a number may be, a parameter of a pipeline's part or a field of a recipe; and what settings
may not be together."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, SupportsIndex, TypeAlias, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
LEAST, GREATEST = 1e-30, 3.4e38


@dataclass(frozen=True)
class Limits:
    """A number from low to high, neither NaN nor infinity, in float32 too.

    above, below: low, or high, itself is not allowed.
    """

    low: float = 0.0
    high: float = math.inf
    above: bool = False
    below: bool = False

    def hold(self, value: Any) -> bool:
        """Whether the number is within them."""
        low = self.low < value if self.above else self.low <= value
        high = value < self.high if self.below else value <= self.high
        # Nor one that float32 makes infinite, or by which it divides to infinity.
        return bool((value == 0 or LEAST <= abs(value) <= GREATEST) and low and high)

    def words(self, kind: type, value: Any = None) -> str:
        """What is wanted, for an int or a float; value: the one that is not."""
        if isinstance(value, float) and math.isfinite(value) and not Limits(-math.inf).hold(value):
            return f"0 or a number of size {LEAST:g} to {GREATEST:g}"
        number = "a whole number" if kind is int else "a number"
        low, high = math.isfinite(self.low), math.isfinite(self.high)
        if low and high and self.above:
            return f"{number} above {self.low:g} and up to {self.high:g}"
        if low and high:
            return f"{number} from {self.low:g} to {'below ' * self.below}{self.high:,.10g}"
        if low and self.above:
            return f"{number} above {self.low:g}"
        if low:
            return f"{number}, {self.low:g} or more"
        return f"{number}, {self.high:g} or less" if high else number


MOST = 2**31 - 1  # TensorFlow counts images, steps and pixels by int32
ANY = Limits(low=-math.inf)
# Annotations: how a part's function says what its parameters may be.
NotNegative: TypeAlias = Annotated[float, Limits()]
Positive: TypeAlias = Annotated[float, Limits(above=True)]
Share: TypeAlias = Annotated[float, Limits(high=1.0)]
PositiveShare: TypeAlias = Annotated[float, Limits(high=1.0, above=True)]


def together(check: Callable[..., object]) -> Callable[[Function], Function]:
    """Have a part's settings checked together when a pipeline is named: a decorator.

    check: takes some of them by name; it raises ValueError where they do not go together.
    """

    def decorate(function: Function) -> Function:
        function.checked_together = check  # type: ignore[attr-defined]
        return function

    return decorate


def whole(name: str, number: SupportsIndex, least: int, most: int | None = None) -> int:
    """A number as it is meant; ValueError where it is no whole one from least to most."""
    try:
        given = operator.index(number)
    except TypeError:
        given = least - 1
    if given < least or (most is not None and given > most):
        allowed = f"{least} or more" if most is None else f"{least} to {most}"
        raise ValueError(f"{name} is {number!r}; it must be a whole number, {allowed}")
    return given

"""The levels at which a comparison that is looked at more than once counts a difference."""

from __future__ import annotations

# Looks at 3, 5 and 8 seeds, each at its own level, so that looking three times errs in 4.4 to 4.8 %
# of the cases in all, at variances of 16:1 in 6.0 % (raw 5 % at each look would err in 9.7 %).
LOOKS = {3: 0.003, 5: 0.014, 8: 0.042}

# A plan without looks may be extended, seed by seed if need be, to this many seeds an arm.
MOST = 8
# Seeds of the plan -> the level of its own look, and of one at MOST; at every number before MOST it
# is half of that at the next. Whoever looks at every number, or runs the seeds that the tool asks
# for, again and again, errs in at most 5.0 % of the cases, at variances of 16:1 in 6.0 %
# (docs/why/error-rates.md). One level at all later numbers costs more: the few seeds of the first
# extensions err most where variances differ, and tell least.
EXTENDABLE = {
    2: (0.044, 0.0048),
    3: (0.0425, 0.0064),
    4: (0.0435, 0.0136),
    5: (0.0445, 0.0196),
    6: (0.0455, 0.0244),
    7: (0.047, 0.0304),
}


def level(seeds: int, first: int | None = None) -> float:
    """The level at which a difference counts after so many seeds an arm.

    first: seeds that the plan was made with; None for a plan that was not made to be extended, and
    is judged once, at .05.
    """
    if first not in EXTENDABLE or seeds > MOST:
        return 0.05
    first_look, last = EXTENDABLE[first]
    return first_look if seeds == first else last / 2 ** (MOST - seeds)

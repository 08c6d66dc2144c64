"""The levels at which a comparison that is looked at more than once counts a difference."""

from __future__ import annotations

# Looks at 3, 5 and 8 seeds, each at its own level, so that looking three times errs in 4.5 to 4.8 %
# of the cases in all, at variances of 4:1 in 5.3 % and at 16:1 in 6.0 % (200,000 simulated
# comparisons, images 0 to 50 % of the variance; raw 5 % at each look would err in 9.7 %).
LOOKS = {3: 0.003, 5: 0.014, 8: 0.042}

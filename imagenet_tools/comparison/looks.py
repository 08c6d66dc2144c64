"""The levels at which a comparison that is looked at more than once counts a difference."""

from __future__ import annotations

# Looks at 3, 5 and 8 seeds, each at its own level, so that looking three times costs 5 % in all
# (calibrated by simulation; raw 5 % at each look would cost 9.7 %).
LOOKS = {3: 0.005, 5: 0.018, 8: 0.043}

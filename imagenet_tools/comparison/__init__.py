"""Compare pipelines: plan, run the arms, judge, report.

from imagenet_tools import comparison
comparison.verdict(correct_a, correct_b, margin=0.5)    # boolean [seeds, images]
"""

from imagenet_tools.comparison.judged import Verdict
from imagenet_tools.comparison.verdicts import verdict

__all__ = ["Verdict", "verdict"]

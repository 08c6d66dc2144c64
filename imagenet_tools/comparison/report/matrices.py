"""The report's heat maps: training and evaluation, parts of the difference, who beats whom."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from imagenet_tools.comparison.attribution import Share
from imagenet_tools.comparison.cost import duration
from imagenet_tools.comparison.judged import span
from imagenet_tools.comparison.ranking import Ranking
from imagenet_tools.comparison.report.content import Report, mean_sd
from imagenet_tools.comparison.run_files import COMMON
from imagenet_tools.pages.blocks import Block, Fold, Table, Text

MATRIX_NOTE = (
    "Mean top-1 of the seeds, in percent. An arm under another's path takes that arm's geometry "
    "and keeps its own colours and value range. Common: shorter side 256/224 of the output, "
    "antialiased, aspect kept, central crop. Training: the first arm's runs less the second's, "
    "averaged over both paths; evaluation: the first's path less the second's, averaged over both "
    "arms' runs; interaction: the rest. Intervals: over seeds and other images; each effect on its "
    "own."
)


def matrix_blocks(report: Report) -> list[Block | Fold]:
    if not report.plan.matrix:
        return []
    table = report.judgement.matrix
    seen = dict.fromkeys([*table, *(path for row in table.values() for path in row)])
    paths = sorted(seen, key=lambda path: path == COMMON)  # in the arms' order, common last
    values = [[row.get(path, math.nan) for path in paths] for row in table.values()]
    shown = [["–" if math.isnan(one) else f"{one:.2f}" for one in row] for row in values]
    rows = [[name, *row] for name, row in zip(table, shown, strict=True)]
    head = ["trained under", *(f"eval: {p}" for p in paths)]
    low = np.nanmin(values) if values else 0.0
    heat = shades([[one - low for one in row] for row in values])
    blocks: list[Block | Fold] = [
        Table("Top-1 by training and evaluation", head, rows, heat=heat,
              measures=dict.fromkeys(head[1:], "accuracy"))
    ]  # fmt: skip
    for contrast, effects in zip(report.judgement.contrasts, report.effects, strict=True):
        if effects:
            named = " less ".join(contrast.names)
            whole = f"of {contrast.verdict.difference:+.2f} points"
            blocks.append(_shares_table(f"{named}, by effect", whole, effects))
    return [*blocks, Text(MATRIX_NOTE, "note")]


def attribution_blocks(report: Report) -> list[Block | Fold]:
    if not report.attribution:
        return []
    note = (
        "Every combination of the two pipelines' parts was trained; the difference is divided "
        "among the parts by Shapley's values, which add up to it. Intervals: over seeds, pooled "
        "over the arms, and other images; each share on its own."
    )
    table = _shares_table("What each part contributes", "part", report.attribution)
    return [table, Text(note, "note")]


def _shares_table(name: str, head: str, shares: Sequence[Share]) -> Table:
    """What each of several parts has of a difference."""
    rows = [[share.part, f"{share.points:+.2f}", span(*share.interval)] for share in shares]
    heat = [[*row, 0.0] for row in shades([[share.points] for share in shares])]
    return Table(name, [head, "points", "95 % interval"], rows, heat=heat,
                 measures={"points": "difference", "95 % interval": "difference"})  # fmt: skip


def ranking_blocks(report: Report) -> list[Block | Fold]:
    """Arms by accuracy with the groups they are in, and who beats whom."""
    if (ranking := report.ranking) is None:
        return []
    rows = [
        [arm.spec, ranking.letters(arm.slug), mean_sd(arm.accuracy()),
         duration(float(np.mean([run.seconds for run in arm.runs])))]
        for arm in ranking.arms
    ]  # fmt: skip
    ranked = Table("Arms by accuracy, with their groups",
                   ["arm", "group", "top-1 %", "time of a run"], rows,
                   measures={"top-1 %": "accuracy"})  # fmt: skip
    slugs, specs = ([getattr(arm, name) for arm in ranking.arms] for name in ("slug", "spec"))
    leads = [[_lead(ranking, a, b) for b in slugs] for a in slugs]
    won = [[spec, *(cell for _, cell in row)] for spec, row in zip(specs, leads, strict=True)]
    heat = shades([[value for value, _ in row] for row in leads])
    wins = Table("Who beats whom", ["row − column", *specs], won, heat=heat,
                 measures=dict.fromkeys(specs, "difference"))  # fmt: skip
    note = (
        "Arms that share a letter cannot be told apart. Row less column in points of top-1, with "
        "the 95 % interval; a star where the two are told apart. These are all pairs, p "
        f"adjusted by Holm for all {len(ranking.pairs)}; the verdicts above are on the pairs that "
        "were planned, which are fewer: they may tell apart what is not told apart here."
    )
    return [Text(_best(ranking)), ranked, wins, Text(note, "note")]


def _best(ranking: Ranking) -> str:
    """Which arm is the best, or which it may be."""
    specs = {arm.slug: arm.spec for arm in ranking.arms}
    *others, last = (specs[slug] for slug in ranking.best)
    if not others:
        return f"The best arm is {last}: every other one is worse."
    rest = "" if len(ranking.best) == len(specs) else "; every other one is worse than the first"
    return f"The best arm is {', '.join(others)} or {last}{rest}."


def _lead(ranking: Ranking, a: str, b: str) -> tuple[float, str]:
    """A less B, and what stands in its cell."""
    if a == b:
        return 0.0, "–"
    pair, sign = ranking.pair(a, b)
    value, interval = sign * pair.difference, sorted(sign * end for end in pair.interval)
    return value, f"{value:+.2f}{' *' if pair.apart else ''}\n{span(*interval)}"


def shades(values: Sequence[Sequence[float]]) -> list[list[float]]:
    """Values as a heat map's: the largest becomes 1, or -1."""
    most = max((abs(one) for row in values for one in row if math.isfinite(one)), default=0.0)
    return [[one / (most or 1.0) for one in row] for row in values]

"""Things side by side: what differs as a table, what is alike folded away."""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_tools.pages.blocks import Block, Fold, Table


def beside(of: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Block | Fold]:
    """A table of the rows whose cells differ, then one of the others, folded away.

    of: what stands side by side. Where there is one thing alone, all of it is shown.
    """
    if len(head) == 2:
        return [Table(f"The {of}", head, rows, words=True)]
    differ = [row for row in rows if len(set(row[1:])) > 1]
    alike = [row[:2] for row in rows if len(set(row[1:])) == 1]
    blocks: list[Block | Fold] = []
    if differ:
        blocks.append(Table(f"The {of}: what differs", head, differ, words=True))
    if alike:
        table = Table(f"The {of}: what is alike", [head[0], "all"], alike, words=True)
        blocks.append(Fold(f"What is alike ({len(alike)} lines)", [table]))
    return blocks

"""The exceptions that a program may want to tell apart; everything else is a plain built-in one.

cli/main.py turns them into exit codes: DamagedData 3, Unfinished 4.
"""

from __future__ import annotations


class DamagedData(ValueError):
    """Raw images, archives or records that are not what they say they are."""


class Unfinished(RuntimeError):
    """Part of the work is done and kept; the same call again does only what is missing."""

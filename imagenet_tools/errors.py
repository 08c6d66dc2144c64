"""The exceptions that a program may want to tell apart; everything else is a plain built-in one.

cli/main.py turns them into exit codes: DamagedData 3, Unfinished 4, Stopped 143; a plain
ValueError, LookupError or FileNotFoundError is wrong use, 2, and all else 1.
"""

from __future__ import annotations


class DamagedData(ValueError):
    """Raw images, archives or records that are not what they say they are."""


class Unfinished(RuntimeError):
    """Part of the work is done and kept; the same call again does only what is missing."""


class Missing(Unfinished):
    """What other calls have to do first is not done; the same call again does not do it."""


class Stopped(RuntimeError):
    """The process was told to end (SIGTERM), and has saved what it had; the same call goes on."""


class PipelineFailed(RuntimeError):
    """A preprocessing pipeline raised on an image that is sound, or made no image of it; or a net
    of a plug-in made no logits."""

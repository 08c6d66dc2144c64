"""The exceptions that a program may want to tell apart; everything else is a plain built-in one.
And what a message about an unknown name says of the known ones.

cli/main.py turns them into exit codes: DamagedData 3, Unfinished 4, Stopped 143; a plain
ValueError, LookupError or FileNotFoundError is wrong use, 2, and all else 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

# Exit codes of commands and of a comparison's runs; 128 + the signal's number, as a shell has it.
DAMAGED, UNFINISHED, UNDECIDED, INTERRUPTED, STOPPED = 3, 4, 5, 130, 143
LONGEST = 100  # letters of a name that is compared: the time goes with their square


class DamagedData(ValueError):
    """Raw images, archives or records that are not what they say they are."""


class Unfinished(RuntimeError):
    """Part of the work is done and kept; the same call again does only what is missing."""


class Missing(Unfinished):
    """What other calls have to do first is not done; the same call again does not do it."""


class Stopped(RuntimeError):
    """The process was told to end (SIGTERM, SIGHUP) and has saved what it had; call again."""


class PipelineFailed(RuntimeError):
    """A preprocessing pipeline raised on an image that is sound, or made no image of it; or a
    plug-in's net made no logits, its metric no number, its rule no finding."""


def near(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Those of the known names that a word may be meant for.

    What begins with the word, list-runs with list, is nearer than what is spelt like it.
    """
    names = [name for name in known if len(name) <= LONGEST]
    begun = [name for name in names if name.startswith(f"{word}-")]
    return begun or difflib.get_close_matches(word[:LONGEST], names, n=most)


def refuse_unknown(field: str, value: object, known: Sequence[str]) -> None:
    """Raise ValueError where a field's value is none of those that it takes."""
    if value not in known:
        raise ValueError(f"{field} is {value!r}; it must be one of {', '.join(known)}")


def first(names: Sequence[str], most: int) -> str:
    """The first of some names, as a message lists them: "a, b, ..." of three where most is 2."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def did_you_mean(names: Sequence[str]) -> str:
    """The end of a message: " Did you mean x or y?", or nothing where there are none."""
    return f" Did you mean {' or '.join(names)}?" if names else ""

"""One thing that a diagnosis found worth knowing, and the door for rules that find such things.

    @rule("IMG901", "dark")
    def dark(passport: Passport) -> Iterator[Said]:
        \"\"\"The pictures are dark.

        Detected: The mean of the evaluation's values.
        Matters: Nets like light.
        Remedy: Turn the light on.
        \"\"\"
        if passport.values and passport.values.eval_mean[0] < -1:
            yield warning("the pictures are dark", "Their mean is ...")

A rule of a plug-in (`--plugin`) takes part like one of the package.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from imagenet_tools.errors import DamagedData, did_you_mean, near
from imagenet_tools.pipelines import plugins

SEVERITIES = ("fail", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing worth knowing. severity: "fail" (a fault), "warning" (it moves the result), "note".

    code and name: of its rule, both stable. arm: the pipeline, or what else it is about.
    """

    code: str
    name: str
    arm: str
    severity: str
    title: str
    explanation: str
    consequence: str


class Said(NamedTuple):
    """What a rule says: how bad, what it is, what was measured; about what, if not the pipeline."""

    severity: str
    title: str
    measured: str
    about: str | None = None


# A fault that nobody makes on purpose; what moves the result; what is to be known.
fail, warning, note = (partial(Said, severity) for severity in SEVERITIES)
Check = Callable[..., Iterable[Said]]


@dataclass(frozen=True)
class Rule:
    """A rule, and what its page says. subject: what `check` is given; see rule()."""

    code: str
    name: str
    title: str
    detected: str
    matters: str
    remedy: str
    subject: str
    check: Check
    file: str

    def findings(self, given: Any, arm: str) -> list[Finding]:
        """What the rule finds in what it is given. PipelineFailed, naming it, where it fails."""
        whose = f"{self.name} ({self.file})"
        failed = plugins.named(f"rule {self.code} {whose} failed on {arm}", DamagedData, OSError)
        with failed, plugins.contained(whose):
            return self._findings(given, arm)

    def _findings(self, given: Any, arm: str) -> list[Finding]:
        consequence = f"{self.matters} {self.remedy}"
        told = list(self.check(given))
        for said in told:
            fits = isinstance(said, Said) and said.severity in SEVERITIES
            if not fits or any(not isinstance(text, str | None) for text in said):
                raise TypeError(
                    f"it says {said!r:.80}; fail, warning or note of two texts is wanted"
                )
        return [
            Finding(
                self.code, self.name, said.about or arm, said.severity,
                f"{arm}: {said.title}" if self.subject == "pipeline" else said.title,
                said.measured, consequence,
            )
            for said in told
        ]  # fmt: skip


RULES: dict[str, Rule] = {}
SUBJECTS = ("pipeline", "arms", "data")
WORDS = ("detected", "matters", "remedy")
_WORD = re.compile(rf"^({'|'.join(WORDS)}): ", re.MULTILINE | re.IGNORECASE)


def rule(
    code: str,
    name: str,
    *,
    subject: str = "pipeline",
    detected: str = "",
    matters: str = "",
    remedy: str = "",
) -> Callable[[Check], Check]:
    """Register a rule; the function's docstring is its page, and the first line its title.

    subject: "pipeline" (the function is given a Passport), "arms" (all of them by spec) or "data"
    (a folder of records). detected, matters, remedy: what the docstring does not say itself, as it
    cannot where a figure stands in it. ValueError for a code that is no letters and digits, a code
    or name that another file's rule has, or where one of the three is nowhere.
    """
    if not re.fullmatch(r"[A-Z]{2,8}\d{3}", code) or subject not in SUBJECTS:
        raise ValueError(f"a rule is IMG123 about one of {SUBJECTS}; got {code!r}, {subject!r}")
    given = dict(zip(WORDS, (detected, matters, remedy), strict=True))

    def register(check: Check) -> Check:
        file = plugins.place(check)[0]
        for one in RULES.values():
            same = one.code == code and one.name == name and one.file == file  # loaded again
            if not same and (one.code == code or one.name == name):
                raise ValueError(f"rule {code} {name}: there is {one.code} {one.name} already")
        title, *told = _WORD.split(inspect.cleandoc(plugins.underlying(check).__doc__ or name))
        for word, text in zip(told[::2], told[1::2], strict=True):
            given[word.lower()] = given[word.lower()] or " ".join(text.split())
        missing = [word for word in WORDS if not given[word]]
        if missing and sys.flags.optimize < 2:  # which drops docstrings
            raise ValueError(f"rule {code} {name}: no line of its docstring says {missing[0]}: ...")
        title = (title.strip() or name).splitlines()[0].rstrip(".")
        RULES[code] = Rule(code, name, title, **given, subject=subject, check=check, file=file)
        plugins.BROUGHT.add(file)
        return check

    return register


def muted(asked: Sequence[str]) -> set[str]:
    """The codes of rules that are asked for by code or name; LookupError for an unknown one."""
    names = {one.name: one.code for one in RULES.values()} | {code: code for code in RULES}
    for word in asked:
        if word not in names:
            hint = did_you_mean(near(word, names))
            raise LookupError(f"there is no rule {word}.{hint} Known: {', '.join(sorted(RULES))}")
    return {names[word] for word in asked}

"""One thing that a diagnosis found worth knowing, and the door for rules that find such things.

    @rule(
        "IMG901", "dark", detected="The mean of the evaluation's values.",
        matters="Nets like light.", remedy="Turn the light on.",
    )
    def dark(passport: Passport) -> Iterator[Said]:
        \"\"\"The pictures are dark.\"\"\"
        if passport.values and passport.values.eval_mean[0] < -1:
            yield warning("the pictures are dark", "Their mean is ...")

A rule of a plug-in (`--plugin`) takes part like one of the package.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from imagenet_tools.errors import did_you_mean, near
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


def fail(title: str, measured: str) -> Said:
    """A fault that nobody makes on purpose."""
    return Said("fail", title, measured)


def warning(title: str, measured: str) -> Said:
    """Something that moves the result."""
    return Said("warning", title, measured)


def note(title: str, measured: str) -> Said:
    """Something to know of."""
    return Said("note", title, measured)


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
        """What the rule finds in what it is given."""
        consequence = f"{self.matters} {self.remedy}"
        return [
            Finding(
                self.code, self.name, said.about or arm, said.severity,
                f"{arm}: {said.title}" if self.subject == "pipeline" else said.title,
                said.measured, consequence,
            )
            for said in self.check(given)
        ]  # fmt: skip


RULES: dict[str, Rule] = {}
SUBJECTS = ("pipeline", "arms", "data")


def rule(
    code: str, name: str, *, detected: str, matters: str, remedy: str, subject: str = "pipeline"
) -> Callable[[Check], Check]:
    """Register a rule; the first line of the function's docstring is its title.

    subject: "pipeline" (the function is given a Passport), "arms" (all of them by spec) or "data"
    (a folder of records). detected, matters, remedy: sentences for the rule's page. ValueError for
    a code that is no letters and digits, or a code or name that another file's rule has.
    """
    if not re.fullmatch(r"[A-Z]{2,8}\d{3}", code) or subject not in SUBJECTS:
        raise ValueError(f"a rule is IMG123 about one of {SUBJECTS}; got {code!r}, {subject!r}")

    def register(check: Check) -> Check:
        file = inspect.getfile(check)
        for one in RULES.values():
            same = one.code == code and one.name == name and one.file == file  # loaded again
            if not same and (one.code == code or one.name == name):
                raise ValueError(f"rule {code} {name}: there is {one.code} {one.name} already")
        title = (check.__doc__ or name).strip().splitlines()[0].rstrip(".")
        RULES[code] = Rule(code, name, title, detected, matters, remedy, subject, check, file)
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

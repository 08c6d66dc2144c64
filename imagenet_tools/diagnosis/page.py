"""The page of the rules, written from them: `python -m imagenet_tools.diagnosis.page`."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_tools.diagnosis import finding, rules

OPENING = """# What the diagnosis finds

`imgtools diagnose` puts patterns and photographs into a pipeline, in a compiled graph as training
does, and measures what comes out; then it takes a few training steps at three rates.
`compare-preproc` does so while its first runs train, at the recipe's rate alone.

Every finding has a code, which stays, and one of three weights: a *fail* is a fault that nobody
makes on purpose, a *warning* moves the result, a *note* is to be known. `--mute CODE` (or the
rule's name) sets a rule's findings aside; that they were is said.

A rule is one function under `@rule`, in the package or in a plug-in; CONTRIBUTING.md shows how.
This page is written from the rules by `python -m imagenet_tools.diagnosis.page`.
"""


def text() -> str:
    """The page, Markdown."""
    return "\n".join([OPENING, *_sections()])


def _sections() -> Iterator[str]:
    for room in rules.ROOMS:
        yield f"## {(room.__doc__ or '').strip().rstrip('.')}\n"
        for one in finding.RULES.values():
            if one.check.__module__ == room.__name__:
                yield f"### {one.code} {one.name}: {one.title}\n"
                yield f"- Detected: {one.detected}"
                yield f"- Matters: {one.matters}"
                yield f"- Remedy: {one.remedy}\n"


if __name__ == "__main__":
    print(text())

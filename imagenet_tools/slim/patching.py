"""Two lines at the end of a checkout's preprocessing_factory.py, and their removal."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from imagenet_tools.slim import checkout

# Import alone does nothing; the module passes its own name, whatever it was imported as.
LINES = (
    b"import imagenet_tools.slim  # imgtools slim-patch\n"
    b"imagenet_tools.slim.patch(__name__)  # imgtools slim-patch\n"
)
# A file without a line end at its end gets one first, which undo has to take away again.
AFTER_BARE_END = b"\n# imgtools slim-patch: the line above had no end\n"


def change(folder: str | Path, *, undo: bool = False, dry_run: bool = False) -> str:
    """Add the two lines, or take them away byte for byte; return the difference, "" where none.

    ValueError where the folder is no TF-Slim checkout, where get_preprocessing was changed, where
    the two lines could not help, or where undo finds them changed.
    """
    known = checkout.read(folder)
    path = known.folder / checkout.FACTORY
    before = path.read_bytes()
    after = _without(before, path) if undo else _with(before, known)
    if not dry_run and after != before:
        temporary = path.with_name(f".{path.name}.imgtools")
        temporary.write_bytes(after)
        os.chmod(temporary, path.stat().st_mode)
        os.replace(temporary, path)
    return "".join(
        difflib.unified_diff(
            before.decode(errors="replace").splitlines(keepends=True),
            after.decode(errors="replace").splitlines(keepends=True),
            f"a/{checkout.FACTORY}",
            f"b/{checkout.FACTORY}",
        )
    )


def _with(content: bytes, known: checkout.Checkout) -> bytes:
    if content.endswith(LINES):
        return content
    if known.contrib:
        raise ValueError(
            f"{known.folder} imports tensorflow.contrib, which today's TensorFlow lacks, before "
            "two lines could help; `imgtools slim-run SCRIPT FLAGS` runs its scripts unchanged"
        )
    return content + (b"" if content.endswith(b"\n") else AFTER_BARE_END) + LINES


def _without(content: bytes, path: Path) -> bytes:
    if not content.endswith(LINES):
        if b"imgtools slim-patch" in content:
            raise ValueError(
                f"the lines of slim-patch in {path} were changed or are not its last ones; "
                f"take them out by hand, or `git checkout {path.name}`"
            )
        return content
    return content.removesuffix(LINES).removesuffix(AFTER_BARE_END)

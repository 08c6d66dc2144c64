"""A checkpoint in the archive that it was sent in: a zip or tar is the folder it holds."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from imagenet_tools.errors import DamagedData

_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
_INDEX = re.compile(r".+\.(index|ckpt)$")  # .ckpt: TF1's format of one file
_BESIDE = re.compile(r".+\.data-\d{5}-of-\d{5}$|checkpoint$|run\.json$|classes\.tsv$")
_PACKERS = ("zipfile", "tarfile", "zlib", "gzip", "_lzma")  # some Pythons are without lzma
_UNPACKED: list[tempfile.TemporaryDirectory[str]] = []
Open = Callable[[], IO[bytes] | None]


def is_one(name: str) -> bool:
    """Does the name end as an archive's that is read here?"""
    return name.lower().endswith(_ENDINGS)


def unpacked(path: Path) -> Path:
    """Unpack what belongs to a checkpoint, by its bare names; return the folder.

    It is temporary and goes with the process. Raises FileNotFoundError where no folder of the
    archive, or more than one, holds a checkpoint; ValueError for an encrypted one; DamagedData.
    """
    with _members(path) as members:
        folders: dict[str, dict[str, Open]] = {}
        for member, opened in members:
            place, name = os.path.split(member.replace("\\", "/"))  # some zips of Windows
            strange = "__MACOSX" in place.split("/") or name.startswith("._")
            if not strange and (_INDEX.match(name) or _BESIDE.match(name)):
                folders.setdefault(place, {})[name] = opened
        held = sorted(place for place, files in folders.items() if any(map(_INDEX.match, files)))
        if len(held) != 1:
            where = f"one each in {', '.join(held[:5])}" if held else "none"
            raise FileNotFoundError(
                f"{path}: one folder with checkpoints (.index files, or a .ckpt) is wanted in it, "
                f"and there is {where}; unpack it, and name the one that is meant"
            )
        target = tempfile.TemporaryDirectory(prefix="imgtools-checkpoint-")
        _UNPACKED.append(target)  # removed when the process ends
        for name, opened in folders[held[0]].items():
            source = opened()
            if source is not None:
                with source, open(Path(target.name) / name, "wb") as file:
                    shutil.copyfileobj(source, file)
    return Path(target.name)


@contextmanager
def _members(path: Path) -> Iterator[list[tuple[str, Open]]]:
    """The files of an archive and how each is opened, with its errors in words."""
    kind = "zip" if path.suffix.lower() == ".zip" else "tar"
    try:
        if kind == "zip":
            with zipfile.ZipFile(path) as archive:
                infos = archive.infolist()
                if any(info.flag_bits & 1 for info in infos):
                    raise ValueError(
                        f"{path} is encrypted; unpack it with its password, and name the folder"
                    )
                yield [(i.filename, partial(archive.open, i)) for i in infos if not i.is_dir()]
        else:
            with tarfile.open(path) as tar:
                held = [m for m in tar if m.isfile() or m.islnk() or m.issym()]
                yield [(m.name, partial(tar.extractfile, m)) for m in held]
    except NotImplementedError as error:
        raise ValueError(f"{path} cannot be unpacked here ({error}); unpack it first") from error
    except Exception as error:
        of_packing = type(error).__module__ in _PACKERS or isinstance(error, EOFError | KeyError)
        if not (of_packing or type(error) is OSError and error.errno is None):  # bzip2's
            raise
        first = str(error.args[0] if error.args else error).partition("\n")[0]
        raise DamagedData(f"{path} is no readable {kind} ({first})") from error

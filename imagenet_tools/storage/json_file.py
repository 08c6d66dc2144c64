"""Read JSON that this project wrote and anybody may have changed since: every surprise is named."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from imagenet_tools import storage
from imagenet_tools.errors import DamagedData

_hints = functools.cache(typing.get_type_hints)  # of a class: they are compiled from their texts
# What making something of a value raises where it is not as it was written.
SURPRISES = (KeyError, TypeError, AttributeError, ValueError, OverflowError)


def read(path: Path, remedy: str = "") -> dict[str, Any]:
    """Return the object in a file; remedy: the way on, for the end of a message.

    Raises FileNotFoundError, DamagedData for what is no regular file (which is not opened) or holds
    no JSON object, and OSError where it cannot be read.
    """
    way_on = f"; {remedy}" if remedy else ""
    try:
        if not storage.is_remote(path):
            storage.size(path)
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ELOOP):
            raise
        raise DamagedData(f"{path} cannot be read: {error.strerror}{way_on}") from error
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise DamagedData(f"{path} is not readable as JSON ({reason}){way_on}") from error
    if not isinstance(content, dict):
        raise DamagedData(f"{path} holds no object but {str(content)[:40]!r}{way_on}")
    return content


@contextlib.contextmanager
def as_written(path: Path, remedy: str) -> Iterator[None]:
    """Name what making something of a file's content stumbles over: DamagedData with the remedy."""
    try:
        yield
    except SURPRISES as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise DamagedData(f"{path} is not as it was written ({reason}); {remedy}") from None


def finite(value: Any) -> Any:
    """What JSON can say of a value: null for infinity and NaN, which it does not have; dataclasses
    as objects."""
    if is_dataclass(value) and not isinstance(value, type):
        value = vars(value)
    if isinstance(value, Mapping):
        return {str(name): finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_type(value: Any, kind: Any, where: str = "it") -> Any:
    """Return a value of JSON as what is annotated: lists as tuples, objects as dataclasses, null as
    NaN where `finite` made it of a number.

    Raises ValueError naming the place where it is another.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if is_dataclass(kind) and isinstance(value, dict):
        return _as_dataclass(value, kind, where)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in inner:
            return None
        return as_type(value, inner[0], where)
    if origin is dict and isinstance(value, dict):
        key, of = inner
        return {key(name): as_type(one, of, f"{where}.{name}") for name, one in value.items()}
    if origin in (tuple, list) and isinstance(value, list):
        if origin is list or inner[1:] == (...,):
            inner = inner[:1] * len(value)
        if len(inner) == len(value):
            pairs = zip(value, inner, strict=True)
            return origin(as_type(one, of, f"{where}[{at}]") for at, (one, of) in enumerate(pairs))
    if kind is float and (value is None or type(value) is int and abs(value) < 2**53):
        return math.nan if value is None else float(value)
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise ValueError(f"{where} is {str(value)[:40]!r}, no {getattr(kind, '__name__', kind)}")


def _as_dataclass(value: dict[str, Any], kind: Any, where: str) -> Any:
    hints = _hints(kind)
    if unknown := sorted(set(value) - {one.name for one in fields(kind)}):
        raise ValueError(f"{where} has a field {unknown[0]!r} that is not known")
    try:
        return kind(**{name: as_type(one, hints[name], name) for name, one in value.items()})
    except TypeError as error:
        raise ValueError(f"{where} lacks something ({error})") from None

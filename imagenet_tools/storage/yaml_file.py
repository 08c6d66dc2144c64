"""Read YAML strictly: each field once, numbers as JSON writes them, every refusal with its line.

YAML 1.1, which PyYAML reads, takes `1:30` for 90, `yes` for true and `010` for 8, and of a field
that is given twice the last. Here these are text, or an error.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from imagenet_tools import storage


@dataclass(frozen=True)
class Document:
    """The fields of a file, and the line (from 1) that each stands on."""

    name: str
    fields: dict[str, Any]
    lines: dict[str, int]

    def at(self, field: str) -> str:
        """Where a field stands, for the beginning of a message: "my.yaml, line 3: "."""
        return f"{self.name}, line {self.lines[field]}: " if field in self.lines else ""


def read(path: str | os.PathLike[str]) -> Document:
    """Read a file of `field: value`; see parse."""
    storage.size(path)  # or an error, of a fifo, which might never end
    return parse(Path(path).read_bytes(), os.fspath(path))


def parse(data: bytes, name: str) -> Document:
    """Read UTF-8 text of `field: value`; name is what messages call it.

    Raises ValueError, with the name and the line, for what is no YAML, no UTF-8 or no mapping, for
    a field given twice, and for anchors, tags and keys that are no text.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"0x{data[error.start]:02x}"
        raise ValueError(
            f"{name}, line {line}: the byte {byte} is not UTF-8; save it as that"
        ) from None
    try:
        loader = _Strict(text)
        node = loader.get_single_node()
        if node is None:
            return Document(name, {}, {})
        if not isinstance(node, yaml.MappingNode):
            raise ValueError(f"{name}, line 1: lines of `field: value` are wanted")
        fields = loader.construct_document(node)
        lines = {key.value: key.start_mark.line + 1 for key, _ in node.value}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ValueError(f"{name}, line {line}: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(f"{name}, line {line}: a character that YAML does not allow") from None
    except RecursionError:
        raise ValueError(f"{name}: nested too deeply") from None
    return Document(name, fields, lines)


_NUMBERS = tuple("-+.0123456789")
# YAML 1.2's words for values: what they may begin with ("" for none at all), and all that they are.
_VALUES = {
    "int": (_NUMBERS, r"[-+]?(0|[1-9][0-9]{0,999})$"),
    "float": (
        _NUMBERS,
        r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$"
        r"|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$",
    ),
    "bool": (tuple("tTfF"), r"(true|True|TRUE|false|False|FALSE)$"),
    "null": (("n", "N", "~", ""), r"(null|Null|NULL|~|)$"),
}


class _Strict(yaml.SafeLoader):
    """YAML 1.2's numbers and truth values; no anchors, no tags, no key twice."""

    yaml_implicit_resolvers = {
        first: [
            (f"tag:yaml.org,2002:{kind}", re.compile(pattern))
            for kind, (begins, pattern) in _VALUES.items()
            if first in begins
        ]
        for first in (*_NUMBERS, *"tTfFnN~", "")
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(
                problem=f"the anchor {event.anchor!r} is not taken; write the value out",
                problem_mark=event.start_mark,
            )
        if tag := getattr(event, "tag", None):
            short = tag.replace("tag:yaml.org,2002:", "!!")
            raise yaml.MarkedYAMLError(
                problem=f"the tag {short!r} is not taken; write the value without it",
                problem_mark=event.start_mark,
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.tag != "tag:yaml.org,2002:str":
                what = key.value if isinstance(key, yaml.ScalarNode) else "this"
                problem = f"a field's name is wanted, not {what}"
            elif key.value in seen:
                problem = f"{key.value} is given twice, on line {seen[key.value]} already"
            else:
                seen[key.value] = line
                continue
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)

"""Run the benchmark topics (all, or those named) and write docs/why/benchmarks.md.

    python -m benchmarks [topic ...]

Rows of topics that were not run are kept as they stand in the page.
"""

from __future__ import annotations

import datetime
import importlib
import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

from benchmarks.harness import Row

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "why" / "benchmarks.md"
RESULTS = HERE / "results.json"


def topics() -> list[str]:
    return sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def machine() -> str:
    """The machine in one line: processor, cores, memory, versions."""
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
        processor = names[0] if names else processor
    except OSError:
        pass
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("tensorflow", "numpy", "pillow")
    )
    return (
        f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}, {versions}"
    )


def as_dict(row: Row) -> dict:
    return {
        "name": row.name,
        "figures": dict(row.figures),
        "unit": row.unit,
        "value": row.value,
        "target": row.target,
        "met": row.met,
        "note": row.note,
    }


def table(topic: str, entry: dict) -> list[str]:
    """The topic's rows as a Markdown table."""
    lines = [
        f"## {topic}",
        "",
        f"{entry['date']}; {entry['machine']}",
        "",
        "| what | medians | result | target | met |",
        "|---|---|---|---|---|",
    ]
    for row in entry["rows"]:
        figures = "; ".join(f"{name} {value:,.4g}" for name, value in row["figures"].items())
        value = "" if row["value"] is None else f"{row['value']:.3g}"
        met = {None: "", True: "yes", False: "**no**"}[row["met"]]
        name = row["name"] + (f" ({row['note']})" if row["note"] else "")
        lines.append(f"| {name} | {figures} {row['unit']} | {value} | {row['target']} | {met} |")
    return [*lines, ""]


def main() -> None:
    asked = sys.argv[1:] or topics()
    if unknown := sorted(set(asked) - set(topics())):
        sys.exit(f"Unknown topic {', '.join(unknown)}; there are: {', '.join(topics())}")
    for topic in asked:
        rows = []
        for row in importlib.import_module(f"benchmarks.bench_{topic}").rows():
            rows.append(as_dict(row))
            print(table(topic, {"date": "", "machine": "", "rows": rows[-1:]})[-2], flush=True)
        # Read only now: another run may have written its topics meanwhile.
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        results[topic] = {
            "date": datetime.date.today().isoformat(),
            "machine": machine(),
            "rows": rows,
        }
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    page = [
        "# Benchmarks",
        "",
        "Written by `make bench`: medians of contenders that were run in turn in one run. A",
        "result is a ratio of two medians unless its row says otherwise; absolute figures drift",
        "from machine to machine and from hour to hour.",
        "",
    ]
    for topic in sorted(results):
        page += table(topic, results[topic])
    PAGE.write_text("\n".join(page))


if __name__ == "__main__":
    main()

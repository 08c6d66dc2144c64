"""The same raw data give the same bytes, whatever order sets, disks and locales have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_layouts import MINIATURES, jpeg

BUILD = """
import json, os, pathlib, random, sys
from imagenet_tools import raw, records

order = random.Random(sys.argv[2])
scandir, listdir, iterdir = os.scandir, os.listdir, pathlib.Path.iterdir

def mixed(entries):
    entries = list(entries)
    order.shuffle(entries)
    return entries

class Scan(list):
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def close(self): pass

os.scandir = lambda path=".": Scan(mixed(scandir(path)))
os.listdir = lambda path=".": mixed(listdir(path))
pathlib.Path.iterdir = lambda self: iter(mixed(iterdir(self)))

root, digests = pathlib.Path(sys.argv[1]), {}
for name in sorted(listdir(root)):
    found = raw.detect(root / name)
    out = root.parent / f"out-{sys.argv[2]}" / name
    manifest = records.build(found, out, splits=tuple(found.splits), workers=1)
    digests[name] = [manifest.digest, found.description, str(found.left_out)]
print(json.dumps(digests))
"""


def test_hash_seeds_locales_and_listing_orders_change_nothing(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    root = tmp_path / "raw"
    for name, layout in MINIATURES.items():
        (root / name).mkdir(parents=True)
        layout(root / name)
        for junk in ("b.txt", "a.txt", "c.md", "d.md", "e.txt"):
            (root / name / junk).write_text("x")
    own = root / "folders_of_labels"  # two folders for a label, and one for two labels
    rows = {"cats/a.jpg": 0, "kittens/b.jpg": 0, "dogs/c.jpg": 1, "dogs/d.jpg": 2}
    for at, name in enumerate(rows):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_bytes(jpeg(at))
    (own / "train.txt").write_text("".join(f"{name} {label}\n" for name, label in rows.items()))
    seen = set()
    for seed, locale in (("0", "C"), ("1", "C.UTF-8"), ("2", "POSIX")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale}
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(root), seed],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        seen.add(json.dumps(json.loads(done.stdout.splitlines()[-1]), sort_keys=True))
    assert len(seen) == 1
    assert len(json.loads(seen.pop())) == len(MINIATURES) + 1

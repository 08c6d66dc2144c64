"""Writes imagenet_tools/data/tf_slim_shapes.txt, by which tf_slim's nets are described without it.

    python tests/nets/write_shapes.py

To be run where another tf_slim than the file's is installed: every net is made once, at its own
size, which takes a minute or two and 2 GB. tests/nets/test_slim_nets.py holds the file to the nets.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from imagenet_tools import nets, tensorflow_version

FILE = Path(__file__).parents[2] / "imagenet_tools" / "data" / "tf_slim_shapes.txt"
CLASSES = 1009  # no other side of a variable is


def main() -> None:
    tensorflow_version.load()
    from imagenet_tools.nets.slim_nets import SOURCES

    lines = [f"tf_slim {metadata.version('tf_slim')}"]
    for name, source in SOURCES.items():
        lines.append(name)
        net = nets.create(name, CLASSES, source.image_size)
        for variable, value in net.trainable.items():
            sides = ("N" if side == CLASSES else str(side) for side in value.shape)
            lines.append(f"{variable} {'x'.join(sides)}")
    FILE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

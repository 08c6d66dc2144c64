"""Re-encode a JPEG from stdin to stdout as TF-Slim's builder does; run as a child process."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    pixels = tf.io.decode_jpeg(sys.stdin.buffer.read(), channels=0)
    encoded = tf.io.encode_jpeg(pixels, format="rgb", quality=100)
    sys.stdout.buffer.write(encoded.numpy())


if __name__ == "__main__":
    main()

"""Which TensorFlow the tests were run on, and a clear error where another one is installed."""

from __future__ import annotations

from importlib import metadata

# The whole test suite was run on the first release of OLDEST and on the newest of NEWEST.
OLDEST, NEWEST = (2, 18), (2, 21)
# One of these provides the module `tensorflow`; -cpu is the smaller build of the same.
DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu")
REMEDY = f"pip install 'tensorflow>={OLDEST[0]}.{OLDEST[1]},<{NEWEST[0]}.{NEWEST[1] + 1}'"


def installed() -> str | None:
    """Return the version of TensorFlow that is installed, without importing it; None if none."""
    for name in DISTRIBUTIONS:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def check() -> None:
    """Raise ImportError, with the command that mends it, unless a TensorFlow in range is there."""
    version = installed()
    if version is None:
        raise ImportError(f"TensorFlow is not installed. To install it: {REMEDY}")
    major, minor = (int(part) for part in version.split(".")[:2])
    if not OLDEST <= (major, minor) <= NEWEST:
        raise ImportError(
            f"TensorFlow {version} is installed; imgtools was tested on {OLDEST[0]}.{OLDEST[1]} "
            f"to {NEWEST[0]}.{NEWEST[1]}. To mend it: {REMEDY}"
        )

"""Which imgtools this is."""

from importlib import metadata


def installed() -> str:
    """Return the version of imgtools that is installed."""
    return metadata.version("imgtools")

"""imgtools: ImageNet TFRecords, exact preprocessing pipelines, and a verdict that holds."""

from importlib import metadata

__version__ = metadata.version("imgtools")

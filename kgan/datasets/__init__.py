"""Data: image sets by name or path, toy distributions, and the tf.data pipeline."""

from kgan.datasets.images import read_image
from kgan.datasets.pipeline import batches, load
from kgan.datasets.registry import SourceInfo, available, download, open_source
from kgan.datasets.source import Source
from kgan.datasets.toy import GaussianMixture, grid, ring
from kgan.pixels import to_float, to_uint8

__all__ = [
    "GaussianMixture",
    "Source",
    "SourceInfo",
    "available",
    "batches",
    "download",
    "grid",
    "load",
    "open_source",
    "read_image",
    "ring",
    "to_float",
    "to_uint8",
]

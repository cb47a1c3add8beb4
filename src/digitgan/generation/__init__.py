"""Sampling from trained models: labelled images as one picture, one file, or a set of many files."""

from digitgan.generation.inversion import Inversion, invert
from digitgan.generation.labels import parse_labels, spread_labels
from digitgan.generation.plan import is_sharded
from digitgan.generation.sample import SampleResult, sample_to_files
from digitgan.generation.text import write
from digitgan.generation.writers import WRITERS

__all__ = [
    "WRITERS",
    "Inversion",
    "SampleResult",
    "invert",
    "is_sharded",
    "parse_labels",
    "sample_to_files",
    "spread_labels",
    "write",
]

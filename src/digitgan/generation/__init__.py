"""Generation: labelled images on demand, as one picture, a file, or a set of many files."""

from digitgan.generation.inversion import Inversion, invert
from digitgan.generation.labels import parse_labels, spread_labels
from digitgan.generation.request import SampleRequest
from digitgan.generation.rows import written_rows
from digitgan.generation.sample import SampleResult, sample_to_files
from digitgan.generation.text import write
from digitgan.generation.writers import WRITERS, find_writer

__all__ = [
    "WRITERS",
    "Inversion",
    "SampleRequest",
    "SampleResult",
    "find_writer",
    "invert",
    "parse_labels",
    "sample_to_files",
    "spread_labels",
    "write",
    "written_rows",
]

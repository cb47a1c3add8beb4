"""Drawing: labelled images on demand, in the formats that other tools read."""

from digitgan.drawing.inverting import Inverted, invert
from digitgan.drawing.labels import parse_labels, spread_labels
from digitgan.drawing.rows import written_rows
from digitgan.drawing.writers import WRITERS, claim_output, find_writer, free_path
from digitgan.drawing.writing import write

__all__ = [
    "WRITERS",
    "Inverted",
    "claim_output",
    "find_writer",
    "free_path",
    "invert",
    "parse_labels",
    "spread_labels",
    "write",
    "written_rows",
]

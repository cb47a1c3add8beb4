"""The comparison of recipes or runs, with tests of significance, for `digitgan compare`."""

from digitgan.comparison.comparison import Comparison, compare
from digitgan.comparison.entries import Entry

__all__ = ["Comparison", "Entry", "compare"]

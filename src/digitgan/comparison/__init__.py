"""`digitgan compare`: which of several recipes, or runs, is better, and whether that is more than luck."""

from digitgan.comparison.comparison import Comparison, compare
from digitgan.comparison.entries import Entry

__all__ = ["Comparison", "Entry", "compare"]

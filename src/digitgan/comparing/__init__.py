"""`digitgan compare`: which of several recipes, or runs, is better, and whether that is more than luck."""

from digitgan.comparing.comparison import Comparison, compare
from digitgan.comparing.entries import Entry

__all__ = ["Comparison", "Entry", "compare"]

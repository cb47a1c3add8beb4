"""Sampling: labelled images in files, from one picture to millions."""

from digitgan.sampling.order import Order
from digitgan.sampling.sampling import Drawn, draw_to_files

__all__ = ["Drawn", "Order", "draw_to_files"]

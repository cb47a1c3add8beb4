"""Output formats of `digitgan sample`: one class per format, registered in `WRITERS`."""

from __future__ import annotations

from typing import Final

from digitgan.generation.writers.arrays import IdxFolder, NpzFile
from digitgan.generation.writers.parquet import ParquetFile
from digitgan.generation.writers.pictures import PngFolder, PngGrid
from digitgan.generation.writers.writer import Shard, Writer
from digitgan.lookup import Registry

__all__ = ["WRITERS", "Shard", "Writer"]

WRITERS: Final = Registry[Writer](
    "--format",
    {each.name: each for each in (PngGrid(), PngFolder(), NpzFile(), IdxFolder(), ParquetFile())},
    group="writers",
    kind=Writer,
)
"""The formats of `digitgan sample`."""

"""Output formats of `digitgan sample`: one class per format, registered in `WRITERS`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from digitgan.errors import UsageError
from digitgan.generation.writers.arrays import IdxFolder, NpzFile
from digitgan.generation.writers.parquet import ParquetFile
from digitgan.generation.writers.pictures import PngFolder, PngGrid
from digitgan.generation.writers.writer import Shard, Writer
from digitgan.lookup import Registry

__all__ = ["WRITERS", "Shard", "Writer", "check_output_name"]

WRITERS: Final = Registry[Writer](
    "--format", {each.name: each for each in (PngGrid(), PngFolder(), NpzFile(), IdxFolder(), ParquetFile())}
)
"""The formats of `digitgan sample`."""


def check_output_name(path: Path, format_name: str, *, is_set: bool = False) -> None:
    """Check that the name of an output path fits its format.

    Args:
        path: The output path.
        format_name: A key of `WRITERS`.
        is_set: Whether the output is the folder of a set of several files.

    Raises:
        UsageError: If the name of a file lacks the ending of its format, or the name of a folder has the ending of a file.
    """
    writer = WRITERS.find(format_name)
    is_file = bool(writer.ending) and not is_set
    if is_file and _has_ending(path, writer.ending):
        return
    owner = next((name for name, each in WRITERS.items() if each.ending and _has_ending(path, each.ending)), None)
    if is_file:
        remedy = f"choose such a name, or use --format {owner}" if owner else "choose such a name"
        raise UsageError(f"--out {path}: --format {format_name} writes a file whose name ends in {writer.ending}; {remedy}")
    if owner is not None and is_set:
        raise UsageError(
            f"--out {path}: a set of several files is a folder; choose a name without {WRITERS[owner].ending}, or remove "
            "--shard-size"
        )
    if owner is not None:
        raise UsageError(
            f"--out {path}: --format {format_name} writes a folder; choose a name without {WRITERS[owner].ending}, or use "
            f"--format {owner}"
        )


def _has_ending(path: Path, ending: str) -> bool:
    return len(path.name) > len(ending) and path.name.lower().endswith(ending)

"""The readers of files and folders of the user's own, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from digitgan.data.readers.archives import archive_reader
from digitgan.data.readers.base import DataSource, Reader, Reading
from digitgan.data.readers.cifar import cifar_reader
from digitgan.data.readers.folders import folder_reader
from digitgan.data.readers.idx import idx_reader
from digitgan.data.readers.mat import mat_reader
from digitgan.data.readers.npz import npz_reader
from digitgan.data.readers.parquet import parquet_reader
from digitgan.data.readers.pickles import refuse_pickle
from digitgan.data.readers.pixel_tables import pixel_table_reader
from digitgan.data.readers.shards import shards_reader
from digitgan.lookup import Registry


def reader_of(path: Path, reading: Reading) -> DataSource | None:
    """Return the data source of an existing path; None if no reader reads it.

    Raises:
        DataError: if a reader finds its kind of data, damaged or ambiguous; or if the path is a pickle.
    """
    for reader in reversed(list(READERS.values())):
        if (found := reader(path, reading)) is not None:
            return found
    refuse_pickle(path)
    return None


READERS: Final = Registry[Reader](
    "reader",
    {
        "a CSV file of pixels": pixel_table_reader,
        "a folder of pictures": folder_reader,
        "a ZIP or TAR archive of pictures": archive_reader,
        "a folder of IDX files": idx_reader,
        "an NPZ or NPY file, or a folder of NPY files": npz_reader,
        "a Parquet file or a folder of them": parquet_reader,
        "a MATLAB file": mat_reader,
        "CIFAR's binary files": cifar_reader,
        "a generated set with its manifest": shards_reader,
    },
    group="readers",
    kind=object,
)
"""The readers of files and folders. Each returns None for a path that it does not read. The last reader is tried first, so that
registered readers precede those of the package, and a CSV file beside pictures is a table of their labels."""

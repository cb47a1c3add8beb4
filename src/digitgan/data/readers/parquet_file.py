"""Opening a Parquet file, and the rows of a small one as a table."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from digitgan.data.readers.table_rows import Rows
from digitgan.data.safe_reading import check_is_file
from digitgan.errors import DataError

MAX_TABLE_ROWS: Final = 5_000_000
"""Largest number of rows of a table of labels. A Parquet file may state many more in a few bytes."""

MAX_TABLE_COLUMNS: Final = 1_000


@contextmanager
def opened_parquet(file: Path | bytes, name: str | None = None) -> Iterator[Any]:
    """Open a Parquet file for pyarrow, and turn the exceptions for a damaged file into a `DataError`.

    Args:
        file: the path of the file, or its content.
        name: its name in messages. Default: the path.

    Raises:
        DataError: if pyarrow is not installed, or if the file is missing or damaged.
    """
    name = name or str(file)
    if isinstance(file, Path):
        check_is_file(file)
    try:
        import pyarrow as pa  # imported here because it is optional
        import pyarrow.parquet as pq
    except ImportError as problem:
        raise DataError(f"{name}: needs pyarrow; install it with: pip install 'digitgan[parquet]'") from problem
    try:
        with pq.ParquetFile(io.BytesIO(file) if isinstance(file, bytes) else file, page_checksum_verification=True) as opened:
            yield opened
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise DataError(f"{name}: is not a Parquet file or is damaged ({reason}); download or copy it again") from error


def rows_of_parquet(content: bytes, name: str) -> Rows:
    """Return the rows of a table in a Parquet file, without the columns of bytes.

    Args:
        content: the content of the file.
        name: its name in messages.

    Raises:
        DataError: if pyarrow is not installed; or if the file is damaged or too large for a table of labels.
    """
    with opened_parquet(content, name) as file:
        import pyarrow as pa

        schema, count = file.schema_arrow, file.metadata.num_rows
        if count > MAX_TABLE_ROWS or len(schema.names) > MAX_TABLE_COLUMNS:
            raise DataError(f"{name}: has {count:,} rows in {len(schema.names):,} columns, too many for a table of labels")
        columns = [
            field.name
            for field in schema
            if schema.names.count(field.name) == 1
            and (
                pa.types.is_string(field.type)
                or pa.types.is_large_string(field.type)
                or pa.types.is_integer(field.type)
                or pa.types.is_floating(field.type)
                or pa.types.is_boolean(field.type)
                or pa.types.is_dictionary(field.type)
            )
        ]
        rows = file.read(columns, use_threads=False).to_pylist()
    return Rows(columns, rows, [f"row {number}" for number in range(len(rows))])

"""Images as Parquet, in the schema of Hugging Face's `datasets`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final, final

import numpy as np

from digitgan.errors import UsageError
from digitgan.files import replacing
from digitgan.generation.labels import Labels
from digitgan.generation.writers.writer import Shard, Writer
from digitgan.images import Picture, encode_png

ROW_GROUP_IMAGES: Final = 1000
"""Images per row group of a file, which bounds the memory in use."""


@final
class ParquetFile(Writer):
    """A Parquet file with `image` (PNG) and `label`."""

    name: ClassVar[str] = "parquet"
    ending: ClassVar[str] = ".parquet"

    def write(self, path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
        """See `Writer.write`.

        Raises:
            UsageError: If pyarrow is not installed.
        """
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as problem:
            raise UsageError("the format parquet needs pyarrow; install it with: pip install 'digitgan[parquet]'") from problem
        features = {"image": {"_type": "Image"}, "label": {"names": list(class_names), "_type": "ClassLabel"}}
        schema = pa.schema(
            [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())],
            metadata={"huggingface": json.dumps({"info": {"features": features}})},
        )
        done = 0
        # Uncompressed, since PNG already is compressed.
        with replacing(path) as file, pq.ParquetWriter(file, schema, compression="none") as table:
            for group in _row_groups(blocks):
                encoded = (encode_png(image) for image in group)
                pictures = [{"bytes": png, "path": f"{index:08d}.png"} for index, png in enumerate(encoded, done)]
                columns = [pa.array(pictures, schema.field(0).type), pa.array(labels[done : done + len(group)])]
                table.write_table(pa.Table.from_arrays(columns, schema=schema))
                done += len(group)

    def shard_path(self, shard: Shard) -> Path:
        """Return a path that `datasets` reads as a part of the training split."""
        return shard.folder / "data" / f"train-{shard.name}{self.ending}"


def _row_groups(blocks: Iterable[Picture]) -> Iterator[Picture]:
    """Yield the images in groups of at least `ROW_GROUP_IMAGES`, except for the last."""
    waiting: list[Picture] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= ROW_GROUP_IMAGES:
            yield np.concatenate(waiting)
            waiting.clear()
    if waiting:
        yield np.concatenate(waiting)

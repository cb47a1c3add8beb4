"""Images as arrays: NPZ, and the IDX format of MNIST."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, final

import numpy as np

from digitgan.errors import UsageError
from digitgan.files import replacing, whole_folder
from digitgan.generation.labels import Labels
from digitgan.generation.writers.writer import Shard, Writer, file_facts
from digitgan.images import Picture

IDX_IMAGES: Final = "train-images-idx3-ubyte"
IDX_LABELS: Final = "train-labels-idx1-ubyte"


@final
class NpzFile(Writer):
    """An NPZ file with `images` uint8 (n, height, width[, channels]), `labels` int64 (n,) and `class_names`."""

    name: ClassVar[str] = "npz"
    ending: ClassVar[str] = ".npz"
    size_ratio: ClassVar[float] = 0.6

    def write(self, path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
        """See `Writer.write`. The images are written block by block, in bounded memory."""
        with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            with archive.open("images.npy", "w", force_zip64=True) as member:
                for number, block in enumerate(blocks):
                    if number == 0:
                        shape = (len(labels), *block.shape[1:])
                        description = {"descr": "|u1", "fortran_order": False, "shape": shape}
                        np.lib.format.write_array_header_1_0(member, description)
                    member.write(block.tobytes())
            for name, array in (("labels", labels), ("class_names", np.asarray(class_names))):
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)


@final
class IdxFolder(Writer):
    """A folder with the two files of MNIST's training set, in the IDX format."""

    name: ClassVar[str] = "idx"

    def write(self, path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
        """See `Writer.write`.

        Raises:
            UsageError: If the images are in colour, or there are more than 256 classes.
        """
        if len(class_names) > 256:
            raise UsageError(
                f"--format idx: labels are single bytes, and {len(class_names)} classes do not fit; use --format npz"
            )
        with whole_folder(path) as folder:
            with (folder / IDX_IMAGES).open("wb") as file:
                for number, block in enumerate(blocks):
                    if block.ndim != 3:
                        raise UsageError("--format idx: supports grey images only; use --format npz or folder for colour")
                    if number == 0:
                        file.write(struct.pack(">BBBB3I", 0, 0, 8, 3, len(labels), *block.shape[1:]))
                    file.write(block.tobytes())
            header = struct.pack(">BBBBI", 0, 0, 8, 1, len(labels))
            (folder / IDX_LABELS).write_bytes(header + labels.astype(np.uint8).tobytes())

    def shard_path(self, shard: Shard) -> Path:
        """See `Writer.shard_path`."""
        return shard.folder / shard.name

    def shard_files(self, shard: Shard) -> dict[str, dict[str, Any]]:
        """See `Writer.shard_files`. Other files in the folder are ignored."""
        folder = self.shard_path(shard)
        return {f"{folder.name}/{name}": file_facts(folder / name) for name in (IDX_IMAGES, IDX_LABELS)}

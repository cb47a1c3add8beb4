"""The table of data sets with a name: MNIST, which is part of the package, and those that can be downloaded.

Another data set in MNIST's layout is one more entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from digitgan.errors import DataError
from digitgan.lookup import Registry

PACKAGED: Final = Path(__file__).parent / "packaged"
"""The folder of the data sets that are part of the package, each in a folder of its name. Its files are compressed by xz."""


@final
@dataclass(frozen=True)
class RemoteFile:
    """A file of a data set, identified by its unpacked content because mirrors compress it differently.

    Attributes:
        name: the name on the mirrors and on disk, such as "train-images-idx3-ubyte.gz".
        size: the size of the unpacked content in bytes.
        sha256: the SHA-256 of the unpacked content, in hexadecimal.
    """

    name: str
    size: int
    sha256: str

    @property
    def stem(self) -> str:
        """The name without ".gz"."""
        return self.name.removesuffix(".gz")


@final
@dataclass(frozen=True)
class Dataset:
    """A data set in MNIST's layout: an image file and a label file for each split.

    Attributes:
        name: the name of the data set for `--data`.
        credit: the authors and the licence.
        class_names: the class names in the order of the labels.
        files: the four files.
        mirrors: the addresses of folders that hold the files, in the order in which they are tried.
        packaged: whether the files are part of the package, in a folder of `PACKAGED`.
    """

    name: str
    credit: str
    class_names: tuple[str, ...]
    files: tuple[RemoteFile, ...]
    mirrors: tuple[str, ...] = ()
    packaged: bool = False


MNIST = Dataset(
    name="mnist",
    credit="MNIST, by Yann LeCun, Corinna Cortes and Christopher Burges; CC BY-SA 3.0",
    class_names=tuple("0123456789"),
    files=(
        RemoteFile(
            "train-images-idx3-ubyte.gz", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        RemoteFile("train-labels-idx1-ubyte.gz", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        RemoteFile("t10k-images-idx3-ubyte.gz", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        RemoteFile("t10k-labels-idx1-ubyte.gz", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ),
    packaged=True,
)

DATASETS: Final = Registry[Dataset]("data set", {dataset.name: dataset for dataset in (MNIST,)}, DataError)
"""The data sets by name."""

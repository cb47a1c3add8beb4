"""The table of data sets with a name: MNIST, which is part of the package, and those that can be downloaded.

Another data set is one more entry, with one of the layouts in `digitgan.data.named.publisher_layouts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from digitgan.data.named.publisher_layouts import CifarArchive, EmnistArchive, IdxFiles, Layout
from digitgan.data.named.remote import DatasetFile
from digitgan.errors import DataError
from digitgan.lookup import Registry

PACKAGED: Final = Path(__file__).parents[1] / "packaged"
"""The folder of the data sets that are part of the package, each in a folder of its name. Its files are compressed by xz
or gzip."""


@final
@dataclass(frozen=True)
class Dataset:
    """A data set with a name.

    Attributes:
        name: the name of the data set for `--data`.
        credit: the authors and the licence.
        layout: the layout of the files, which reads them.
        files: the files.
        mirrors: the addresses of folders that hold the files, in the order in which they are tried.
        packaged: whether the files are part of the package, in a folder of `PACKAGED`.
        shared_folder: the folder of the files, below the folder of downloaded data sets; "" for the name of the data set. Data
            sets in the same archive share it.
    """

    name: str
    credit: str
    layout: Layout
    files: tuple[DatasetFile, ...]
    mirrors: tuple[str, ...] = ()
    packaged: bool = False
    shared_folder: str = ""

    @property
    def folder(self) -> str:
        """The name of the folder that holds the files."""
        return self.shared_folder or self.name


MNIST = Dataset(
    name="mnist",
    credit="MNIST, by Yann LeCun, Corinna Cortes and Christopher Burges; CC BY-SA 3.0",
    layout=IdxFiles(tuple("0123456789")),
    files=(
        DatasetFile(
            "train-images-idx3-ubyte.gz", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        DatasetFile("train-labels-idx1-ubyte.gz", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        DatasetFile("t10k-images-idx3-ubyte.gz", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        DatasetFile("t10k-labels-idx1-ubyte.gz", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ),
    packaged=True,
)

FASHION_MNIST = Dataset(
    name="fashion-mnist",
    credit="Fashion-MNIST, by Han Xiao, Kashif Rasul and Roland Vollgraf, 2017; MIT",
    # The publisher's "T-shirt/top" would be two folders where images are written by class.
    layout=IdxFiles(("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")),
    files=(
        DatasetFile("train-images-idx3-ubyte.gz", 26_421_880, md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        DatasetFile("train-labels-idx1-ubyte.gz", 29_515, md5="25c81989df183df01b3e8a0aad5dffbe"),
        DatasetFile("t10k-images-idx3-ubyte.gz", 4_422_102, md5="bef4ecab320f06d8554ea6380940ec79"),
        DatasetFile("t10k-labels-idx1-ubyte.gz", 5_148, md5="bb300cfdad3c16e7a12a480ee83cd310"),
    ),
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
)

KMNIST = Dataset(
    name="kmnist",
    credit=(
        "KMNIST Dataset (created by CODH), adapted from Kuzushiji Dataset (created by NIJL and others), "
        "doi:10.20676/00000341; CC BY-SA 4.0"
    ),
    # In Latin letters: few fonts of plots have the hiragana.
    layout=IdxFiles(("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")),
    files=(
        DatasetFile("train-images-idx3-ubyte.gz", 18_165_135, md5="bdb82020997e1d708af4cf47b453dcf7"),
        DatasetFile("train-labels-idx1-ubyte.gz", 29_497, md5="e144d726b3acfaa3e44228e80efcd344"),
        DatasetFile("t10k-images-idx3-ubyte.gz", 3_041_136, md5="5c965bf0a639b31b8f53240b1b52f4d7"),
        DatasetFile("t10k-labels-idx1-ubyte.gz", 5_120, md5="7320c461ea6c1c855c0b718fb2a4b134"),
    ),
    mirrors=(
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ),
)


def _emnist(part: str) -> Dataset:
    """Return a part of EMNIST. All parts are in one archive, which is downloaded once."""
    return Dataset(
        name=f"emnist-{part}",
        credit=(
            "EMNIST, by Gregory Cohen, Saeed Afshar, Jonathan Tapson and André van Schaik, 2017, "
            "from NIST Special Database 19; the publisher states no licence"
        ),
        layout=EmnistArchive(part),
        files=(DatasetFile("gzip.zip", 561_753_746, md5="58c8d27c78d21e728a6bc7b3cc06412e"),),
        mirrors=("https://biometrics.nist.gov/cs_links/EMNIST/",),
        shared_folder="emnist",
    )


CIFAR_CREDIT: Final = "by Alex Krizhevsky, Vinod Nair and Geoffrey Hinton, 2009; the publisher states no licence"

CIFAR_MIRRORS: Final = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")

CIFAR10 = Dataset(
    name="cifar10",
    credit=f"CIFAR-10, {CIFAR_CREDIT}",
    layout=CifarArchive(
        train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)), test=("test_batch.bin",), names="batches.meta.txt"
    ),
    files=(DatasetFile("cifar-10-binary.tar.gz", 170_052_171, md5="c32a1d4ab5d03f1284b67883e8d87530"),),
    mirrors=CIFAR_MIRRORS,
)

CIFAR100 = Dataset(
    name="cifar100",
    credit=f"CIFAR-100, {CIFAR_CREDIT}",
    # The first label of an image is one of 20 groups of classes, the second one of the 100 classes.
    layout=CifarArchive(train=("train.bin",), test=("test.bin",), names="fine_label_names.txt", label_bytes=2),
    files=(DatasetFile("cifar-100-binary.tar.gz", 168_513_733, md5="03b5dce01913d631647c71ecec9e9cb8"),),
    mirrors=CIFAR_MIRRORS,
)

DATASETS: Final = Registry[Dataset](
    "data set",
    {
        dataset.name: dataset
        for dataset in (MNIST, FASHION_MNIST, KMNIST, _emnist("letters"), _emnist("balanced"), CIFAR10, CIFAR100)
    },
    DataError,
    group="datasets",
    kind=Dataset,
)
"""The data sets by name."""

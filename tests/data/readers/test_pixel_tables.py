"""CSV files with the pixels of an image in each line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from digitgan.data import Reading, load_image_set
from digitgan.data.readers.pixel_tables import pixel_table_reader
from digitgan.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 9), dtype=np.uint8)
PIXELS[0, :2] = 0, 255
LABELS = [3, 1, 3, 0, 1]
HEADER = "label," + ",".join(f"pixel{place}" for place in range(9))


def lines(labels: list[object] = LABELS, *, last: bool = False, separator: str = ",") -> str:  # type: ignore[assignment]
    rows = [[*row, label] if last else [label, *row] for label, row in zip(labels, PIXELS.tolist(), strict=True)]
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


FORMS = {
    "with a header": f"{HEADER}\n{lines()}",
    "without a header": lines(),
    "the label behind": ",".join([*(f"p{place}" for place in range(9)), "class"]) + "\n" + lines(last=True),
    "semicolons": lines(separator=";"),
    "tabs and Windows lines": lines(separator="\t").replace("\n", "\r\n"),
    "a byte order mark and empty lines": "\ufeff" + HEADER + "\n\n" + lines() + "\n",
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_a_table_of_pixels_is_read(tmp_path: Path, name: str, packed: bool) -> None:
    path = tmp_path / ("a.csv.gz" if packed else "a.csv")
    content = FORMS[name].encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    found = load_image_set(str(path))
    np.testing.assert_array_equal(found.images, PIXELS.reshape(5, 3, 3))
    assert [found.class_names[label] for label in found.labels] == [str(label) for label in LABELS]


def test_floats_are_scaled(tmp_path: Path) -> None:
    rows = np.column_stack([LABELS, PIXELS / 255])
    np.savetxt(tmp_path / "a.csv", rows, delimiter=",")
    found = load_image_set(str(tmp_path / "a.csv"))
    np.testing.assert_array_equal(found.images, PIXELS.reshape(5, 3, 3))


def test_texts_are_class_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(lines(["b", "a", "b", "c", "a"]))
    found = load_image_set(str(tmp_path / "a.csv"))
    assert (found.class_names, found.labels.tolist()) == (("a", "b", "c"), [1, 0, 1, 2, 0])


def test_pixels_alone_are_unlabelled(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "a.csv", PIXELS, fmt="%d", delimiter=",")
    found = load_image_set(str(tmp_path / "a.csv"))
    assert found.class_names == ("image",)
    assert any("no column of labels" in note for note in found.notes)


def test_a_folder_of_two_files_has_two_splits(tmp_path: Path) -> None:
    (tmp_path / "mnist_train.csv").write_text(lines())
    (tmp_path / "mnist_test.csv").write_text(lines([1, 1, 1, 1, 9]))
    train, test = load_image_set(str(tmp_path)), load_image_set(str(tmp_path), "test")
    assert train.class_names == test.class_names == ("0", "1", "3", "9")
    assert test.labels.tolist() == [1, 1, 1, 1, 3]


def test_a_test_file_without_labels_is_not_read_and_said(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(f"{HEADER}\n{lines()}")
    np.savetxt(tmp_path / "test.csv", PIXELS, fmt="%d", delimiter=",", header=HEADER.partition(",")[2], comments="")
    found = load_image_set(str(tmp_path))
    assert len(found) == 5
    assert any("test.csv has no labels" in note for note in found.notes)
    with pytest.raises(DataError, match="no test split"):
        load_image_set(str(tmp_path), "test")


def test_a_stated_shape(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(lines())
    source = pixel_table_reader(tmp_path / "a.csv", Reading(image_shape=(1, 9)))
    assert source is not None
    assert source.load("train").images.shape == (5, 1, 9)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "empty"),
        ("\n", "empty"),
        (HEADER, "column names only"),
        ("a,b\nx,1\n", "no pixels.*folder"),
        (lines() + "3,1,2\n", "line 6 has 3 values"),
        (lines().replace("255", "white", 1), "line 1 has the value 'white'"),
        ("1,2,3,4,5,6,7\n" * 3, "7 columns.*--image-shape"),
        (lines()[:-2] + "\0\n", "null bytes"),
        (lines([3, 1, 3, 0, -1]), "label -1"),
        ("9" * 5_000_000, "more than"),
    ],
)
def test_what_is_no_table_of_pixels_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DataError, match=rf"a\.csv: .*{reason}"):
        load_image_set(str(tmp_path / "a.csv"))


NUMBERED = {
    "numbers after the label": "label," + ",".join(map(str, range(9))),
    "numbers before the label": ",".join([*map(str, range(9)), "label"]),
    "numbers alone": ",".join(map(str, range(10))),
    "numbers from 1": ",".join(map(str, range(1, 11))),
    "numbered copies": ",".join(["0", *(f"0.{number}" for number in range(1, 10))]),
    "an unusual name in front": "species," + ",".join(f"p{number}" for number in range(9)),
    "an unusual name behind": ",".join([*(f"p{number}" for number in range(9)), "species"]),
}


@pytest.mark.parametrize("name", NUMBERED)
@pytest.mark.parametrize("texts", [False, True])
def test_names_of_columns_are_no_image(tmp_path: Path, name: str, texts: bool) -> None:
    header = NUMBERED[name]
    behind = header.endswith(("label", "species"))
    labels = ["b", "a", "b", "c", "a"] if texts else LABELS
    (tmp_path / "a.csv").write_text(f"{header}\n{lines(labels, last=behind)}")
    found = load_image_set(str(tmp_path / "a.csv"))
    np.testing.assert_array_equal(found.images, PIXELS.reshape(5, 3, 3))
    assert [found.class_names[label] for label in found.labels] == [str(label) for label in labels]


def test_a_few_values_above_the_range_are_errors(tmp_path: Path) -> None:
    rows = np.tile(PIXELS, (200, 1)).astype(int)
    rows[7, 3] = 300
    np.savetxt(tmp_path / "a.csv", rows, "%d", ",")
    with pytest.raises(DataError, match=r"1 of its 9,000 values are above 255.*300"):
        load_image_set(str(tmp_path / "a.csv"))

"""CSV files with the pixels of an image in each line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from digitgan.data import Reading, ReadOptions, load_image_set
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
        (lines() + "3,1,2\n", "(?s:.*)line 6 has 3 values"),
        (lines().replace("255", "white", 1), "(?s:.*)line 1 has the value 'white'"),
        ("1,2,3,4,5,6,7\n" * 3, "7 columns.*--image-shape"),
        (lines()[:-2] + "\0\n", "null bytes"),
        (lines([3, 1, 3, 0, -1]), "(?s:.*)line 5 has the label -1"),
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


def test_all_lines_that_cannot_be_used_are_listed_and_left_out_on_request(tmp_path: Path) -> None:
    content = lines().splitlines()
    content[1] = content[1].rsplit(",", 1)[0]
    content[2] = content[2].rsplit(",", 1)[0] + ",nan"
    content[3] = content[3].rsplit(",", 1)[0] + ",?"
    path = tmp_path / "a.csv"
    path.write_text(
        "\n".join([HEADER, *content, content[0], ",".join(["", *content[0].split(",")[1:]]), "-1,1,2,3,4,5,6,7,8,9"])
    )
    with pytest.raises(DataError) as caught:
        load_image_set(str(path))
    first, *others = str(caught.value).splitlines()
    assert "5 of its lines cannot be used" in first
    assert sorted(line.strip() for line in others) == [
        "line 3 has 9 values, the first line 10",
        "line 4 has the value 'nan', which is not a number",
        "line 5 has the value '?', which is not a number",
        "line 8 has no label",
        "line 9 has the label -1, and a negative number is no class",
    ]
    found = load_image_set(str(path), read=ReadOptions(skip_damaged=True))
    np.testing.assert_array_equal(found.images.reshape(3, -1), PIXELS[[0, 4, 0]])
    assert [found.class_names[label] for label in found.labels] == ["3", "1", "3"]


def test_the_numbers_of_lines_count_empty_lines(tmp_path: Path) -> None:
    first, second, *others = lines().splitlines()
    (tmp_path / "a.csv").write_text("\n".join([HEADER, "", first, "", "  ", second + ",7", *others]))
    with pytest.raises(DataError, match="line 6 has 11 values, the first line 10"):
        load_image_set(str(tmp_path / "a.csv"))


def fer2013(*usages: str) -> str:
    """Return a table in the form of FER2013: one cell with all pixels, and the split of each line."""
    rows = zip(LABELS, PIXELS16.tolist(), usages, strict=True)
    return "emotion,pixels,Usage\n" + "".join(f"{label},{' '.join(map(str, row))},{usage}\n" for label, row, usage in rows)


PIXELS16 = np.random.default_rng(1).integers(0, 256, (5, 16), dtype=np.uint8)
PIXELS16[:, 0], PIXELS16[:, 1] = 0, 255


def test_pixels_in_one_cell_and_a_column_of_splits(tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(fer2013("Training", "Training", "PublicTest", "PrivateTest", "PrivateTest"))
    train, test = load_image_set(str(path)), load_image_set(str(path), "test")
    np.testing.assert_array_equal(train.images.reshape(2, -1), PIXELS16[:2])
    np.testing.assert_array_equal(test.images.reshape(2, -1), PIXELS16[3:])
    assert train.class_names == test.class_names == ("0", "1", "3")
    assert [test.class_names[label] for label in test.labels] == ["0", "1"]
    assert "the validation images are not read, because there are test images" in test.notes


def test_pixels_in_one_cell_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("pixels\n" + "".join(" ".join(map(str, row)) + "\n" for row in PIXELS16.tolist()))
    np.testing.assert_array_equal(load_image_set(str(path)).images.reshape(5, -1), PIXELS16)


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "id", "index"])
def test_a_column_that_counts_the_lines_is_left_out_and_said(tmp_path: Path, name: str) -> None:
    body = [f"{place},{line}" for place, line in enumerate(lines().splitlines())]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([f"{name},{HEADER}", *body]))
    found = load_image_set(str(path))
    np.testing.assert_array_equal(found.images.reshape(5, -1), PIXELS)
    assert found.class_names == ("0", "1", "3")
    assert f"left out the columns {name!r}, which count the lines" in found.notes


def test_the_last_column_of_a_table_without_names_on_request(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(lines(last=True))
    assert any("--label-column 'column 10' takes the last one" in note for note in load_image_set(str(path)).notes)
    found = load_image_set(str(path), read=ReadOptions(label_column="column 10"))
    np.testing.assert_array_equal(found.images.reshape(5, -1), PIXELS)
    assert found.class_names == ("0", "1", "3")


def test_a_folder_of_one_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "mnist_784.csv").write_text(f"{HEADER}\n{lines()}")
    assert len(load_image_set(str(tmp_path))) == 5


def test_further_tables_in_a_folder_are_passed_over_and_said(tmp_path: Path) -> None:
    (tmp_path / "mnist_train.csv").write_text(f"{HEADER}\n{lines()}")
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    assert "ignored 1 table without a split in the file name: sample_submission.csv" in load_image_set(str(tmp_path)).notes


def test_one_of_several_labels_beside_pixels_in_one_cell(tmp_path: Path) -> None:
    path = tmp_path / "faces.csv"
    rows = "".join(
        f"{label},{label % 2},{' '.join(map(str, row))}\n" for label, row in zip(LABELS, PIXELS16.tolist(), strict=True)
    )
    path.write_text(f"age,gender,pixels\n{rows}")
    with pytest.raises(DataError, match="several columns may hold the labels: age, gender"):
        load_image_set(str(path))
    assert load_image_set(str(path), read=ReadOptions(label_column="gender")).class_names == ("0", "1")


def test_pixels_in_one_cell_without_names_of_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "".join(f"{label},{' '.join(map(str, row))}\n" for label, row in zip(LABELS, PIXELS16.tolist(), strict=True))
    )
    found = load_image_set(str(path))
    assert (len(found), found.class_names) == (5, ("0", "1", "3"))


def test_lines_of_neither_split_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(fer2013("Training", "Training", "extra", "", "PrivateTest"))
    found = load_image_set(str(path))
    assert len(found) == 2
    assert "ignored 2 lines of a.csv that state neither training nor test: 4, 5" in found.notes


def test_texts_of_another_code_page_are_said(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((HEADER + "\n" + lines(["caf\u00e9", "x", "x", "x", "x"])).encode("cp1252"))
    found = load_image_set(str(path))
    assert found.class_names == ("caf\u00e9", "x")
    assert any("a.csv is not in UTF-8: read as Windows-1252" in note for note in found.notes)


def test_the_files_of_both_splits_are_scaled_alike(tmp_path: Path) -> None:
    for part, highest in (("train", 4000), ("test", 900)):
        rows = "".join(f"{n % 2}," + ",".join([str(highest - n)] * 9) + "\n" for n in range(4))
        (tmp_path / f"{part}.csv").write_text(f"{HEADER}\n{rows}")
    assert load_image_set(str(tmp_path), "test").images.max() == round(900 / 4095 * 255)


def test_a_damaged_test_file_is_ignored_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "a_train.csv").write_text(f"{HEADER}\n{lines()}")
    (tmp_path / "a_test.csv").write_text("")
    assert any("ignored a_test.csv: " in note and "is empty" in note for note in load_image_set(str(tmp_path)).notes)
    (tmp_path / "a_train.csv").write_text("")
    with pytest.raises(DataError, match=r"a_train\.csv: is empty"):
        load_image_set(str(tmp_path))


@pytest.mark.parametrize("skip", [False, True])
def test_a_table_without_one_usable_line_is_refused(tmp_path: Path, skip: bool) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\t1,2,3?4,5,")
    with pytest.raises(DataError, match=r"a\.csv"):
        load_image_set(str(path), read=ReadOptions(skip_damaged=skip))


def test_emnist_in_csv_is_turned_upright_and_has_letters(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (3, 4, 4), dtype=np.uint8)
    text = "".join(
        f"{label},{','.join(map(str, image.T.reshape(-1)))}\n" for label, image in zip((1, 26, 2), rows, strict=True)
    )
    for split in ("train", "test"):
        (tmp_path / f"emnist-letters-{split}.csv").write_text(text)
    for source in (tmp_path, tmp_path / "emnist-letters-train.csv"):
        found = load_image_set(str(source))
        np.testing.assert_array_equal(found.images, rows)
        assert [found.class_names[label] for label in found.labels] == ["A", "Z", "B"]
        assert any("turned upright" in note for note in found.notes)
    for split in ("train", "test"):
        (tmp_path / f"emnist-letters-{split}.csv").rename(tmp_path / f"emnist-mine-{split}.csv")
    (tmp_path / "emnist-mine-mapping.txt").write_text("1 97\n2 98\n26 122\n")
    found = load_image_set(str(tmp_path))
    assert [found.class_names[label] for label in found.labels] == ["a", "z", "b"]


def test_a_table_of_labels_alone_is_no_table_of_pixels(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("id,label\n0001,cat\n0002,dog\n")
    with pytest.raises(
        DataError, match=r"train\.csv: has 2 columns \(id, label\), and no pixels\..*give the folder of the pictures"
    ):
        load_image_set(str(tmp_path / "train.csv"))

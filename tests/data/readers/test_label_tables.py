"""Tables of labels beside pictures: CSV, TSV, JSON Lines, StyleGAN's dataset.json."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from digitgan.data import ImageSet, Reading, load_image_set, read_folder
from digitgan.errors import DataError

NAMES = ("a.png", "b.png", "c.png", "d.png")


def pictures(folder: Path, names: Sequence[str] = NAMES) -> Path:
    for value, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 3), value).save(folder / name)
    return folder


def classes(images: ImageSet) -> dict[int, str]:
    """Return the class of each picture by its grey level."""
    return {int(image[0, 0]): images.class_names[label] for image, label in zip(images.images, images.labels, strict=True)}


def read(path: Path, split: str = "train", **options: Any) -> tuple[ImageSet, str]:
    reading = Reading(**options)
    images = read_folder(path, split, reading)  # type: ignore[arg-type]
    return images, "\n".join(reading.notes.lines)


EXPECTED = {0: "cat", 1: "dog", 2: "cat", 3: "ant"}
ROWS = list(zip(NAMES, EXPECTED.values(), strict=True))

TABLES: dict[str, tuple[str, str]] = {
    "labels.csv": ("labels.csv", "filename,label\n" + "".join(f"{name},{label}\n" for name, label in ROWS)),
    "metadata.csv of the Hub": ("metadata.csv", "file_name,label\n" + "".join(f"{name},{label}\n" for name, label in ROWS)),
    "metadata.jsonl": (
        "metadata.jsonl",
        "".join(json.dumps({"file_name": name, "label": label}) + "\n" for name, label in ROWS),
    ),
    "without endings": ("train.csv", "id,breed\n" + "".join(f"{name[0]},{label}\n" for name, label in ROWS)),
    "without a header": ("any.csv", "".join(f"{name},{label}\n" for name, label in ROWS)),
    "semicolons": ("labels.csv", "label;file\n" + "".join(f"{label};{name}\n" for name, label in ROWS)),
    "tabs": ("labels.tsv", "file\tclass\n" + "".join(f"{name}\t{label}\n" for name, label in ROWS)),
    "a byte order mark and Windows lines": (
        "labels.csv",
        "\ufefffile,label\r\n" + "".join(f"{name},{label}\r\n" for name, label in ROWS),
    ),
    "paths of another machine": ("labels.csv", "path,label\n" + "".join(f"C:\\data\\{name},{label}\n" for name, label in ROWS)),
    "quotes and spaces": ("labels.csv", "file, label\n" + "".join(f'"{name}", {label}\n' for name, label in ROWS)),
    "further columns": (
        "labels.csv",
        "index,file,year,label\n" + "".join(f"{n},{name},19{n}7,{label}\n" for n, (name, label) in enumerate(ROWS)),
    ),
    "dataset.json": ("dataset.json", json.dumps({"labels": ROWS})),
    "dataset.json with a dictionary": ("dataset.json", json.dumps({"labels": dict(ROWS)})),
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("inner", ["", "images"])
def test_a_table_beside_the_pictures_gives_their_classes(tmp_path: Path, name: str, inner: str) -> None:
    file, content = TABLES[name]
    pictures(tmp_path / inner)
    place = tmp_path / inner if file == "dataset.json" else tmp_path
    (place / file).write_text(content, encoding="utf-8", newline="")
    found, notes = read(tmp_path)
    assert classes(found) == EXPECTED
    assert found.class_names == ("ant", "cat", "dog")
    assert file in notes


def test_numbers_are_classes_by_value(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\na.png,10\nb.png,9\nc.png,10\nd.png,9\n")
    found, _ = read(tmp_path)
    assert found.class_names == ("9", "10")
    assert classes(found) == {0: "10", 1: "9", 2: "10", 3: "9"}


def test_one_hot_labels_of_stylegan(tmp_path: Path) -> None:
    pictures(tmp_path, ("00000/img0.png", "00000/img1.png", "00001/img2.png"))
    labels = [["00000/img0.png", [0, 1]], ["00000/img1.png", [1, 0]], ["00001/img2.png", [0, 1]]]
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels}))
    assert classes(read(tmp_path)[0]) == {0: "1", 1: "0", 2: "1"}


def test_stylegans_null_means_no_labels(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "dataset.json").write_text('{"labels": null}')
    assert read(tmp_path)[0].class_names == ("image",)


def test_a_table_in_the_folder_of_each_split(tmp_path: Path) -> None:
    for split in ("train", "test"):
        pictures(tmp_path / split)
        (tmp_path / split / "metadata.csv").write_text(
            "file_name,label\n" + "".join(f"{name},{split}-{label}\n" for name, label in ROWS)
        )
    found, _ = read(tmp_path, "test")
    assert classes(found) == {level: f"test-{label}" for level, label in EXPECTED.items()}
    assert len(found.class_names) == 6


def test_a_column_of_splits(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label,split\na.png,x,train\nb.png,y,Train\nc.png,x,val\nd.png,y,val\n")
    assert classes(read(tmp_path)[0]) == {0: "x", 1: "y"}
    assert classes(read(tmp_path, "test")[0]) == {2: "x", 3: "y"}


def test_test_pictures_without_labels_are_counted(tmp_path: Path) -> None:
    pictures(tmp_path / "train")
    pictures(tmp_path / "test", ("x.png", "y.png"))
    (tmp_path / "train.csv").write_text("id,label\na.png,1\nb.png,2\nc.png,1\nd.png,2\n")
    found, notes = read(tmp_path)
    assert len(found) == 4
    assert "ignored the test split, 2 pictures without a class: test/x.png, test/y.png" in notes
    with pytest.raises(DataError, match="no test split"):
        read(tmp_path, "test")


def test_pictures_that_are_not_in_the_table_are_counted(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\na.png,x\nb.png,y\n")
    found, notes = read(tmp_path)
    assert classes(found) == {0: "x", 1: "y"}
    assert "ignored 2 pictures not in labels.csv: c.png, d.png" in notes


def test_rows_that_cannot_be_used_are_listed_for_all_tables_at_once(tmp_path: Path) -> None:
    pictures(tmp_path, ["train/a.png", "train/b.png", "test/c.png", "test/d.png"])
    (tmp_path / "train.csv").write_text("file,label\na.png,x\nb.png,y\ngone.png,x\n")
    (tmp_path / "test.csv").write_text("file,label\nc.png,x\nd.png,\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    first, *others = str(caught.value).splitlines()
    assert "2 of its rows in tables of labels cannot be used" in first
    assert sorted(line.strip() for line in others) == [
        "test.csv, line 3: 'd.png' has no value in the column 'label'",
        "train.csv, line 4: 'gone.png' is not one of the pictures",
    ]


def test_metadata_in_a_parquet_file_names_the_pictures_beside_it(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    folder = tmp_path / "set"
    for part, label in (("train", "cat"), ("test", "dog")):
        pictures(folder / part, ["a.png", "b.png"])
        content = {"file_name": ["a.png", "b.png"], "label": [label, "ant"], "box": [[1, 2], [3, 4]]}
        pq.write_table(pa.table(content), folder / part / "metadata.parquet")
    for source in (folder, Path(shutil.make_archive(str(tmp_path / "packed"), "zip", folder))):
        for split, label in (("train", "cat"), ("test", "dog")):
            images = load_image_set(str(source), split)  # type: ignore[arg-type]
            assert classes(images) == {0: label, 1: "ant"}
            assert "labels from the column 'label' of" in "\n".join(images.notes)


def test_faults_of_metadata_in_a_parquet_file(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    pictures(tmp_path)
    path = tmp_path / "metadata.parquet"
    pq.write_table(pa.table({"file_name": ["a.png", "e.png", "b.png"], "label": ["x", "y", None]}), path)
    with pytest.raises(DataError, match=r"(?s)2 of its rows.*metadata\.parquet, row 1: 'e\.png'.*row 2: 'b\.png' has no value"):
        load_image_set(str(tmp_path))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"metadata\.parquet: is not a Parquet file or is damaged"):
        load_image_set(str(tmp_path))
    pq.write_table(pa.table({"file_name": pa.array(["a.png"] * 5_000_001).dictionary_encode()}), path)
    with pytest.raises(DataError, match=r"5,000,001 rows .* too many for a table of labels"):
        load_image_set(str(tmp_path))


def test_missing_files_and_labels_are_listed_at_once(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\na.png,x\ngone.png,x\nb.png,\nc.png,y\nc.png,x\nfar.png,y\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    complaint = str(caught.value)
    assert "4 of its rows" in complaint
    for part in ("line 3: 'gone.png'", "line 4: 'b.png'", "line 6: 'c.png'", "line 7: 'far.png'"):
        assert part in complaint
    found, notes = read(tmp_path, skip_damaged=True)
    assert classes(found) == {0: "x", 2: "y"}
    assert "left out 4" in notes


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("file,kind,year\na.png,x,1\nb.png,y,2\n", "kind, year.*--label-column"),
        ("file,label\na.png,\0\n", "null bytes"),
    ],
)
def test_a_table_that_is_not_plain_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    pictures(tmp_path)
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(DataError, match=rf"labels\.csv: .*{reason}"):
        read(tmp_path)


def test_a_column_on_request(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label,kind\n" + "".join(f"{name},1,{label}\n" for name, label in ROWS))
    assert classes(read(tmp_path, label_column="kind")[0]) == EXPECTED
    with pytest.raises(DataError, match="'kinds'"):
        read(tmp_path, label_column="kinds")


@pytest.mark.parametrize(
    "content", ["{", '{"labels": 5}', '{"labels": [["a.png"]]}', '{"labels": [["a.png", {}]]}', '{"labels": [["z.png", 1]]}']
)
def test_a_damaged_dataset_json_is_refused(tmp_path: Path, content: str) -> None:
    pictures(tmp_path)
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(DataError, match=r"dataset\.json[:,] "):
        read(tmp_path)


@pytest.mark.parametrize("line", ["[1]", "{", "null"])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    pictures(tmp_path)
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "label": 1}\n' + line + "\n")
    with pytest.raises(DataError, match=r"metadata\.jsonl: line 2"):
        read(tmp_path)


def test_a_table_of_something_else_is_passed_over_and_said(tmp_path: Path) -> None:
    pictures(tmp_path, ("x/a.png", "y/b.png"))
    (tmp_path / "prices.csv").write_text("item,price\nbread,3\n")
    found, notes = read(tmp_path)
    assert found.class_names == ("x", "y")
    assert "table without classes of the pictures: prices.csv" in notes


def test_a_table_that_agrees_with_the_folders_gives_the_names(tmp_path: Path) -> None:
    pictures(tmp_path, ("0/a.png", "1/b.png", "0/c.png"))
    (tmp_path / "labels.csv").write_text("file,label\na.png,zero\nb.png,one\nc.png,zero\n")
    assert classes(read(tmp_path)[0]) == {0: "zero", 1: "one", 2: "zero"}
    assert classes(read(tmp_path, labels_from="outer-folder")[0]) == {0: "0", 1: "1", 2: "0"}


def test_a_table_that_contradicts_the_folders_is_refused_unless_asked(tmp_path: Path) -> None:
    pictures(tmp_path, ("0/a.png", "1/b.png", "0/c.png"))
    (tmp_path / "labels.csv").write_text("file,label\na.png,x\nb.png,x\nc.png,y\n")
    with pytest.raises(DataError, match="--labels-from"):
        read(tmp_path)
    assert classes(read(tmp_path, labels_from="table")[0]) == {0: "x", 1: "x", 2: "y"}


def test_the_table_is_missed_if_it_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.csv"):
        read(pictures(tmp_path), labels_from="table")


def test_a_sample_of_an_answer_is_no_table_of_labels(tmp_path: Path) -> None:
    pictures(tmp_path / "train", ("a.png", "b.png"))
    pictures(tmp_path / "test", ("c.png", "d.png"))
    (tmp_path / "train.csv").write_text("id,label\na,x\nb,y\n")
    (tmp_path / "sample_submission.csv").write_text("id,label\nc,x\nd,x\n")
    found, notes = read(tmp_path)
    assert classes(found) == {0: "x", 1: "y"}
    assert "sample_submission.csv" in notes
    with pytest.raises(DataError, match="no test split"):
        read(tmp_path, "test")


def test_truth_values_are_classes_and_nested_values_are_none(tmp_path: Path) -> None:
    pictures(tmp_path, ("a.png", "b.png"))
    table = tmp_path / "metadata.jsonl"
    table.write_text('{"file_name": "a.png", "label": true}\n{"file_name": "b.png", "label": false}\n')
    assert classes(read(tmp_path)[0]) == {0: "True", 1: "False"}
    table.write_text('{"file_name": "a.png", "label": {"box": [1]}}\n{"file_name": "b.png", "label": 1}\n')
    with pytest.raises(DataError, match=r"line 1: .*box.*, which is no class"):
        read(tmp_path)


def write(folder: Path, name: str, *lines: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@pytest.mark.parametrize(
    "names", [("train.csv", "test.csv"), ("trainLabels.csv", "testLabels.csv"), ("labels_train.csv", "y-val.csv")]
)
def test_tables_of_splits_beside_one_folder_of_pictures(tmp_path: Path, names: tuple[str, str]) -> None:
    pictures(tmp_path / "images")
    write(tmp_path, names[0], "file,label", "a.png,x", "b.png,y")
    write(tmp_path, names[1], "file,label", "c.png,y", "d.png,x")
    assert classes(read(tmp_path)[0]) == {0: "x", 1: "y"}
    found, notes = read(tmp_path, "test")
    assert classes(found) == {2: "y", 3: "x"}
    assert f"the pictures in {names[0]} are train images by the name of the table" in notes


def test_a_table_named_by_its_split_means_the_pictures_of_that_split(tmp_path: Path) -> None:
    """As the CIFAR-10 of Kaggle: train/1.png and test/1.png, and the labels of the first in trainLabels.csv."""
    pictures(tmp_path / "train", ("1.png", "2.png"))
    pictures(tmp_path / "test", ("0.png", "1.png", "2.png", "3.png"))
    write(tmp_path, "trainLabels.csv", "id,label", "1,frog", "2,truck")
    write(tmp_path, "sampleSubmission.csv", "id,label", "1,cat", "2,cat", "3,cat", "0,cat")
    found, notes = read(tmp_path)
    assert classes(found) == {0: "frog", 1: "truck"}
    assert "ignored the test split, 4 pictures without a class" in notes


def test_a_name_of_two_pictures_is_refused(tmp_path: Path) -> None:
    pictures(tmp_path, ("left/1.png", "right/1.png", "left/2.png"))
    write(tmp_path, "labels.csv", "id,label", "1,x", "2,y")
    with pytest.raises(DataError, match=r"line 2: '1' may be left/1.png or right/1.png: write its path"):
        read(tmp_path, labels_from="table")


def test_digits_as_labels_are_no_names_of_pictures(tmp_path: Path) -> None:
    names = tuple(f"{number}.png" for number in range(4))
    pictures(tmp_path, names)
    write(tmp_path, "labels.csv", "file,label", *(f"{number}.png,{number % 2}" for number in (0, 1, 2, 7)))
    with pytest.raises(DataError, match=r"line 5: '7.png' is not one of the pictures"):
        read(tmp_path)
    assert classes(read(tmp_path, skip_damaged=True)[0]) == {0: "0", 1: "1", 2: "0"}


@pytest.mark.parametrize("first", ["a,cat", "a,train", "gone.png,cat"])
def test_a_table_without_a_header_keeps_its_first_row(tmp_path: Path, first: str) -> None:
    pictures(tmp_path)
    write(tmp_path, "labels.csv", first, "b,dog", "c,cat", "d,ant")
    if first.startswith("gone"):
        with pytest.raises(DataError, match=r"line 1: 'gone\.png' is not one of the pictures"):
            read(tmp_path)
    else:
        assert classes(read(tmp_path)[0])[0] == first[2:]


def test_a_table_of_test_pictures_without_labels(tmp_path: Path) -> None:
    pictures(tmp_path / "images")
    write(tmp_path, "train.csv", "file,label,year", "a.png,x,1", "b.png,y,2")
    write(tmp_path, "test.csv", "file", "c.png", "d.png")
    found, notes = read(tmp_path)
    assert classes(found) == {0: "x", 1: "y"}
    assert "ignored the test split, 2 pictures without a class: images/c.png, images/d.png" in notes


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("Usage", ("Training", "Training", "PrivateTest", "PrivateTest")),
        ("is_train", ("1", "1", "0", "0")),
        ("split", ("train", "train", "test_set", "testing")),
        ("is_training", ("True", "true", "False", "false")),
    ],
)
def test_the_words_of_a_column_of_splits(tmp_path: Path, column: str, values: Sequence[str]) -> None:
    pictures(tmp_path)
    write(tmp_path, "labels.csv", f"file,label,{column}", *(f"{n},x,{v}" for n, v in zip(NAMES, values, strict=True)))
    assert len(read(tmp_path)[0]) == len(read(tmp_path, "test")[0]) == 2


def test_rows_of_neither_split_are_counted(tmp_path: Path) -> None:
    pictures(tmp_path)
    write(tmp_path, "labels.csv", "file,label,split", "a.png,x,train", "b.png,y,train", "c.png,x,extra", "d.png,y,")
    found, notes = read(tmp_path)
    assert classes(found) == {0: "x", 1: "y"}
    assert "ignored 2 pictures whose split is neither training nor test: c.png, d.png" in notes


def test_whole_floats_are_numbers(tmp_path: Path) -> None:
    pictures(tmp_path)
    write(tmp_path, "labels.csv", "file,label", "a.png,1.0", "b.png,0.0", "c.png,10.0", "d.png,1.0")
    found, notes = read(tmp_path)
    assert found.class_names == ("0", "1", "10")
    assert "labels are floats: read as integers" in notes


def test_measurements_are_no_classes(tmp_path: Path) -> None:
    pictures(tmp_path)
    write(tmp_path, "labels.csv", "file,label", "a.png,1.5", "b.png,0.25", "c.png,10", "d.png,1.0")
    with pytest.raises(
        DataError, match=r"the label 1\.5 is not an integer; name the column of the classes with --label-column"
    ):
        read(tmp_path)


@pytest.mark.parametrize("written", ["{}.PNG", "{}.jpg", "00{}", "./x/{}.png"])
def test_names_with_another_case_ending_or_zeros_are_found_and_said(tmp_path: Path, written: str) -> None:
    pictures(tmp_path, tuple(f"{number}.png" for number in range(1, 5)))
    write(tmp_path, "labels.csv", "file,label", *(f"{written.format(number)},c{number % 2}" for number in range(1, 5)))
    found, notes = read(tmp_path)
    assert classes(found) == {0: "c1", 1: "c0", 2: "c1", 3: "c0"}
    assert ("matches 4 file names only after ignoring case, extension or leading zeros" in notes) is ("/" not in written)


def test_names_are_compared_as_unicode(tmp_path: Path) -> None:
    """macOS writes é as two characters, most other programs as one."""
    pictures(tmp_path, ("e\u0301.png", "b.png"))
    write(tmp_path, "labels.csv", "file,label", "\u00e9.png,x", "b.png,y")
    assert set(classes(read(tmp_path)[0]).values()) == {"x", "y"}


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("labels.txt", ("a.png cat", "b.png dog", "c.png cat", "d.png ant")),
        ("labels.txt", ("file,label", "a.png,cat", "b.png,dog", "c.png,cat", "d.png,ant")),
        ("annotations.txt", ("a.png\tcat\t0\t0\t5", "b.png\tdog\t0\t1\t5", "c.png\tcat\t0\t0\t5", "d.png\tant\t0\t0\t5")),
        ("labels.json", ('{"a.png": "cat", "b.png": "dog", "c.png": "cat", "d.png": "ant"}',)),
        ("labels.json", (json.dumps([{"file": name, "class": label} for name, label in ROWS]),)),
    ],
)
def test_text_and_json_tables(tmp_path: Path, name: str, lines: Sequence[str]) -> None:
    pictures(tmp_path)
    write(tmp_path, name, *lines)
    assert classes(read(tmp_path)[0]) == EXPECTED


def test_descriptions_of_single_pictures_and_other_texts_are_no_tables(tmp_path: Path) -> None:
    pictures(tmp_path)
    for name in NAMES:
        write(tmp_path, name.replace("png", "txt"), "0 a.png 0.5")
    write(tmp_path, "README.txt", "These are pictures, see a.png")
    write(tmp_path, "config.json", '{"a": 1, "size": 3}')
    assert read(tmp_path)[0].class_names == ("image",)


def test_a_spreadsheet_is_named_with_the_remedy(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "labels.xlsx").write_bytes(b"PK")
    assert "ignored 1 spreadsheet; save a table of labels as CSV: labels.xlsx" in read(tmp_path)[1]


def test_a_table_in_the_folder_of_one_split_leaves_the_other_its_folders(tmp_path: Path) -> None:
    """As Tiny ImageNet: train/CLASS/images and val/images with val/val_annotations.txt."""
    pictures(tmp_path, ("train/n1/images/n1_0.JPEG", "train/n2/images/n2_0.JPEG", "val/images/v0.JPEG", "val/images/v1.JPEG"))
    write(tmp_path, "val/val_annotations.txt", "v0.JPEG\tn2\t0\t0\t5\t5", "v1.JPEG\tn1\t0\t0\t5\t5")
    found, _ = read(tmp_path)
    assert found.class_names == ("n1", "n2")
    assert classes(found) == {0: "n1", 1: "n2"}
    assert classes(read(tmp_path, "test")[0]) == {2: "n2", 3: "n1"}


def test_a_column_that_no_table_has_is_refused(tmp_path: Path) -> None:
    pictures(tmp_path)
    with pytest.raises(
        DataError, match=r"holds no table that names its pictures, such as labels\.csv; leave out --label-column"
    ):
        read(tmp_path, label_column="kind")


def test_numbers_in_the_table_of_one_split_and_in_the_folders_of_the_other(tmp_path: Path) -> None:
    pictures(tmp_path, ("train/7/a.png", "train/10/b.png", "val/c.png", "val/d.png"))
    write(tmp_path, "val/labels.csv", "file,label", "c.png,10", "d.png,7")
    assert read(tmp_path)[0].class_names == ("7", "10")
    assert classes(read(tmp_path, "test")[0]) == {2: "10", 3: "7"}


def test_stylegan_without_labels_takes_no_folders_as_classes(tmp_path: Path) -> None:
    pictures(tmp_path, ("00000/img0.png", "00000/img1.png", "00001/img2.png"))
    (tmp_path / "dataset.json").write_text('{"labels": null}')
    found, notes = read(tmp_path)
    assert (len(found), found.class_names) == (3, ("image",))
    assert "dataset.json states that the pictures have no labels" in notes
    (tmp_path / "dataset.json").write_text('{"images": [{"file": "x.jpg"}]}')  # of another program
    assert read(tmp_path)[0].class_names == ("00000", "00001")


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("README.txt", ("My digits", "Number of classes: 1")),
        ("notes.txt", ("My digits", "Number of classes: 1")),
        ("labels.txt", ("0 cat", "1 dog")),  # Teachable Machine's names of the classes
        ("anno.txt", ("cat/0.jpg furry small", "dog/0.jpg furry large")),
        ("classes.txt", ("cat", "dog")),
    ],
)
def test_texts_beside_class_folders_are_no_tables(tmp_path: Path, name: str, lines: Sequence[str]) -> None:
    pictures(tmp_path, ("cat/0.png", "cat/1.png", "cat/2.png", "dog/0.png", "dog/1.png", "dog/3.png"))
    write(tmp_path, name, *lines)
    found, _ = read(tmp_path)
    assert (found.class_names, found.counts) == (("cat", "dog"), [3, 3])


@pytest.mark.parametrize("ending", ["", ".png"])
def test_lists_of_splits_beside_class_folders(tmp_path: Path, ending: str) -> None:
    """As Food-101 (meta/train.txt) and MIT Indoor-67 (TrainImages.txt)."""
    pictures(tmp_path, ("images/pie/1.png", "images/pie/2.png", "images/soup/1.png", "images/soup/2.png", "images/soup/3.png"))
    write(tmp_path, "meta/train.txt", f"pie/1{ending}", f"soup/2{ending}")
    write(tmp_path, "meta/test.txt", f"pie/2{ending}", f"soup/1{ending}")
    found, notes = read(tmp_path)
    assert classes(found) == {0: "pie", 3: "soup"}
    assert classes(read(tmp_path, "test")[0]) == {1: "pie", 2: "soup"}
    assert "ignored 1 picture in no split of meta/test.txt and meta/train.txt: images/soup/3.png" in notes


def test_a_table_of_labels_and_lists_of_splits(tmp_path: Path) -> None:
    pictures(tmp_path)
    write(tmp_path, "labels.csv", "file,label", *(f"{name},{label}" for name, label in ROWS))
    write(tmp_path, "train.txt", "a.png", "b.png")
    write(tmp_path, "test.txt", "c.png", "d.png")
    assert classes(read(tmp_path)[0]) == {0: "cat", 1: "dog"}
    assert classes(read(tmp_path, "test")[0]) == {2: "cat", 3: "ant"}


def test_celeba(tmp_path: Path) -> None:
    pictures(tmp_path / "images")
    write(tmp_path, "list_attr.csv", "image_id,Male,Smiling", "a.png,1,-1", "b.png,-1,-1", "c.png,1,1", "d.png,-1,1")
    write(tmp_path, "list_bbox.csv", "image_id,x_1,y_1", *(f"{name},5,6" for name in NAMES))
    write(tmp_path, "list_eval_partition.csv", "image_id,partition", "a.png,0", "b.png,0", "c.png,1", "d.png,2")
    found, notes = read(tmp_path, label_column="Male")
    assert classes(found) == {0: "1", 1: "-1"}
    assert classes(read(tmp_path, "test", label_column="Male")[0]) == {3: "-1"}
    assert "ignored 1 table without classes of the pictures: list_bbox.csv" in notes
    with pytest.raises(DataError, match=r"no table has a column 'Old' for --label-column: list_attr\.csv has image_id, Male"):
        read(tmp_path, label_column="Old")


def test_boxes_are_no_classes(tmp_path: Path) -> None:
    pictures(tmp_path)
    write(tmp_path, "boxes.csv", "image,x,y,width,height", *(f"{name},1,2,3,4" for name in NAMES))
    with pytest.raises(DataError, match="several columns may hold the classes: x, y, width, height; choose one"):
        read(tmp_path)


def test_a_column_for_each_class(tmp_path: Path) -> None:
    pictures(tmp_path)
    write(tmp_path, "_classes.csv", "filename, cat, dog", "a.png,1,0", "b.png,0,1", "c.png,0,1", "d.png,1,0")
    assert classes(read(tmp_path)[0]) == {0: "cat", 1: "dog", 2: "dog", 3: "cat"}
    write(tmp_path, "_classes.csv", "filename, cat, dog", "a.png,1,1", "b.png,0,1", "c.png,0,0", "d.png,1,0")
    with pytest.raises(DataError, match=r"(?s)line 2: 'a.png' is of 2 classes; it must be one.*line 4: 'c.png' is of 0"):
        read(tmp_path)


def test_a_row_with_a_comma_too_many_is_refused(tmp_path: Path) -> None:
    pictures(tmp_path)
    write(tmp_path, "labels.csv", "file,label", "a.png,tench, Tinca tinca", "b.png,x,,", "c.png,x", "d.png,y")
    with pytest.raises(DataError, match=r"line 2: 'a\.png' is followed by more cells .*'Tinca tinca'.*quote cells") as caught:
        read(tmp_path)
    assert "1 of its rows" in str(caught.value)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_codecs_of_excel(tmp_path: Path, codec: str) -> None:
    pictures(tmp_path)
    rows = "file\tlabel\n" + "".join(f"{name}\tcaf\u00e9\n" for name in NAMES)
    (tmp_path / "labels.tsv").write_bytes(rows.encode(codec))
    found, notes = read(tmp_path)
    assert found.class_names == ("caf\u00e9",)
    assert ("labels.tsv is not in UTF-8: read as Windows-1252" in notes) is (codec == "cp1252")


@pytest.mark.parametrize("written", ["cat/{}", "/content/data/cat/{}.png", "C:\\data\\cat\\{}.png", "data/cat/{}.png"])
def test_paths_of_other_computers_end_in_the_same_folders(tmp_path: Path, written: str) -> None:
    pictures(tmp_path, ("data/cat/1.png", "data/cat/2.png", "data/dog/1.png", "data/dog/2.png"))
    write(
        tmp_path,
        "labels.csv",
        "path,label",
        *(f"{written.replace('cat', kind).format(n)},{kind}" for kind in ("cat", "dog") for n in (1, 2)),
    )
    assert classes(read(tmp_path)[0]) == {0: "cat", 1: "cat", 2: "dog", 3: "dog"}


def test_a_picture_in_another_folder_is_not_meant(tmp_path: Path) -> None:
    pictures(tmp_path, ("train/1.png", "test/2.png"))
    write(tmp_path, "labels.csv", "path,label", "train/1.png,x", "train/2.png,y")
    with pytest.raises(DataError, match=r"line 3: 'train/2.png' is not one of the pictures"):
        read(tmp_path)


def test_tables_that_are_not_asked_for_are_no_reason_to_refuse(tmp_path: Path) -> None:
    pictures(tmp_path, ("a/1.png", "b/2.png"))
    write(tmp_path, "labels.csv", "file,label", "1.png,x", "2.png,y")
    reading = Reading(labels_from="outer-folder")
    read_folder(tmp_path, "train", reading)
    assert reading.notes.lines == ["ignored 1 table, as --labels-from asks: labels.csv"]
    assert not reading.notes.unasked


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("id,file_path,label", "{n},{name},{label}"),
        ("label,file_path", "{label},{name}"),
        (",filename,dx", "{n},{name},{label}"),
    ],
)
def test_paths_are_file_names_rather_than_numbers(tmp_path: Path, header: str, row: str) -> None:
    names = [f"{number}.png" for number in range(6)]
    pictures(tmp_path, names)
    labels = [str(number % 3) for number in range(6)]
    rows = [
        row.format(n=n, name=name, label=label) for n, (name, label) in enumerate(zip(reversed(names), labels, strict=True))
    ]
    write(tmp_path, "labels.csv", header, *rows)
    assert classes(read(tmp_path)[0]) == {5 - n: labels[n] for n in range(6)}


def test_the_numbers_of_rows_are_no_labels(tmp_path: Path) -> None:
    """As images.txt of CUB-200."""
    pictures(tmp_path, [f"{'cat' if n % 2 else 'dog'}/{n}.png" for n in range(12)])
    write(tmp_path, "images.txt", *(f"{n + 1} {'cat' if n % 2 else 'dog'}/{n}.png" for n in range(12)))
    found, notes = read(tmp_path)
    assert found.class_names == ("cat", "dog")
    assert "ignored 1 file of other kinds: images.txt" in notes


def test_pixels_beside_a_picture_are_not_lost(tmp_path: Path) -> None:
    """As Sign Language MNIST."""
    pictures(tmp_path, ("overview.png",))
    write(tmp_path, "sign_train.csv", "label," + ",".join(f"pixel{n}" for n in range(64)), "3," + ",".join(["7"] * 64))
    with pytest.raises(DataError, match=r"sign_train\.csv: looks like a table of pixels, and there are pictures beside it"):
        read(tmp_path)


def test_a_missing_picture_of_one_split_is_not_that_of_the_other(tmp_path: Path) -> None:
    pictures(tmp_path, ("train/1.png", "test/1.png", "test/2.png"))
    write(tmp_path, "trainLabels.csv", "id,label", "1,frog", "2,truck")
    with pytest.raises(DataError, match="line 3: '2' is not one of the pictures"):
        read(tmp_path)


def test_a_picture_of_another_folder_is_not_that_of_a_missing_one(tmp_path: Path) -> None:
    pictures(tmp_path, ("cat/1.png", "bird/2.png"))
    write(tmp_path, "labels.csv", "file,label", "dog/1.png,dog", "bird/2.png,bird")
    with pytest.raises(DataError, match=r"line 2: 'dog/1.png' is not one of the pictures"):
        read(tmp_path, labels_from="table")


def test_splits_of_a_table_count_where_folders_state_others(tmp_path: Path) -> None:
    pictures(tmp_path, ("train/a.png", "test/b.png", "extra/c.png", "extra/d.png"))
    write(tmp_path, "labels.csv", "file,label,split", "train/a.png,x,train", "test/b.png,y,train", "extra/c.png,x,test")
    found, notes = read(tmp_path)
    assert classes(found) == {0: "x", 1: "y"}
    assert classes(read(tmp_path, "test")[0]) == {2: "x"}
    assert "ignored 1 picture in no split of labels.csv: extra/d.png" in notes
    assert "splits from the column 'split' of labels.csv" in notes


def test_the_list_of_splits_of_celeba(tmp_path: Path) -> None:
    pictures(tmp_path)
    write(tmp_path, "list_eval_partition.txt", "a.png 0", "b.png 0", "c.png 1", "d.png 2")
    assert len(read(tmp_path)[0]) == 2
    assert len(read(tmp_path, "test")[0]) == 1


def test_the_names_of_classes_count_more_than_their_numbers(tmp_path: Path) -> None:
    """As the CSV files of EuroSAT."""
    pictures(tmp_path)
    write(
        tmp_path, "labels.csv", "Filename,Label,ClassName", "a.png,0,River", "b.png,1,Forest", "c.png,0,River", "d.png,1,Forest"
    )
    assert classes(read(tmp_path)[0]) == {0: "River", 1: "Forest", 2: "River", 3: "Forest"}


def test_a_caption_may_hold_any_character(tmp_path: Path) -> None:
    pictures(tmp_path, ("a.png", "b.png"))
    rows = [{"file_name": name, "label": 1, "caption": "one\u2028two"} for name in ("a.png", "b.png")]
    write(tmp_path, "metadata.jsonl", *(json.dumps(row, ensure_ascii=False) for row in rows))
    assert len(read(tmp_path)[0]) == 2


def test_a_list_of_names_with_spaces(tmp_path: Path) -> None:
    pictures(tmp_path, ("Apple 10/1.png", "Apple 10/2.png", "Pear 2/1.png", "Pear 2/2.png"))
    write(tmp_path, "train.txt", "Apple 10/1.png", "Pear 2/1.png")
    write(tmp_path, "test.txt", "Apple 10/2.png", "Pear 2/2.png")
    assert classes(read(tmp_path)[0]) == {0: "Apple 10", 2: "Pear 2"}


def test_options_that_cannot_both_be_meant_are_refused(tmp_path: Path) -> None:
    pictures(tmp_path, ("a/1.png", "b/2.png"))
    with pytest.raises(DataError, match="--label-column is for a table of labels; leave out --labels-from outer-folder"):
        read(tmp_path, labels_from="outer-folder", label_column="x")


def test_a_chosen_column_counts_more_than_folders(tmp_path: Path) -> None:
    """As HAM10000, whose pictures lie in two parts."""
    pictures(tmp_path, ("part_1/a.png", "part_1/b.png", "part_2/c.png", "part_2/d.png"))
    write(
        tmp_path,
        "meta.csv",
        "lesion_id,image_id,dx,age",
        *(f"L{n},{name[0]},{label},50" for n, (name, label) in enumerate(ROWS)),
    )
    assert classes(read(tmp_path, label_column="dx")[0]) == EXPECTED


@pytest.mark.parametrize("digits", [30, 5000])
def test_labels_of_many_digits_are_strings(tmp_path: Path, digits: int) -> None:
    pictures(tmp_path, ("a.png", "b.png"))
    write(tmp_path, "labels.csv", "file,label", f"a.png,{'7' * digits}", f"b.png,{'8' * digits}.0")
    assert read(tmp_path)[0].class_names == ("7" * digits, f"{'8' * digits}.0")


def test_a_split_in_the_table_counts_more_than_that_of_the_folder(tmp_path: Path) -> None:
    pictures(tmp_path, ("train/a.png", "test/b.png", "test/c.png"))
    write(tmp_path, "labels.csv", "file,label,split", "train/a.png,x,train", "test/b.png,y,train", "test/c.png,x,test")
    found, notes = read(tmp_path)
    assert classes(found) == {0: "x", 1: "y"}
    assert "1 picture in another split than their folder, as labels.csv states: test/b.png" in notes


def test_tables_of_boxes_without_column_names_are_ignored(tmp_path: Path) -> None:
    """In Tiny ImageNet, the folder of a training class has a table of boxes; the classes of val/ are in a table."""
    pictures(tmp_path / "train" / "n01" / "images", ["n01_0.png", "n01_1.png"])
    (tmp_path / "train" / "n01" / "n01_boxes.txt").write_text("n01_0.png\t0\t10\t63\t58\nn01_1.png\t6\t1\t50\t20\n")
    pictures(tmp_path / "train" / "n02" / "images", ["n02_0.png", "n02_1.png"])
    (tmp_path / "train" / "n02" / "n02_boxes.txt").write_text("n02_0.png\t0\t0\t63\t63\nn02_1.png\t0\t1\t50\t20\n")
    pictures(tmp_path / "val" / "images", ["val_0.png", "val_1.png"])
    (tmp_path / "val" / "val_annotations.txt").write_text("val_0.png\tn02\t0\t32\t44\t62\nval_1.png\tn01\t3\t0\t44\t62\n")
    train, notes = read(tmp_path)
    assert [train.class_names[label] for label in train.labels] == ["n01", "n01", "n02", "n02"]
    assert "n01_boxes.txt" in notes
    assert classes(read(tmp_path, "test")[0]) == {0: "n02", 1: "n01"}


def test_a_table_of_features_is_none_of_pixels(tmp_path: Path) -> None:
    """Kaggle's leaves: train.csv has the number of each picture, its species and 192 features."""
    pictures(tmp_path / "images", ["1.png", "2.png", "3.png"])
    numbers = ",".join(f"{place / 192:.6f}" for place in range(192))
    rows = "".join(f"{number},{name},{numbers}\n" for number, name in ((1, "oak"), (2, "elm"), (3, "oak")))
    (tmp_path / "train.csv").write_text("id,species," + ",".join(f"margin{place}" for place in range(192)) + "\n" + rows)
    with pytest.raises(DataError, match=r"several columns may hold the classes: species, margin0, .*and 183 more; choose one"):
        read(tmp_path)
    assert classes(read(tmp_path, label_column="species")[0]) == {0: "oak", 1: "elm", 2: "oak"}


def test_train_may_be_a_class_of_a_table_with_a_column_for_each(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "labels.csv").write_text("filename,bus,car,train\na.png,0,0,1\nb.png,1,0,0\nc.png,0,1,0\nd.png,0,0,1\n")
    assert classes(read(tmp_path)[0]) == {0: "train", 1: "bus", 2: "car", 3: "train"}


def test_a_table_that_also_states_the_splits_may_not_contradict_the_folders(tmp_path: Path) -> None:
    pictures(tmp_path, ["cat/a.png", "cat/b.png", "dog/c.png", "dog/d.png"])
    rows = "cat/a.png,x,train\ncat/b.png,y,test\ndog/c.png,x,train\ndog/d.png,y,train\n"
    (tmp_path / "labels.csv").write_text(f"file,label,split\n{rows}")
    with pytest.raises(DataError, match=r"labels.csv gives other classes than the folders cat, dog"):
        read(tmp_path)
    assert classes(read(tmp_path, labels_from="table")[0]) == {0: "x", 2: "x", 3: "y"}

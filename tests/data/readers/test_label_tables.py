"""Tables of labels beside pictures: CSV, TSV, JSON Lines, StyleGAN's dataset.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from digitgan.data import ImageSet, Reading, read_folder
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
    assert "2 pictures are not in train.csv" in notes
    with pytest.raises(DataError, match="no test split"):
        read(tmp_path, "test")


def test_pictures_that_are_not_in_the_table_are_counted(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\na.png,x\nb.png,y\n")
    found, notes = read(tmp_path)
    assert classes(found) == {0: "x", 1: "y"}
    assert "2 pictures are not in labels.csv and are not read: c.png, d.png" in notes


def test_missing_files_and_labels_are_listed_at_once(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\na.png,x\ngone.png,x\nb.png,\nc.png,y\nc.png,x\nfar.png,y\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    complaint = str(caught.value)
    assert "4 of its rows" in complaint
    for part in ("row 2: 'gone.png'", "row 3: 'b.png'", "row 5: 'c.png'", "row 6: 'far.png'"):
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
    with pytest.raises(DataError, match=r"dataset\.json: "):
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
    assert "tables that do not name the pictures: prices.csv" in notes


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
    with pytest.raises(DataError, match=r"row 1: .*box.* is not a class"):
        read(tmp_path)

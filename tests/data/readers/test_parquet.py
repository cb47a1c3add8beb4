from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from digitgan.data import Conversion, ImageSet, Reading, load_image_set, progress, read_parquet
from digitgan.errors import DataError
from digitgan.generation.writers import WRITERS
from digitgan.generation.writers.writer import Shard
from tests.cli.commands import run

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def encoded(value: int | tuple[int, ...], mode: str = "L", size: tuple[int, int] = (4, 3), kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, value).save(file, kind)
    return file.getvalue()


def grey(*values: int) -> list[dict[str, Any] | None]:
    return [{"bytes": encoded(value), "path": f"{value}.png"} for value in values]


def table(
    images: Sequence[Any], labels: Any = None, names: Sequence[str] | None = None, columns: tuple[str, str] = ("image", "label")
) -> pa.Table:
    """Return a table in the layout of the Hub. `labels` is a sequence, an array, or None for images alone."""
    kind = STRUCT if any(isinstance(image, dict) for image in images) else pa.binary()
    found = {columns[0]: pa.array(images, kind)}
    features: dict[str, Any] = {columns[0]: {"_type": "Image"}}
    if labels is not None:
        found[columns[1]] = pa.array(labels) if isinstance(labels, list) else labels
        features[columns[1]] = {"names": names, "_type": "ClassLabel"} if names else {"dtype": "int64", "_type": "Value"}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})} if names else None
    return pa.table(found).replace_schema_metadata(metadata)


def written(path: Path, content: pa.Table, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(content, path, **options)
    return path


def levels(found: ImageSet) -> list[int]:
    return found.images[:, 0, 0].tolist()


def test_a_file_in_the_layout_of_the_hub(tmp_path: Path) -> None:
    path = written(tmp_path / "set.parquet", table(grey(5, 6, 7), [1, 0, 1], ["cat", "dog"]), row_group_size=2)
    found = load_image_set(str(path))
    assert found.images.shape == (3, 3, 4)
    assert levels(found) == [5, 6, 7]
    assert found.labels.tolist() == [1, 0, 1]
    assert (found.class_names, found.name) == (("cat", "dog"), "set.parquet")
    with pytest.raises(DataError, match=r"set\.parquet: .*test.*train"):
        load_image_set(str(path), "test")


@pytest.mark.parametrize("inner", ["", "data"])
def test_a_folder_of_shards_has_the_splits_of_its_names(tmp_path: Path, inner: str) -> None:
    folder = tmp_path / "pets" / inner
    for index, value in enumerate((1, 2, 3)):
        written(folder / f"train-0000{index}-of-00003.parquet", table(grey(value), [value - 1]))
    written(folder / "test-00000-of-00001.parquet", table(grey(9, 8), [0, 1]))
    written(folder / "validation-00000-of-00001.parquet", table(grey(4), [0]))
    (folder / "README.md").touch()
    train, test = (load_image_set(str(tmp_path / "pets"), split) for split in ("train", "test"))
    assert (levels(train), levels(test)) == ([1, 2, 3], [9, 8])
    assert train.class_names == test.class_names == ("0", "1", "2")
    assert (train.name, test.name) == ("pets (train)", "pets (test)")


def test_validation_images_are_the_test_split_if_there_is_no_other(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        written(tmp_path / split / "0000.parquet", table(grey(len(split)), [0]))
    assert levels(load_image_set(str(tmp_path), "test")) == [len("validation")]
    assert levels(load_image_set(str(tmp_path))) == [len("train")]


def test_files_without_a_split_are_training_data(tmp_path: Path) -> None:
    for value in (1, 2):
        written(tmp_path / f"part{value}.parquet", table(grey(value), [0]))
    assert levels(load_image_set(str(tmp_path))) == [1, 2]
    written(tmp_path / "test.parquet", table(grey(1), [0]))
    with pytest.raises(DataError, match=r"part1\.parquet: "):
        load_image_set(str(tmp_path))


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    for index in (0, 2):
        written(tmp_path / f"train-0000{index}-of-00003.parquet", table(grey(1), [0]))
    with pytest.raises(DataError, match=r"train-00001-of-00003\.parquet: "):
        load_image_set(str(tmp_path))


def test_folders_of_configurations_are_named(tmp_path: Path) -> None:
    for name in ("balanced", "letters"):
        written(tmp_path / name / "train-00000-of-00001.parquet", table(grey(1), [0]))
    with pytest.raises(DataError, match=r"balanced, letters"):
        load_image_set(str(tmp_path))
    assert len(load_image_set(str(tmp_path / "letters"))) == 1


@pytest.mark.parametrize("image", ["image", "img", "my_picture"])
@pytest.mark.parametrize("label", ["label", "labels", "fine_label", "class"])
@pytest.mark.parametrize("plain", [False, True])
def test_usual_columns_without_metadata(tmp_path: Path, image: str, label: str, plain: bool) -> None:
    images = [encoded(value) for value in (1, 2)] if plain else grey(1, 2)
    found = read_parquet(written(tmp_path / "a.parquet", table(images, [1, 0], columns=(image, label))))
    assert levels(found) == [1, 2]
    assert found.labels.tolist() == [1, 0]


def test_the_metadata_decides_among_columns(tmp_path: Path) -> None:
    features = {
        "photo": {"_type": "Image"},
        "coarse_label": {"names": ["x", "y"], "_type": "ClassLabel"},
        "fine_label": {"names": ["a", "b", "c"], "_type": "ClassLabel"},
    }
    content = pa.table(
        {"mask": [b"no"], "photo": pa.array(grey(3), STRUCT), "coarse_label": [0], "fine_label": [2], "id": ["n1"]}
    ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    found = read_parquet(written(tmp_path / "a.parquet", content))
    assert (found.class_names, found.labels.tolist(), levels(found)) == (("a", "b", "c"), [2], [3])


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_texts_are_class_names_of_all_splits(tmp_path: Path, kind: pa.DataType) -> None:
    written(tmp_path / "train.parquet", table(grey(1, 2), pa.array(["10", "9"], pa.string()).cast(kind)))
    written(tmp_path / "test.parquet", table(grey(3), pa.array(["cat"], pa.string()).cast(kind)))
    train, test = (load_image_set(str(tmp_path), split) for split in ("train", "test"))
    assert train.class_names == test.class_names == ("9", "10", "cat")
    assert (train.labels.tolist(), test.labels.tolist()) == ([1, 0], [2])


def test_images_alone_are_unlabelled(tmp_path: Path) -> None:
    found = read_parquet(written(tmp_path / "a.parquet", table(grey(1, 2))))
    assert (found.class_names, found.labels.tolist()) == (("image",), [0, 0])


def test_one_colour_image_makes_all_rgb(tmp_path: Path) -> None:
    images = [encoded(9), encoded((1, 2, 3), "RGB"), encoded((200, 0, 0), "RGB", kind="JPEG"), encoded(7)]
    found = read_parquet(written(tmp_path / "a.parquet", table(images, [0, 0, 0, 0])))
    assert found.images.shape == (4, 3, 4, 3)
    assert [pixels[0, 0].tolist() for pixels in found.images[[0, 1, 3]]] == [[9] * 3, [1, 2, 3], [7] * 3]
    assert found.images[2, 0, 0, 0] > 190


def damaged_files(tmp_path: Path) -> dict[str, tuple[Path, str]]:
    whole = written(tmp_path / "whole.parquet", table(grey(1), [0])).read_bytes()
    contents = {
        "empty": b"",
        "text": b"<html>not found</html>",
        "cut": whole[: len(whole) // 2],
        "footer": whole[:-8] + b"\xff\xff\xff\x7fPAR1",
        "pages": whole[:4] + bytes(60) + whole[64:],
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.parquet").write_bytes(content)
    return {name: (tmp_path / f"{name}.parquet", "damaged|empty") for name in contents}


@pytest.mark.parametrize("name", ["empty", "text", "cut", "footer", "pages"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    path, reason = damaged_files(tmp_path)[name]
    with pytest.raises(DataError, match=rf"{name}\.parquet: .*({reason})"):
        read_parquet(path)


BAD_TABLES: dict[str, tuple[pa.Table, str]] = {
    "no image": (pa.table({"pixels": [[1, 2]], "label": [0]}), "pixels: list<element: int64>, label: int64"),
    "two possible images": (pa.table({"left": [b"1"], "right": [b"2"], "label": [0]}), "left: binary, right: binary"),
    "no label": (table(grey(1), [0], columns=("image", "lable")), "'lable'"),
    "floating labels": (table(grey(1), [0.5]), "double"),
    "no rows": (table(grey(), pa.array([], pa.int64())), "rows"),
    "metadata": (table(grey(1), [0]).replace_schema_metadata({"huggingface": "{"}), "metadata"),
    "metadata of another shape": (table(grey(1), [0]).replace_schema_metadata({"huggingface": "[1]"}), "metadata"),
    "names of another type": (table(grey(1), [0], [1, 2]), "class names"),  # type: ignore[list-item]
    "names twice": (table(grey(1), [0], ["a", "a"]), "same name"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_file_of_another_layout_is_refused(tmp_path: Path, name: str) -> None:
    content, reason = BAD_TABLES[name]
    with pytest.raises(DataError, match=rf"a\.parquet: .*{reason}"):
        read_parquet(written(tmp_path / "a.parquet", content))


def test_all_rows_that_cannot_be_used_are_listed(tmp_path: Path) -> None:
    images = [
        *grey(1, 2),
        None,
        {"bytes": None, "path": "elsewhere.png"},
        {"bytes": b"text", "path": "notes.txt"},
        {"bytes": encoded(4)[:-30], "path": None},
    ]
    path = written(tmp_path / "a.parquet", table(images, [0, None, 0, 0, -1, 2], ["x", "y"]), row_group_size=3)
    with pytest.raises(DataError) as caught:
        read_parquet(path)
    first, *lines = str(caught.value).splitlines()
    assert "a.parquet: 7 of its rows" in first
    assert "--skip-damaged" in first
    expected = [
        ("row 1", "no label"),
        ("row 4", "label -1", "none"),
        ("row 5", "label 2", "2 classes"),
        ("row 2", "no content"),
        ("row 3 (elsewhere.png)", "no content"),
        ("row 4 (notes.txt)", "PNG"),
        ("row 5", "damaged"),
    ]
    assert len(lines) == len(expected)
    for line, parts in zip(lines, expected, strict=True):
        assert f"{path}: " in line
        assert all(part in line for part in parts)


def test_rows_that_cannot_be_used_are_left_out_on_request(tmp_path: Path) -> None:
    images = [*grey(1, 2), None, *grey(4, 5), {"bytes": b"text", "path": None}]
    path = written(tmp_path / "a.parquet", table(images, [0, None, 0, 1, 7, 1], ["x", "y"]))
    reading = Reading(skip_damaged=True)
    found = read_parquet(path, "train", reading)
    assert (levels(found), found.labels.tolist()) == ([1, 4], [0, 1])
    assert "left out 4 of its rows" in "\n".join(reading.notes.lines)


def test_rows_are_converted_like_files(tmp_path: Path) -> None:
    images = [
        {"bytes": encoded(3, size=(5, 6)), "path": None},
        {"bytes": encoded((9, 9, 9, 0), "RGBA"), "path": None},
        *grey(4),
    ]
    reading = Reading(Conversion(size=(2, 2), background=(255, 255, 255)))
    found = read_parquet(written(tmp_path / "a.parquet", table(images, [0, 1, 0])), "train", reading)
    assert found.images.shape == (3, 2, 2)
    assert levels(found) == [3, 255, 4]


def test_another_column_of_labels_on_request(tmp_path: Path) -> None:
    content = table(grey(1, 2), [0, 1]).append_column("kind", pa.array(["b", "a"]))
    path = written(tmp_path / "a.parquet", content)
    assert read_parquet(path, "train", Reading(label_column="kind")).class_names == ("a", "b")
    with pytest.raises(DataError, match="'kind'"):
        read_parquet(path, "train", Reading(label_column="kinds"))


def test_a_long_list_of_rows_is_cut(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", table([b"text"] * 1234, [0] * 1234))
    with pytest.raises(DataError) as caught:
        read_parquet(path)
    lines = str(caught.value).splitlines()
    assert "1,234" in lines[0]
    assert "1,224" in lines[-1]
    assert len(lines) < 15


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (table(grey(1), [0], ["a", "c"]), "class names"),
        (table(grey(1), [0], ["a", "b"], columns=("img", "label")), "images"),
        (table(grey(1), ["a"]), "class names"),
    ],
)
def test_files_of_a_set_must_agree(tmp_path: Path, other: pa.Table, what: str) -> None:
    written(tmp_path / "train.parquet", table(grey(1), [0], ["a", "b"]))
    written(tmp_path / "test.parquet", other)
    with pytest.raises(DataError, match=rf"test\.parquet: .*{what}.*train\.parquet"):
        load_image_set(str(tmp_path))


def test_integers_and_texts_do_not_mix(tmp_path: Path) -> None:
    written(tmp_path / "train.parquet", table(grey(1), [0]))
    written(tmp_path / "test.parquet", table(grey(1), ["0"]))
    with pytest.raises(DataError, match=r"train\.parquet: .*integers"):
        load_image_set(str(tmp_path))


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.parquet", table(grey(1), [0]))
    for name in [name for name in sys.modules if name == "pyarrow" or name.startswith("pyarrow.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"a\.parquet: .*digitgan\[parquet\]"):
        read_parquet(path)


def test_reading_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_REPORTS", 0.0)
    lines: list[str] = []
    load_image_set(str(written(tmp_path / "a.parquet", table(grey(*range(5)), [0] * 5))), notify=lines.append)
    for what in ("pictures looked at", "pictures read"):
        reported = [line for line in lines if what in line]
        assert len(reported) == 5
        assert all("a.parquet" in line and f"{index} of 5" in line for index, line in enumerate(reported))


@pytest.mark.parametrize("colour", [False, True])
def test_what_the_writer_writes_reads_back(tmp_path: Path, colour: bool) -> None:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (7, 5, 4, 3) if colour else (7, 5, 4), dtype=np.uint8)
    labels = np.array([0, 2, 1, 0, 2, 1, 0])
    names = ("zero", "one", "two")
    expected = ImageSet(images, labels, names, "expected")
    WRITERS["parquet"].write(tmp_path / "a.parquet", [images[:4], images[4:]], labels, names)
    assert load_image_set(str(tmp_path / "a.parquet")).content_hash == expected.content_hash
    for number, part in enumerate((slice(0, 4), slice(4, 7))):
        shard = Shard(tmp_path / "set", tmp_path / "scratch", number, 2, part.start, labels[part], names)
        WRITERS["parquet"].write_shard(shard, [images[part]])
    assert load_image_set(str(tmp_path / "set")).content_hash == expected.content_hash


def test_the_command_line_reads_a_set_that_it_wrote(
    tmp_path: Path, isolated_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sample = ["sample", "--per-class", "2", "--format", "parquet", "--quiet"]
    assert run(*sample, "--out", "a.parquet") == 0
    assert run(*sample, "--shard-size", "7", "--out", "set") == 0
    hashes = []
    for source in ("a.parquet", "set"):
        assert run("data", "verify", source, "--json") == 0
        hashes.append(json.loads(capsys.readouterr().out)["train"])
    assert hashes[0] == hashes[1]
    assert hashes[0]["counts"] == {str(digit): 2 for digit in range(10)}
    assert run("data", "show", "set", "--out", "first.png", "--quiet") == 0
    assert Path("first.png").is_file()


def test_the_choice_among_several_columns_is_said(tmp_path: Path) -> None:
    content = table(grey(5, 6), [1, 0], ["cat", "dog"]).append_column("category", pa.array(["x", "y"]))
    path = written(tmp_path / "a.parquet", content.append_column("thumbnail", pa.array([b"a", b"b"])))
    notes = load_image_set(str(path)).notes
    assert "images from the column 'image', and not from thumbnail" in notes
    assert "labels from the column 'label', and not from category (--label-column)" in notes
    reading = Reading(label_column="category")
    assert read_parquet(path, "train", reading).class_names == ("x", "y")
    assert not any("--label-column" in note for note in reading.notes.unasked)


def test_unused_validation_files_are_said(tmp_path: Path) -> None:
    for part in ("train", "validation", "test"):
        written(tmp_path / f"{part}-00000-of-00001.parquet", table(grey(5, 6), [1, 0], ["cat", "dog"]))
    assert "the validation images are not read, because there are test images" in load_image_set(str(tmp_path)).notes


def test_rows_labelled_minus_one_are_left_out_on_request(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", table(grey(5, 6, 7), [0, -1, 1]))
    with pytest.raises(DataError, match="row 1: label -1 stands for none"):
        read_parquet(path)
    found = read_parquet(path, "train", Reading(skip_damaged=True))
    assert (levels(found), found.class_names) == ([5, 7], ("0", "1"))


def test_missing_files_with_a_hash_are_named(tmp_path: Path) -> None:
    written(tmp_path / "train-00000-of-00002-6f2b8a1e.parquet", table(grey(5, 6), [1, 0], ["cat", "dog"]))
    with pytest.raises(DataError, match=r"train-00001-of-00002.*is missing"):
        load_image_set(str(tmp_path))


def test_usual_names_in_any_case(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", table(grey(5, 6), [1, 0], columns=("Image", "Label")))
    assert load_image_set(str(path)).class_names == ("0", "1")


def test_parquet_files_in_further_folders_are_named(tmp_path: Path) -> None:
    written(tmp_path / "set.parquet", table(grey(5, 200), [1, 0]))
    assert not load_image_set(str(tmp_path)).notes
    written(tmp_path / "data" / "train.parquet", table(grey(5, 200), [1, 0]))
    written(tmp_path / "small" / "train.parquet", table(grey(5, 200), [1, 0]))
    notes = "\n".join(load_image_set(str(tmp_path)).notes)
    assert "ignored the Parquet files in the folders data, small; to read those, name their folder" in notes

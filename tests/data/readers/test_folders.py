from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitgan.data import Conversion, ImageSet, Reading, ReadOptions, load_image_set, read_folder
from digitgan.errors import DataError
from digitgan.options import DataOptions


def picture(path: Path, value: int | tuple[int, ...] = 7, mode: str = "L", size: tuple[int, int] = (4, 3)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)
    return path


def huge_png(side: int) -> bytes:
    """Return a small PNG file whose header states side × side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def folder_of(path: Path, *names: str) -> Path:
    """Make pictures whose grey levels are their places in the list."""
    for value, name in enumerate(names):
        picture(path / name, value)
    return path


def levels(images: ImageSet) -> list[int]:
    return images.images.reshape(len(images), -1)[:, 0].tolist()


def read(path: Path, split: str = "train", **options: Any) -> tuple[ImageSet, str]:
    """Return the images of a folder, and the notes as one text."""
    reading = Reading(**options)
    images = read_folder(path, split, reading)  # type: ignore[arg-type]
    return images, "\n".join(reading.notes.lines)


def test_a_missing_folder_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: "):
        read_folder(tmp_path / "none")
    with pytest.raises(DataError, match=r"a\.png: "):
        read_folder(picture(tmp_path / "a.png"))


def test_a_folder_with_nothing_to_read_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / ".hidden" / "a.png")
    with pytest.raises(DataError, match=tmp_path.name):
        read_folder(tmp_path)


def test_pictures_without_class_folders_are_an_unlabelled_set(tmp_path: Path) -> None:
    found, notes = read(folder_of(tmp_path, "b.png", "a.png", "c.png"))
    assert found.class_names == ("image",)
    assert levels(found) == [1, 0, 2]
    assert found.labels.tolist() == [0, 0, 0]
    assert notes == "no class folders and no table of labels: the pictures are of one class"


def test_classes_are_in_natural_order_and_pictures_in_that_of_their_names(tmp_path: Path) -> None:
    found, _ = read(folder_of(tmp_path, "class10/a.png", "class2/b10.png", "class2/b9.png", "10/a.png", "9/a.png"))
    assert found.class_names == ("9", "10", "class2", "class10")
    assert levels(found) == [4, 3, 2, 1, 0]
    assert found.labels.tolist() == [0, 1, 2, 2, 3]
    assert found.name == tmp_path.name


@pytest.mark.parametrize(
    ("junk", "kind"),
    [
        ("0/Thumbs.db", "system or readme file"),
        ("desktop.ini", "system or readme file"),
        ("0/.DS_Store", "system or readme file"),
        ("__MACOSX/0/._a.png", "system or readme file"),
        ("README.md", "system or readme file"),
        ("0/notes.txt", "file of other kinds"),
        ("x.npz", "file of other kinds"),
    ],
)
def test_other_files_are_passed_over_and_named(tmp_path: Path, junk: str, kind: str) -> None:
    folder_of(tmp_path, "0/a.png", "1/a.png")
    (tmp_path / junk).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / junk).write_bytes(b"junk")
    reading = Reading()
    found = read_folder(tmp_path, "train", reading)
    assert (len(found), found.class_names) == (2, ("0", "1"))
    assert f"ignored 1 {kind}: {junk}" in reading.notes.lines
    assert bool(reading.notes.unasked) is (kind == "file of other kinds")  # --strict allows what every system writes


def test_a_long_list_of_names_is_cut(tmp_path: Path) -> None:
    folder_of(tmp_path, "0/a.png", "1/a.png")
    for number in range(30):
        (tmp_path / f"{number}.txt").touch()
    notes = read(tmp_path)[1]
    assert "30 files" in notes
    assert "and 20 more" in notes


def test_pictures_in_other_formats_are_named_with_the_remedy(tmp_path: Path) -> None:
    folder_of(tmp_path, "0/a.png", "1/a.png")
    (tmp_path / "0" / "b.HEIC").write_bytes(b"a picture of a telephone")
    assert ".heic" in read(tmp_path)[1]
    for path in tmp_path.glob("*/*.png"):
        path.unlink()
    with pytest.raises(DataError, match=r"b\.HEIC.*PNG"):
        read_folder(tmp_path)


def test_a_picture_without_an_ending_is_read(tmp_path: Path) -> None:
    picture(tmp_path / "0" / "a.png", 5).rename(tmp_path / "0" / "a")
    (tmp_path / "0" / "b").write_text("text")
    found, notes = read(tmp_path)
    assert levels(found) == [5]
    assert "0/b" in notes


def test_a_folder_without_pictures_is_no_class(tmp_path: Path) -> None:
    folder_of(tmp_path, "0/a.png", "1/a.png")
    (tmp_path / "2").mkdir()
    found, notes = read(tmp_path)
    assert found.class_names == ("0", "1")
    assert "no classes: 2" in notes


def test_pictures_beside_class_folders_are_counted(tmp_path: Path) -> None:
    found, notes = read(folder_of(tmp_path, "0/a.png", "1/a.png", "c.png"))
    assert len(found) == 2
    assert "1 picture without a class, beside the class folders" in notes
    assert "c.png" in notes


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Train", "Test"),
        ("training", "testing"),
        ("train_set", "test-set"),
        ("train", "val"),
        ("TRAIN", "Valid"),
        ("train", "validation"),
    ],
)
def test_splits_have_the_usual_names(tmp_path: Path, train: str, test: str) -> None:
    folder_of(tmp_path, f"{train}/10/a.png", f"{train}/9/a.png", f"{test}/10/a.png")
    (images, _), (held_out, notes) = read(tmp_path), read(tmp_path, "test")
    assert images.class_names == held_out.class_names == ("9", "10")
    assert (levels(images), levels(held_out)) == ([1, 0], [2])
    assert held_out.labels.tolist() == [1]
    assert ("validation images" in notes) == test.lower().startswith("val")
    assert images.name.endswith("(train)")


def test_validation_images_beside_test_images_are_not_read_and_said(tmp_path: Path) -> None:
    folder_of(tmp_path, "train/a/1.png", "val/a/1.png", "test/a/1.png")
    held_out, notes = read(tmp_path, "test")
    assert levels(held_out) == [2]
    assert "validation images are not read" in notes


def test_a_class_named_train_is_no_split(tmp_path: Path) -> None:
    found, _ = read(folder_of(tmp_path, "train/a.png", "plane/a.png", "car/a.png"))
    assert found.class_names == ("car", "plane", "train")


def test_pictures_outside_of_the_splits_are_counted(tmp_path: Path) -> None:
    found, notes = read(folder_of(tmp_path, "train/a/1.png", "test/a/1.png", "extra/a/1.png", "b.png"))
    assert len(found) == 1
    assert "2 pictures outside" in notes


def test_a_folder_around_is_looked_into(tmp_path: Path) -> None:
    found, notes = read(folder_of(tmp_path, "data/pets/train/a/1.png", "data/pets/train/b/1.png", "data/pets/test/a/1.png"))
    assert found.class_names == ("a", "b")
    assert "data/pets" in notes


def test_one_class_folder_is_a_class(tmp_path: Path) -> None:
    assert read(folder_of(tmp_path, "cat/a.png", "cat/b.png"))[0].class_names == ("cat",)


def test_deeper_folders_belong_to_the_outer_class_unless_asked(tmp_path: Path) -> None:
    folder_of(tmp_path, "animal/cat/1.png", "animal/dog/1.png", "thing/cup/1.png")
    outer, notes = read(tmp_path)
    assert (outer.class_names, outer.counts) == (("animal", "thing"), [2, 1])
    assert "inner-folder" in notes
    assert read(tmp_path, labels_from="inner-folder")[0].class_names == ("cat", "cup", "dog")


def test_classes_in_file_names_are_suggested_and_read_on_request(tmp_path: Path) -> None:
    names = [f"{kind}.{number}.png" for kind in ("cat", "dog") for number in range(5)]
    found, notes = read(folder_of(tmp_path, *names))
    assert found.class_names == ("image",)
    assert "file-name" in notes
    found, _ = read(tmp_path, labels_from="file-name")
    assert (found.class_names, found.counts) == (("cat", "dog"), [5, 5])


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("american_bulldog_1.png", "american_bulldog"),
        ("7_001.png", "7"),
        ("cat17.png", "cat"),
        ("a-b.png", "a-b"),
        ("big cat 3.png", "big cat"),
        ("rose (12).jpg", "rose"),
    ],
)
def test_the_class_in_a_file_name(tmp_path: Path, name: str, label: str) -> None:
    assert read(folder_of(tmp_path, name), labels_from="file-name")[0].class_names == (label,)


def test_names_that_are_numbers_state_no_class(tmp_path: Path) -> None:
    """As the test pictures of Dogs vs. Cats: train/cat.0.jpg, test/1.jpg."""
    folder_of(tmp_path, "train/cat.0.png", "train/dog.0.png", "test/1.png", "test/2.png")
    found, notes = read(tmp_path, labels_from="file-name")
    assert (found.class_names, found.counts) == (("cat", "dog"), [1, 1])
    assert "ignored the test split, 2 pictures without a class: test/1.png, test/2.png" in notes
    with pytest.raises(DataError, match="no test split"):
        read(tmp_path, "test", labels_from="file-name")


def test_test_pictures_without_class_folders_are_not_read_and_said(tmp_path: Path) -> None:
    found, notes = read(folder_of(tmp_path, "train/a/1.png", "test/1.png"))
    assert levels(found) == [0]
    assert "ignored the test split, 1 picture without a class: test/1.png" in notes


def test_training_pictures_without_class_folders_beside_labelled_test_pictures_are_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, "train/1.png", "test/a/1.png")
    with pytest.raises(DataError, match="pictures of its train split have no classes"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("asl_alphabet_train", "asl_alphabet_test"),
        ("train-images", "val-images"),
        ("PetsTrain", "PetsTest"),
        ("train/images", "test/images"),
        ("data/train", "data/test"),
        ("train2017", "val2017"),
        ("train", "test1"),
    ],
)
def test_folders_of_splits_with_further_words(tmp_path: Path, train: str, test: str) -> None:
    folder_of(tmp_path, f"{train}/a/1.png", f"{train}/b/1.png", f"{test}/a/1.png", f"{test}/b/2.png")
    if "/" not in train:
        folder_of(tmp_path, "x_pred/1.png")
    (images, notes), (held_out, _) = read(tmp_path), read(tmp_path, "test")
    assert images.class_names == held_out.class_names == ("a", "b")
    assert (levels(images), levels(held_out)) == ([0, 1], [2, 3])
    assert "ignored 1 picture outside of the folders of splits: x_pred/1.png" in notes or "/" in train


def test_classes_whose_names_hold_the_word_of_a_split_are_classes(tmp_path: Path) -> None:
    found, _ = read(folder_of(tmp_path, "train station/1.png", "test tube/1.png", "plane/1.png"))
    assert found.class_names == ("plane", "test tube", "train station")


def test_splits_within_the_folders_of_the_classes(tmp_path: Path) -> None:
    folder_of(tmp_path, "cat/train/1.png", "cat/test/2.png", "dog/train/3.png", "dog/test/4.png", "dog/test/5.png")
    (images, notes), (held_out, _) = read(tmp_path), read(tmp_path, "test")
    assert images.class_names == held_out.class_names == ("cat", "dog")
    assert (levels(images), levels(held_out)) == ([0, 2], [1, 3, 4])
    assert "the folders of the classes hold those of the splits" in notes


def test_two_folders_of_one_split_are_read_together_and_said(tmp_path: Path) -> None:
    found, notes = read(folder_of(tmp_path, "train/a/1.png", "Training/a/2.png", "test/a/3.png"))
    assert sorted(levels(found)) == [0, 1]
    assert "the folders Training and train are read together, as train images" in notes


def test_formats_that_would_start_other_programs_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 3\n%%EndComments\n")
    with pytest.raises(DataError, match=r"a\.png: .*PNG"):
        read_folder(tmp_path)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif", "tiff", "webp", "pgm"])
def test_a_cut_image_is_named(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "0" / f"b.{ending}"
    path.parent.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    assert read_folder(tmp_path).images.shape[:3] == (1, 32, 32)
    content = path.read_bytes()
    for length in (0, 1, 10, len(content) // 2):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match=rf"b\.{ending}: "):
            read_folder(tmp_path)


def test_all_damaged_pictures_are_named_at_once_and_left_out_on_request(tmp_path: Path) -> None:
    folder_of(tmp_path, *(f"{number % 2}/{number:02d}.png" for number in range(20)))
    whole = picture(tmp_path / "whole.png", 7, size=(40, 30)).read_bytes()
    (tmp_path / "whole.png").unlink()
    damaged = [tmp_path / f"{number % 2}" / f"{number:02d}.png" for number in range(12)]
    for number, path in enumerate(damaged):
        path.write_bytes(whole[: [0, 20, len(whole) - 30][number % 3]])  # no picture, a cut header, cut pixels
    with pytest.raises(DataError) as caught:
        read_folder(tmp_path)
    lines = str(caught.value).splitlines()
    assert "12 of its pictures" in lines[0]
    assert "--skip-damaged" in lines[0]
    assert len(lines) == 12  # ten pictures, and the number of the others
    found, notes = read(tmp_path, skip_damaged=True)
    assert levels(found) == [12, 14, 16, 18, 13, 15, 17, 19]
    assert found.counts == [4, 4]
    assert "left out 12" in notes


def test_a_folder_of_damaged_pictures_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"text")
    with pytest.raises(DataError, match=r"a\.png"):
        read(tmp_path, skip_damaged=True)


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_decompression_bomb_is_refused(tmp_path: Path, side: int) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "a.png").write_bytes(huge_png(side))
    with pytest.raises(DataError, match=r"a\.png: .*too large"):
        read_folder(tmp_path)


def test_pictures_of_several_sizes_become_squares_of_the_median_side(tmp_path: Path) -> None:
    for number, size in enumerate([(20, 30), (30, 24), (26, 40)]):
        picture(tmp_path / "0" / f"{number}.png", 9, size=size)
    found, notes = read(tmp_path)
    assert found.images.shape == (3, 24, 24)
    assert "20x30" in notes
    assert "26x40" in notes
    assert "24x24" in notes


def test_one_picture_of_another_size_takes_that_of_most(tmp_path: Path) -> None:
    for number in range(5):
        picture(tmp_path / "0" / f"{number}.png", 9, size=(300, 300) if number == 3 else (10, 8))
    found, notes = read(tmp_path)
    assert found.images.shape == (5, 8, 10)
    assert (found.images == 9).all()
    assert "10x8" in notes


def test_a_large_common_size_is_reduced(tmp_path: Path) -> None:
    picture(tmp_path / "0" / "a.png", 9, size=(640, 480))
    found, notes = read(tmp_path)
    assert found.images.shape == (1, 48, 64)
    assert "64x48" in notes


def test_a_stated_size_is_no_surprise(tmp_path: Path) -> None:
    picture(tmp_path / "0" / "a.png", 9, size=(20, 30))
    reading = Reading(Conversion(size=(6, 5)))
    assert read_folder(tmp_path, "train", reading).images.shape == (1, 5, 6)
    assert reading.notes.unasked == []
    assert len(reading.notes.lines) == 1


def test_one_coloured_picture_makes_all_rgb(tmp_path: Path) -> None:
    picture(tmp_path / "0" / "a.png", 9)
    picture(tmp_path / "0" / "b.png", (1, 2, 3), "RGB")
    found, notes = read(tmp_path)
    assert found.images.shape == (2, 3, 4, 3)
    assert found.images[:, 0, 0].tolist() == [[9, 9, 9], [1, 2, 3]]
    assert "1 of 2 pictures is grey" in notes


def test_grey_pictures_stored_in_colour_are_grey_unless_asked(tmp_path: Path) -> None:
    picture(tmp_path / "0" / "a.png", (8, 8, 8), "RGB")
    found, notes = read(tmp_path)
    assert found.images.shape == (1, 3, 4)
    assert "--colour" in notes
    assert read(tmp_path, conversion=Conversion(colour="rgb"))[0].images.shape == (1, 3, 4, 3)


def test_black_and_white_and_palettes_are_read(tmp_path: Path) -> None:
    picture(tmp_path / "0" / "a.png", 1, "1")
    grey = Image.new("L", (4, 3), 200).convert("P")
    grey.save(tmp_path / "0" / "b.png")
    assert read_folder(tmp_path).images[:, 0, 0].tolist() == [255, 200]
    Image.new("RGB", (4, 3), (255, 0, 0)).quantize(4).save(tmp_path / "0" / "c.png")
    assert read_folder(tmp_path).images[:, 0, 0].tolist() == [[255] * 3, [200] * 3, [255, 0, 0]]


def test_a_link_to_a_folder_above_ends(tmp_path: Path) -> None:
    folder_of(tmp_path, "0/a.png", "1/a.png")
    (tmp_path / "0" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert len(read(tmp_path)[0]) == 2


def test_a_file_that_is_a_device_is_named(tmp_path: Path) -> None:
    folder_of(tmp_path, "0/a.png")
    os.mkfifo(tmp_path / "0" / "b.png")
    with pytest.raises(DataError, match=r"b\.png: .*regular file"):
        read_folder(tmp_path)


def test_numbered_folders_of_splits(tmp_path: Path) -> None:
    """As ImageNet-100 on Kaggle."""
    folder_of(tmp_path, "train.X1/n1/1.png", "train.X2/n2/1.png", "val.X/n1/1.png", "val.X/n2/1.png")
    (images, notes), (held_out, _) = read(tmp_path), read(tmp_path, "test")
    assert images.class_names == held_out.class_names == ("n1", "n2")
    assert (levels(images), levels(held_out)) == ([0, 1], [2, 3])
    assert "the folders train.X1 and train.X2 are read together, as train images" in notes


@pytest.mark.parametrize("names", [("images/a.png", "masks/a.png"), ("train/a.png", "plane/a.png")])
def test_folders_that_are_seldom_classes_are_named(tmp_path: Path, names: tuple[str, str]) -> None:
    assert "are read as classes; move them away if they are not classes" in read(folder_of(tmp_path, *names))[1]


def test_the_folder_of_the_file_on_request_where_sites_hold_the_splits(tmp_path: Path) -> None:
    folder_of(tmp_path, "site1/train/cat/1.png", "site2/test/dog/2.png")
    assert read(tmp_path, labels_from="inner-folder")[0].class_names == ("cat", "dog")


def test_folders_of_two_splits_are_splits_beside_any_other_folder(tmp_path: Path) -> None:
    folder_of(tmp_path, "train/cat.0.png", "train/dog.1.png", "test/cat.9.png", "preview/cat.1.png")
    images, notes = read(tmp_path, labels_from="file-name")
    assert levels(images) == [0, 1]
    assert "ignored 1 picture outside of the folders of splits: preview/cat.1.png" in notes
    assert levels(read(tmp_path, "test", labels_from="file-name")[0]) == [2]


def test_masks_beside_pictures_are_named(tmp_path: Path) -> None:
    folder_of(tmp_path, "a/x (1).png", "a/x (1)_mask.png", "a/x (1)_mask_1.png", "b/y_label.png", "b/y.png", "b/face_mask.png")
    images, notes = read(tmp_path)
    assert len(images) == 6
    assert "3 pictures may be masks of others and are read as images; move them away if they are: a/x (1)_mask.png" in notes
    assert "face_mask" not in notes


def test_pictures_without_classes_are_said_and_the_table_above_is_named(tmp_path: Path) -> None:
    folder_of(tmp_path / "kaggle" / "train", "a.png", "b.png")
    (tmp_path / "kaggle" / "train.csv").write_text("id,label\na,x\nb,y\n")
    _, notes = read(tmp_path / "kaggle" / "train")
    assert "no class folders and no table of labels: the pictures are of one class; if train.csv in the folder above" in notes
    with pytest.raises(DataError, match=r"no class folders"):
        load_image_set(str(tmp_path / "kaggle" / "train"), read=ReadOptions(strict=True))
    assert read(tmp_path / "kaggle")[0].class_names == ("x", "y")


def test_the_folder_of_one_class_is_noticed(tmp_path: Path) -> None:
    folder_of(tmp_path, "a.png", "b.png", "c.png", "old/d.png", "older/e.png")
    assert "if this is the folder of one class, give the folder above it: a.png, b.png, c.png" in read(tmp_path)[1]


def test_strict_allows_what_an_option_asks_for(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "0.png", 120)
    Image.fromarray(np.array([[[9, 9], [200, 255]]] * 3, np.uint8), "LA").resize((4, 3)).save(tmp_path / "a" / "1.png")
    picture(tmp_path / "a" / "old" / "2.png", 200)
    picture(tmp_path / "b" / "3.png", 90)
    for options in ({}, {"background": "black"}, {"labels_from": "outer-folder"}):
        with pytest.raises(DataError, match=r"--strict allows none of these"):
            load_image_set(str(tmp_path), read=ReadOptions.of(DataOptions(strict=True, **options)))  # type: ignore[arg-type]
    both = DataOptions(strict=True, background="black", labels_from="outer-folder")
    assert len(load_image_set(str(tmp_path), read=ReadOptions.of(both))) == 4

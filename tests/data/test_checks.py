"""Checks of images before a training, and the picture of every class."""

from __future__ import annotations

import numpy as np
import pytest

from digitgan.data import ImageSet, class_sheet, undrawn_names, warnings_about
from digitgan.data.image_set import Labels, Pixels

NOISE = np.random.default_rng(0).integers(0, 256, (200, 6, 5), dtype=np.uint8)


def images(labels: list[int], pixels: Pixels = NOISE, names: tuple[str, ...] = ("a", "b")) -> ImageSet:
    found: Labels = np.array(labels, dtype=np.int64)
    return ImageSet(pixels[: len(labels)], found, names, "test")


def test_good_images_give_no_warning() -> None:
    assert warnings_about({"train": images([0, 1] * 60), "test": images([0, 1] * 20, NOISE[150:])}) == []


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (images([0] * 60 + [1] * 3), ["fewer than 50", "b (3)", "uneven"]),
        (images([0] * 100, names=("a", "b")), ["no images of b"]),
        (images([0, 1] * 60, np.concatenate([NOISE[:110]] * 2)), ["10 of 120 images are copies"]),
        (images([0] * 60 + [1] * 60, np.concatenate([NOISE[:60]] * 2)), ["60 images are in several classes"]),
        (images([0, 1] * 60, np.concatenate([NOISE[:119], NOISE[:1] * 0])), ["1 images have one colour"]),
    ],
)
def test_what_makes_a_training_worse_is_named(given: ImageSet, named: list[str]) -> None:
    found = "\n".join(warnings_about({"train": given}))
    assert all(part in found for part in named)


def test_images_in_both_splits_are_counted() -> None:
    found = warnings_about({"train": images([0, 1] * 60), "test": images([0, 1] * 5, NOISE[115:])})
    assert len(found) == 1
    assert found[0].startswith("5 ")


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1), (6, 5, 3), (70, 90, 3), (1, 1), (1, 1, 3)])
def test_the_sheet_shows_images_of_each_class_as_they_are(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (30, *shape), dtype=np.uint8)
    sheet = class_sheet(ImageSet(pixels, np.arange(30, dtype=np.int64) % 3, ("a", "b", "c"), "test"))
    factor = 64 // max(shape[:2]) or 1
    height, width = shape[0] * factor, shape[1] * factor
    left = sheet.shape[1] - 10 * (width + 4)
    for row in range(3):
        for column in range(10):
            top, start = 4 + row * (max(height, 14) + 4), left + column * (width + 4)
            shown = sheet[top : top + height : factor, start : start + width : factor]
            expected = pixels[row + 3 * column]
            np.testing.assert_array_equal(shown, np.broadcast_to(expected.reshape(*shape[:2], -1), shown.shape))


def test_many_classes_and_images_without_labels_fit_on_the_sheet() -> None:
    names = tuple(f"class {number}" for number in range(100))
    many = class_sheet(ImageSet(NOISE[:100], np.arange(100, dtype=np.int64), names, "test"))
    assert many.shape[0] < 40 * 68 + 60
    assert class_sheet(ImageSet(NOISE, np.zeros(200, np.int64), ("image",), "test")).shape[0] == 4 + 5 * (60 + 4) + 4


def test_names_in_any_script_are_drawn_or_numbered() -> None:
    names = ("caf\u00e9", "\u03b1", "\U0010fffe")
    images = ImageSet(NOISE[:3], np.arange(3, dtype=np.int64), names, "test")
    assert undrawn_names(images)["\U0010fffe"] == "class 2"
    named, numbered = (
        class_sheet(ImageSet(NOISE[:3], images.labels, (*names[:2], last), "test")) for last in (names[2], "class 2")
    )
    np.testing.assert_array_equal(named, numbered)


def test_a_single_class_is_named() -> None:
    images = ImageSet(NOISE[:3], np.zeros(3, dtype=np.int64), ("cat",), "test")
    assert class_sheet(images).shape[1] > class_sheet(images.unlabelled()).shape[1]

"""How images are asked for: options of a command, their record, classes, strictness, conversion of arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitgan.data import Conversion, DataRequest, ImageSet, ReadOptions, load_image_set, with_filled_classes
from digitgan.data.progress import silent
from digitgan.errors import DataError, UsageError
from digitgan.evaluation.sources import train_test_split
from digitgan.options import DataOptions

GREY = np.random.default_rng(0).integers(0, 256, (6, 8, 10), dtype=np.uint8)


@pytest.fixture
def source(tmp_path: Path) -> str:
    np.savez(tmp_path / "a.npz", images=GREY, labels=np.arange(6) % 3, class_names=np.array(["cat", "dog, big", "ox"]))
    return str(tmp_path / "a.npz")


def read(source: str, **options: object) -> ImageSet:
    return load_image_set(source, read=ReadOptions.of(DataOptions(**options)))  # type: ignore[arg-type]


def test_images_of_arrays_are_brought_to_a_size(source: str) -> None:
    found = read(source, size="5x4")
    assert found.images.shape == (6, 4, 5)
    expected = np.asarray(Image.fromarray(GREY[0]).resize((5, 4), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(found.images[0], expected)


def test_arrays_are_inverted_and_coloured(source: str) -> None:
    np.testing.assert_array_equal(read(source, invert_colours=True).images, 255 - GREY)
    assert read(source, colour="rgb").images.shape == (6, 8, 10, 3)


def test_padding_has_the_background(source: str) -> None:
    found = read(source, size="10x20", fit="pad", background="#808080").images
    assert (found[:, :6] == 128).all()
    np.testing.assert_array_equal(found[:, 6:14], GREY)


def test_classes_are_selected_by_name_and_renumbered(source: str) -> None:
    found = read(source, classes=["ox", "dog, big"])
    assert found.class_names == ("dog, big", "ox")
    assert found.labels.tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(found.images, GREY[[1, 2, 4, 5]])
    with pytest.raises(DataError, match=r"--classes cats: .*'cat'"):
        read(source, classes=["cats"])


def test_a_note_is_an_error_if_the_user_is_strict(tmp_path: Path, source: str) -> None:
    assert read(source, strict=True, size="4", invert_colours=True).notes
    np.savez(tmp_path / "b.npz", images=GREY / 255, labels=np.arange(6) + 1)
    assert len(read(str(tmp_path / "b.npz")).notes) == 2
    with pytest.raises(DataError) as caught:
        read(str(tmp_path / "b.npz"), strict=True)
    assert all(part in str(caught.value) for part in ("--strict", "0 to 1", "1 to 6"))


def test_notes_are_reported_and_kept(tmp_path: Path) -> None:
    np.savez(tmp_path / "b.npz", images=GREY / 255)
    lines: list[str] = []
    found = load_image_set(str(tmp_path / "b.npz"), notify=lines.append)
    assert [line.partition(": ")[2] for line in lines] == list(found.notes)
    assert found.unlabelled().notes == found.notes


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"size": "64x"}, "--size 64x"),
        ({"size": "0"}, "--size 0x0"),
        ({"size": "5000"}, "--size 5000x5000"),
        ({"size": "-3"}, "--size -3"),
        ({"background": "blue"}, "--background blue"),
        ({"background": "#12345"}, "--background #12345"),
        ({"image_shape": "28"}, "--image-shape 28"),
        ({"image_shape": "1x2x3x4"}, "--image-shape 1x2x3x4"),
        ({"classes": []}, "--classes"),
        ({"classes": ["a", "a"]}, "--classes a,a"),
        ({"fit": "squeeze"}, "fit='squeeze'"),
        ({"labels_from": "folder"}, "labels_from='folder'.*outer-folder"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(options: dict[str, object], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        ReadOptions.of(DataOptions(**options))  # type: ignore[arg-type]


def test_the_record_gives_the_same_options() -> None:
    options = DataOptions(
        size="48x32",
        fit="pad",
        colour="rgb",
        background="#336699",
        invert_colours=True,
        classes=("a", "b, c"),
        labels_from="file-name",
        label_column="kind",
        image_shape="3x32x32",
        skip_damaged=True,
    )
    read = ReadOptions.of(options)
    assert ReadOptions.of_record(json.loads(json.dumps(read.record()))) == read
    assert ReadOptions.of_record({}) == ReadOptions()
    assert ReadOptions.of_record({"conversion": 5, "classes": "x", "labels_from": []}) == ReadOptions()


def test_a_request_repeats_the_recorded_form_for_the_same_source_only(source: str) -> None:
    first = DataRequest(source, read=ReadOptions(Conversion(size=(5, 4), invert_colours=True)))
    record = first.resolved(first.load()).record()
    again = DataRequest.requested((), None, None, record)
    assert again.load().content_hash == first.load().content_hash
    assert DataRequest.requested(("mnist",), None, None, record).read == ReadOptions()
    changed = DataRequest.requested((), None, None, record, ReadOptions(Conversion(size=(3, 3))))
    assert changed.read.conversion.size == (3, 3)
    assert changed.read.conversion.invert_colours


def test_the_test_split_has_the_form_of_the_training_split(tmp_path: Path) -> None:
    grey = np.repeat(GREY[..., None], 3, axis=3)
    np.savez(
        tmp_path / "a.npz", x_train=255 - GREY[..., None] // [1, 2, 3], y_train=np.arange(6), x_test=grey, y_test=np.arange(6)
    )
    request = DataRequest(str(tmp_path / "a.npz"))
    assert request.load("test").images.ndim == 3
    assert request.resolved(request.load()).load("test").images.shape == (6, 8, 10, 3)


def test_classes_without_training_images_are_left_out_of_a_training(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=GREY, labels=np.array([0, 2] * 3), class_names=np.array(["a", "b", "c"]))
    request = DataRequest(str(tmp_path / "a.npz"))
    lines: list[str] = []
    request, images = with_filled_classes(request, request.load(), lines.append)
    assert (images.class_names, images.labels.tolist()) == (("a", "c"), [0, 1] * 3)
    assert "b" in lines[0]
    again = DataRequest.requested((), None, None, request.record())
    assert again.load().content_hash == images.content_hash
    strict = DataRequest(str(tmp_path / "a.npz"), read=ReadOptions(strict=True))
    with pytest.raises(DataError, match="--strict"):
        with_filled_classes(strict, strict.load(), silent)


def test_sets_are_joined_by_the_names_of_their_classes(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=GREY[:2], labels=np.array(["b10", "b9"]))
    np.savez(
        tmp_path / "b.npz", x_train=GREY[2:4], y_train=np.array(["c", "b9"]), x_test=GREY[4:], y_test=np.array(["b9", "c"])
    )
    request = DataRequest.requested((str(tmp_path / "a.npz"), str(tmp_path / "b.npz")), None, None)
    found = request.load()
    np.testing.assert_array_equal(found.images, GREY[:4])
    assert (found.class_names, found.labels.tolist()) == (("b9", "b10", "c"), [1, 0, 2, 0])
    assert request.splits() == ("train", "test")
    assert len(request.load("test")) == 2
    again = DataRequest.requested((), None, None, json.loads(json.dumps(request.resolved(found).record())))
    assert again.load().content_hash == found.content_hash
    some = DataRequest.requested(request_sources(request), None, 1, read=ReadOptions(classes=("b9",)))
    assert some.load().labels.tolist() == [0]


def request_sources(request: DataRequest) -> tuple[str, ...]:
    return (request.source, *request.joined)


def test_sets_of_another_form_are_joined_only_on_request(tmp_path: Path, source: str) -> None:
    np.savez(tmp_path / "b.npz", images=GREY[:, :4], labels=np.zeros(6, np.int64))
    with pytest.raises(DataError, match=r"10x8.*10x4.*--size"):
        DataRequest(source, joined=(str(tmp_path / "b.npz"),)).load()
    found = DataRequest(source, read=ReadOptions(Conversion(size=(4, 4))), joined=(str(tmp_path / "b.npz"),)).load()
    assert found.images.shape == (12, 4, 4)


def test_pictures_are_read_again_in_the_recorded_form_bit_for_bit(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    for number in range(8):
        side = (40 + number, 60 - number)
        small = Image.fromarray(noise.integers(0, 256, (6, 5), dtype=np.uint8)).resize(side)
        path = tmp_path / "ab"[number % 2] / f"{number}.{('png', 'jpg', 'bmp', 'webp')[number % 4]}"
        path.parent.mkdir(exist_ok=True)
        small.convert("RGB").save(path, **({"lossless": True} if path.suffix == ".webp" else {}))
    request = DataRequest(str(tmp_path))
    first = request.load()
    assert len(first.notes) >= 1
    again = DataRequest.requested((), None, None, json.loads(json.dumps(request.resolved(first).record())))
    assert again.load().content_hash == first.content_hash


def test_a_stated_option_replaces_a_recorded_one_also_with_its_default_value() -> None:
    recorded = ReadOptions(Conversion(fit="pad", colour="rgb", background=(1, 2, 3)), labels_from="inner-folder")
    assert ReadOptions.of(DataOptions()).completed(recorded) == recorded
    stated = ReadOptions.of(DataOptions(fit="crop", colour="auto", background="black", labels_from="auto"))
    assert stated.completed(recorded) == ReadOptions()
    assert ReadOptions.of(DataOptions(fit="stretch")).completed(recorded).conversion.fit == "stretch"


def test_joined_test_images_of_some_sources_keep_their_classes(tmp_path: Path) -> None:
    pets = {"x_train": GREY, "y_train": np.arange(6) % 2, "x_test": GREY[:3], "y_test": np.array([1, 0, 1])}
    np.savez(tmp_path / "a.npz", **pets, class_names=np.array(["cat", "dog"]))
    np.savez(tmp_path / "b.npz", images=GREY[:2], labels=np.zeros(2, int), class_names=np.array(["bird"]))
    sources = [str(tmp_path / "a.npz"), str(tmp_path / "b.npz")]
    split = train_test_split(DataRequest.requested(sources, None, None), silent)
    assert split.training.class_names == split.held_out.class_names == ("bird", "cat", "dog")
    assert [split.held_out.class_names[label] for label in split.held_out.labels] == ["dog", "cat", "dog"]
    chosen = ReadOptions(classes=("bird", "dog"))
    split = train_test_split(DataRequest.requested(sources, None, None, read=chosen), silent)
    assert (split.training.class_names, split.held_out.labels.tolist()) == (("bird", "dog"), [1, 1])
    with pytest.raises(DataError, match="no source with a test split has the classes bird"):
        train_test_split(DataRequest.requested(sources, None, None, read=ReadOptions(classes=("bird",))), silent)

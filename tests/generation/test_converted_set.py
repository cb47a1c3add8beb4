"""`digitgan data convert`: each format reads back as the same images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from digitgan.data import Conversion, ImageSet, ReadOptions, load_image_set
from digitgan.images import save_png
from tests.cli.commands import run

OUTPUTS = ("a.npz", "a.parquet", "a.idx", "a")


@pytest.fixture(params=["both splits", "one split"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    noise = np.random.default_rng(0)
    arrays = {"x_train": noise.integers(0, 256, (20, 8, 6), dtype=np.uint8), "y_train": np.arange(20) % 3}
    if request.param == "both splits":
        arrays |= {"x_test": noise.integers(0, 256, (6, 8, 6), dtype=np.uint8), "y_test": np.arange(6) % 3}
    np.savez(tmp_path / "set.npz", **arrays)
    return tmp_path / "set.npz"


def same(found: ImageSet, expected: ImageSet) -> bool:
    """Return whether two sets hold the same images with the same classes, in any order."""

    def content(images: ImageSet) -> list[tuple[str, bytes]]:
        names = [images.class_names[label] for label in images.labels]
        return sorted(zip(names, (image.tobytes() for image in images.images), strict=True))

    return found.shape == expected.shape and found.class_names == expected.class_names and content(found) == content(expected)


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_is_converted_reads_back_without_a_note(source: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out" / name
    out.parent.mkdir()
    assert run("data", "convert", str(source), str(out), "--size=4x5", "--invert-colours", "--quiet") == 0
    splits = ("train", "test") if "x_test" in np.load(source) else ("train",)
    manifest = json.loads((out / "manifest.json" if out.is_dir() else Path(f"{out}.manifest.json")).read_text())
    assert list(manifest["splits"]) == list(splits)
    for split in splits:
        found = load_image_set(str(out), split)  # type: ignore[arg-type]
        assert found.notes == ()
        assert found.images.shape[1:] == (5, 4)
        assert manifest["splits"][split]["images"] == len(found)
        if name != "a":  # class folders change the order
            assert found.content_hash == manifest["splits"][split]["content_hash"]
    assert run("data", "convert", str(source), str(out), "--quiet") == 2
    assert run("data", "convert", str(source), str(out), "--overwrite", "--quiet") == 0
    assert same(load_image_set(str(out)), load_image_set(str(source)))


def test_colour_images_keep_their_colours(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=pixels, labels=np.arange(9) // 3)
    for name in ("a.npz", "a.parquet", "a"):
        assert run("data", "convert", str(tmp_path / "set.npz"), str(tmp_path / name), "--quiet") == 0
        np.testing.assert_array_equal(load_image_set(str(tmp_path / name)).images, pixels)


def test_one_split_on_request(tmp_path: Path) -> None:
    assert run("data", "convert", "digits", str(tmp_path / "a.npz"), "--split=test", "--quiet") == 0
    assert len(load_image_set(str(tmp_path / "a.npz"))) == 297


def test_what_cannot_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "set.npz", images=np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3), labels=[0])
    for arguments, named in (
        ((str(tmp_path / "set.npz"), "a.tfrecord"), ".parquet"),
        ((str(tmp_path / "set.npz"), str(tmp_path / "a.idx")), "grey"),
        ((str(tmp_path / "set.npz"), str(tmp_path / "a.npz"), "--split=test"), "no test split"),
    ):
        assert run("data", "convert", *arguments) == 2
        assert named in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]


def test_idx_keeps_the_class_names_in_its_manifest(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=noise, labels=np.arange(6) % 2, class_names=["cat", "dog", "empty"])
    assert run("data", "convert", str(tmp_path / "set.npz"), str(tmp_path / "out.idx"), "--quiet") == 0
    found = load_image_set(str(tmp_path / "out.idx"))
    assert (found.class_names, found.labels.tolist(), found.notes) == (("cat", "dog", "empty"), [0, 1, 0, 1, 0, 1], ())


def test_an_output_within_its_source_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set" / "a").mkdir(parents=True)
    save_png(tmp_path / "set" / "a" / "1.png", np.full((4, 4), 200, np.uint8))
    assert run("data", "convert", str(tmp_path / "set"), str(tmp_path / "set" / "out"), "--quiet") == 2
    assert "would be read with it the next time" in capsys.readouterr().err
    assert not (tmp_path / "set" / "out").exists()


def test_one_split_in_mnists_format_is_training_data(tmp_path: Path) -> None:
    source, noise = tmp_path / "set.npz", np.random.default_rng(0)
    train, test = noise.integers(0, 256, (2, 6, 8, 6), dtype=np.uint8)
    np.savez(source, x_train=train, y_train=np.arange(6) % 3, x_test=test, y_test=np.arange(6) % 3)
    assert run("data", "convert", str(source), str(tmp_path / "out.idx"), "--split", "test", "--quiet") == 0
    np.testing.assert_array_equal(load_image_set(str(tmp_path / "out.idx")).images, test)


def test_the_manifest_keeps_a_large_size_and_the_colour(tmp_path: Path) -> None:
    source = tmp_path / "set.npz"
    np.savez(source, images=np.random.default_rng(0).integers(0, 256, (4, 9, 9), dtype=np.uint8), labels=np.arange(4) % 2)
    for name in ("a.npz", "a.parquet", "a"):
        out = tmp_path / "out" / name
        out.parent.mkdir(exist_ok=True)
        assert run("data", "convert", str(source), str(out), "--size", "200", "--colour", "rgb", "--quiet") == 0
        found = load_image_set(str(out), read=ReadOptions(strict=True))
        assert (found.shape, found.notes) == ((3, 200, 200), ())
        assert load_image_set(str(out), read=ReadOptions(Conversion(size=(8, 8)))).shape == (3, 8, 8)


def test_colour_images_are_refused_as_idx_by_the_name_of_the_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "set.npz"
    np.savez(source, images=np.random.default_rng(0).integers(0, 256, (4, 9, 9, 3), dtype=np.uint8), labels=np.arange(4) % 2)
    assert run("data", "convert", str(source), str(tmp_path / "out.idx")) == 2
    assert "out.idx: the files of MNIST hold grey images" in capsys.readouterr().err

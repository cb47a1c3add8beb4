"""The cache of converted image sets."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitgan.data import Conversion, ReadOptions, converted_cache, load_image_set
from digitgan.data.readers import folders
from digitgan.errors import DataError


@pytest.fixture
def source(tmp_path: Path, isolated_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of pictures, with a cache that stores everything."""
    monkeypatch.setattr(converted_cache, "MIN_SECONDS", 0.0)
    noise = np.random.default_rng(0)
    for number in range(12):
        path = tmp_path / "pets" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (9, 9, 4), dtype=np.uint8)).save(path)
    return tmp_path / "pets"


def test_a_set_is_converted_once(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_image_set(str(source))
    assert first.notes
    monkeypatch.setattr(folders, "picture_source", None)  # would raise
    again = load_image_set(str(source))
    assert (again.content_hash, again.notes, again.name) == (first.content_hash, first.notes, first.name)
    with pytest.raises(DataError, match="--strict"):
        load_image_set(str(source), read=ReadOptions(strict=True))


def test_other_options_and_splits_are_other_sets(source: Path) -> None:
    load_image_set(str(source))
    assert load_image_set(str(source), read=ReadOptions(Conversion(size=(4, 4)))).images.shape[1:3] == (4, 4)
    with pytest.raises(DataError, match="no test split"):
        load_image_set(str(source), "test")


@pytest.mark.parametrize("change", ["content", "same size and times", "new", "removed", "renamed"])
def test_a_changed_source_is_read_again(source: Path, change: str) -> None:
    before = load_image_set(str(source))
    path = source / "a" / "0.png"
    if change == "content":
        Image.new("RGBA", (9, 9)).save(path)
    elif change == "same size and times":
        state, content = path.stat(), bytearray((source / "a" / "2.png").read_bytes())
        content = content[: state.st_size] + bytes(max(0, state.st_size - len(content)))
        path.write_bytes(content)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    elif change == "new":
        shutil.copy(path, source / "b" / "new.png")
    elif change == "removed":
        path.unlink()
    else:
        path.rename(source / "b" / "0.png")
    assert load_image_set(str(source), read=ReadOptions(skip_damaged=True)).content_hash != before.content_hash


@pytest.mark.parametrize("damage", [b"", b"PK\3\4 no archive"])
def test_a_damaged_entry_is_no_problem(source: Path, isolated_home: Path, damage: bytes) -> None:
    first = load_image_set(str(source))
    entries = list(isolated_home.rglob("converted/*.npz"))
    assert len(entries) == 1
    entries[0].write_bytes(damage)
    assert load_image_set(str(source)).content_hash == first.content_hash


def test_the_oldest_entries_are_removed(source: Path, isolated_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_image_set(str(source))
    (entry,) = isolated_home.rglob("converted/*.npz")
    os.utime(entry, (0, 0))
    monkeypatch.setattr(converted_cache, "MAX_BYTES", 6 * entry.stat().st_size // 5)
    load_image_set(str(source), read=ReadOptions(Conversion(size=(2, 2))))
    assert not entry.exists()
    assert len(list(isolated_home.rglob("converted/*.npz"))) == 1


def test_links_that_lead_back_end(source: Path) -> None:
    (source / "a" / "up").symlink_to(source, target_is_directory=True)
    (source / "self").symlink_to(source, target_is_directory=True)
    assert len(load_image_set(str(source))) == 12


def test_stored_images_are_not_converted_again(source: Path) -> None:
    for path in source.rglob("*.png"):
        Image.fromarray(np.eye(9, dtype=np.uint8)).save(path)
    first, again = load_image_set(str(source)), load_image_set(str(source))
    assert first.images.max() == again.images.max() == 1
    assert again.notes == first.notes

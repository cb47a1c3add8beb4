"""ZIP and TAR archives of pictures: the same images as from folders, and hostile archives."""

from __future__ import annotations

import io
import tarfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitgan.data import Reading, load_image_set, read_folder, splits_of
from digitgan.errors import DataError

KINDS = {"zip": "w", "tar": "w", "tar.gz": "w:gz", "tgz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with both splits, a table of labels, junk and a damaged picture."""
    noise = np.random.default_rng(0)
    root = tmp_path / "pets"
    for split, count in (("train", 6), ("test", 3)):
        rows = ["file_name,label"]
        (root / split).mkdir(parents=True)
        for number in reversed(range(count)):
            pixels = noise.integers(0, 256, (9, 9, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / split / f"{number}.png")
            rows.append(f"{number}.png,{'cat' if number % 2 else 'dog'}")
        (root / split / "metadata.csv").write_text("\n".join(rows))
    (root / "train" / "Thumbs.db").write_bytes(b"junk")
    return root


def pack(path: Path, folder: Path, kind: str) -> Path:
    files = sorted(folder.rglob("*"), reverse=True)
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in files:
                archive.write(file, file.relative_to(folder.parent))
    else:
        with tarfile.open(path, KINDS[kind]) as tar:  # type: ignore[call-overload]
            for file in files:
                tar.add(file, file.relative_to(folder.parent), recursive=False)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_holds_the_same_images_as_its_folder(tmp_path: Path, folder: Path, kind: str) -> None:
    path = pack(tmp_path / f"pets.{kind}", folder, kind)
    before = sorted(tmp_path.rglob("*"))
    assert splits_of(str(path)) == ("train", "test")
    for split in ("train", "test"):
        from_folder, found = read_folder(folder, split), load_image_set(str(path), split)  # type: ignore[arg-type]
        assert found.content_hash == from_folder.content_hash
        assert any("Thumbs.db" in note for note in found.notes)
    assert sorted(tmp_path.rglob("*")) == before, "nothing is unpacked"


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_damaged_pictures_in_an_archive_are_listed(tmp_path: Path, folder: Path, kind: str) -> None:
    (folder / "train" / "1.png").write_bytes(b"text")
    (folder / "train" / "3.png").write_bytes((folder / "train" / "3.png").read_bytes()[:-40])
    path = pack(tmp_path / f"pets.{kind}", folder, kind)
    with pytest.raises(DataError) as caught:
        load_image_set(str(path))
    assert "2 of its pictures" in str(caught.value)
    assert all(f"{path}: pets/train/{name}" in str(caught.value) for name in ("1.png", "3.png"))


@pytest.mark.parametrize("kind", KINDS)
def test_cut_anywhere_it_is_refused(tmp_path: Path, folder: Path, kind: str) -> None:
    path = pack(tmp_path / f"pets.{kind}", folder, kind)
    content = path.read_bytes()
    for length in (0, 5, 100, len(content) // 2):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match="pets"):
            load_image_set(str(path))


def member(tar: tarfile.TarFile, name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type, entry.linkname = len(content), kind, link
    tar.addfile(entry, io.BytesIO(content))


def small_png() -> bytes:
    file = io.BytesIO()
    Image.new("L", (4, 4)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "0/../../a.png", "..\\a.png"])
def test_a_member_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, small_png())
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member(tar, name, small_png())
    for kind in ("zip", "tar"):
        with pytest.raises(DataError, match=rf"a\.{kind}: .*leads out"):
            load_image_set(str(tmp_path / f"a.{kind}"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member(tar, "0/a.png", small_png())
        member(tar, "0/b.png", kind=kind, link="/etc/passwd")
    with pytest.raises(DataError, match=r"a\.tar: .*b\.png.*link"):
        load_image_set(str(tmp_path / "a.tar"))


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        entry = zipfile.ZipInfo("0/a.png")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(DataError, match=r"a\.zip: .*link"):
        load_image_set(str(tmp_path / "a.zip"))


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz"])
def test_a_bomb_is_refused_quickly(tmp_path: Path, kind: str) -> None:
    zeros = bytes(1 << 20)
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("0/a.png", "w", force_zip64=True) as stream,
        ):
            for _ in range(600):
                stream.write(zeros)
    else:

        class Zeros(io.RawIOBase):
            def read(self, size: int = -1) -> bytes:
                return bytes(size)

        entry = tarfile.TarInfo("0/a.png")
        entry.size = 600 << 20
        with tarfile.open(path, KINDS[kind], **({"compresslevel": 1} if kind == "tar.gz" else {"preset": 0})) as tar:  # type: ignore[call-overload]
            tar.addfile(entry, Zeros())  # type: ignore[arg-type]
    started = time.process_time()
    with pytest.raises(DataError, match=r"a\..*(times its size|cannot be used)"):
        load_image_set(str(path))
    assert time.process_time() - started < 5


def test_an_encrypted_zip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0/a.png", small_png())
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag of the local header, and of the directory
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.zip: .*encrypted"):
        load_image_set(str(path))


def test_an_archive_in_an_archive_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inner/b.tar.gz", b"x")
    with pytest.raises(DataError, match=r"a\.zip: .*b\.tar\.gz"):
        load_image_set(str(tmp_path / "a.zip"))


@pytest.mark.parametrize("ending", [".7z", ".rar"])
def test_other_archives_are_named_with_the_remedy(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a{ending}").write_bytes(b"7z\xbc\xaf")
    with pytest.raises(DataError, match=rf"a\{ending}: .*ZIP or TAR"):
        load_image_set(str(tmp_path / f"a{ending}"))


def test_an_archive_that_changes_while_it_is_read_is_named(tmp_path: Path, folder: Path) -> None:
    from digitgan.data.readers.archives import TarTree
    from digitgan.data.readers.picture_layout import picture_source

    path = pack(tmp_path / "pets.tar", folder, "tar")
    source = picture_source(TarTree(path), Reading())
    assert source is not None
    with tarfile.open(path, "w") as tar:
        member(tar, "pets/train/0.png", small_png())
    with pytest.raises(DataError, match="changed"):
        source.load("train")


@pytest.mark.parametrize(("codec", "name"), [("utf-8", "\u732b"), ("cp866", "\u043a\u043e\u0442")])
def test_names_without_the_mark_of_utf_8(tmp_path: Path, codec: str, name: str) -> None:
    """macOS leaves the mark out, and older programs of Windows write the code page of their language."""
    placeholder = "N" * len(name.encode(codec))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(2):
            picture = io.BytesIO()
            Image.new("L", (4, 4), 200).save(picture, "PNG")
            archive.writestr(f"{placeholder}/{number}.png", picture.getvalue())
    content = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(content.replace(placeholder.encode(), name.encode(codec)))
    found = load_image_set(str(tmp_path / "a.zip"))
    assert (found.class_names == (name,)) is (codec == "utf-8")
    assert any("names in the archive are not in UTF-8 and may look wrong" in note for note in found.notes) is (codec != "utf-8")


def test_many_tables_in_an_archive_need_one_pass(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for number in range(3000):
            entry = tarfile.TarInfo(f"notes/{number}.json")
            entry.size = 2
            archive.addfile(entry, io.BytesIO(b"[]"))
        picture = io.BytesIO()
        Image.new("L", (4, 4), 200).save(picture, "PNG")
        entry = tarfile.TarInfo("a/1.png")
        entry.size = len(picture.getvalue())
        archive.addfile(entry, io.BytesIO(picture.getvalue()))
    started = time.process_time()
    assert len(load_image_set(str(tmp_path / "a.tar.gz"))) == 1
    assert time.process_time() - started < 10  # a pass for each file takes minutes


def test_the_last_of_several_members_of_one_name_counts(tmp_path: Path) -> None:
    def png(value: int) -> bytes:
        file = io.BytesIO()
        Image.new("L", (4, 3), value).save(file, "PNG")
        return file.getvalue()

    members = [("a/1.png", png(1)), ("b/2.png", png(2)), ("a/1.png", png(9))]
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, warnings.catch_warnings(action="ignore"):
        for name, content in members:
            archive.writestr(name, content)
    for name in ("a.tar", "a.zip"):
        assert load_image_set(str(tmp_path / name)).images[:, 0, 0].tolist() == [9, 2]


def test_a_name_with_a_colon_is_a_name_and_a_drive_is_not(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("L", (4, 3), 7).save(file, "PNG")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("12:30.png", file.getvalue())
    assert len(load_image_set(str(tmp_path / "a.zip"))) == 1
    for name in ("C:/a/1.png", "c:1.png"):
        with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
            archive.writestr(name, file.getvalue())
        with pytest.raises(DataError, match="leads out of the archive"):
            load_image_set(str(tmp_path / "b.zip"))

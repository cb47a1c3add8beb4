from __future__ import annotations

import gzip
import lzma
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import archives
import numpy as np
import pytest
from PIL import Image
from serving import Answer, Handler, Serve

from digitgan.data import Dataset, ImageSet, ReadOptions, data_folder, load_image_set, load_splits, split_facts
from digitgan.data.data_request import DataRequest
from digitgan.data.named.datasets import PACKAGED
from digitgan.errors import DataError, DownloadError, UsageError
from tests.cli.commands import run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests from reading and writing the user's folders."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("DIGITGAN_DATA", raising=False)


@pytest.fixture
def catalogue(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that replaces the table of data sets by the small one with the given mirrors."""

    def put(*mirrors: str) -> None:
        use_table(monkeypatch, replace(small, mirrors=mirrors))

    return put


def use_table(monkeypatch: pytest.MonkeyPatch, *datasets: Dataset) -> None:
    """Replace the table of data sets."""
    table = MappingProxyType({dataset.name: dataset for dataset in datasets})
    monkeypatch.setattr("digitgan.data.sources.DATASETS", table)


def fill(folder: Path, contents: dict[str, bytes], part: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, content in contents.items():
        if stem.startswith(part):
            (folder / f"{stem}.gz").write_bytes(gzip.compress(content))
    return folder


def pictures(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 3), 7).save(folder / name)


def facts_of(source: str, data_dir: Path | None = None, per_class_limit: int | None = None) -> dict[str, Any]:
    return {split: split_facts(images) for split, images in load_splits(source, data_dir, per_class_limit).items()}


def test_an_unknown_source_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'mnits': no such file.*did you mean 'mnist'\?.*NPZ.*Parquet"):
        load_image_set("mnits")
    for source in ("", "a\0b", "none"):
        with pytest.raises(DataError, match=r"data source .*known: mnist, .*, digits"):
            load_image_set(source)


def test_what_is_no_data_source_is_refused_with_the_remedy(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "a.h5").write_bytes(b"")
    (tmp_path / "a.docx").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    reasons = {
        str(tmp_path / "none"): "none: does not exist; correct the path",
        "none.npz": "none.npz: does not exist",
        str(tmp_path / "a.png"): f"is a single picture; name its folder, {tmp_path}",
        str(tmp_path / "a.h5"): "is an HDF5 file, which is not read; save its arrays",
        str(tmp_path / "a.docx"): "is of a kind that is not read; a data source is ",
        str(tmp_path / "empty"): "empty: is empty",
    }
    for source, reason in reasons.items():
        with pytest.raises(DataError, match=re.escape(reason)):
            load_image_set(source)


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(UsageError, match="'valid'"):
        load_image_set("digits", "valid")  # type: ignore[arg-type]


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"notes.txt: .*NPZ"):
        load_image_set(str(tmp_path / "notes.txt"))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=tmp_path.name):
        load_image_set(str(tmp_path))


def test_digits_need_nothing() -> None:
    assert load_image_set("digits", "test").name == "digits (test)"


def test_an_npz_file_is_all_for_training(tmp_path: Path) -> None:
    path = tmp_path / "set.NPZ"
    with path.open("wb") as file:
        np.savez(file, images=np.zeros((2, 3, 4), np.uint8), labels=np.array([0, 1]))
    assert load_image_set(str(path)).name == "set.NPZ"
    with pytest.raises(DataError, match=r"set.NPZ: .*test.*train"):
        load_image_set(str(path), "test")


def test_an_npz_file_as_keras_keeps_it_has_both_parts(tmp_path: Path) -> None:
    path = tmp_path / "mnist.npz"
    images = np.arange(120, dtype=np.uint8).reshape(5, 4, 6)
    np.savez(
        path, x_train=images[:3], y_train=np.array([0, 2, 1], np.uint8), x_test=images[3:], y_test=np.array([1, 0], np.uint8)
    )
    train, test = load_image_set(str(path)), load_image_set(str(path), "test")
    np.testing.assert_array_equal(train.images, images[:3])
    np.testing.assert_array_equal(test.images, images[3:])
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 2, 1], [1, 0])
    np.savez(tmp_path / "half.npz", x_train=images, y_train=np.zeros(5, np.uint8))
    assert len(load_image_set(str(tmp_path / "half.npz"))) == 5
    with pytest.raises(DataError, match=r"half.npz: .*test"):
        load_image_set(str(tmp_path / "half.npz"), "test")


def test_an_idx_folder_is_read_and_its_missing_files_are_named(tmp_path: Path, contents: dict[str, bytes]) -> None:
    folder = fill(tmp_path / "kana", contents, "train")
    assert load_image_set(str(folder)).name == "kana (train)"
    with pytest.raises(DataError, match=r"kana: .*test.*t10k-images-idx3-ubyte.*t10k-labels-idx1-ubyte"):
        load_image_set(str(folder), "test")
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"kana: .*train .*train-images-idx3-ubyte.gz has no file of labels"):
        load_image_set(str(folder))


def test_class_folders_are_all_for_training(tmp_path: Path) -> None:
    pictures(tmp_path, "a/1.png", "b/1.png")
    assert load_image_set(str(tmp_path)).class_names == ("a", "b")
    with pytest.raises(DataError, match=f"{tmp_path.name}: .*test.*train"):
        load_image_set(str(tmp_path), "test")


def test_train_and_test_folders_share_their_classes(tmp_path: Path) -> None:
    pets = tmp_path / "pets"
    pictures(pets, "train/10/1.png", "train/9/1.png", "test/10/1.png")
    train, test = load_image_set(str(pets)), load_image_set(str(pets), "test")
    assert train.class_names == test.class_names == ("9", "10")
    assert test.labels.tolist() == [1]
    assert (train.name, test.name) == ("pets (train)", "pets (test)")


def test_a_folder_with_one_part_has_no_other(tmp_path: Path) -> None:
    pictures(tmp_path, "train/a/1.png")
    with pytest.raises(DataError, match=f"{tmp_path.name}: .*test.*train"):
        load_image_set(str(tmp_path), "test")


def test_where_downloads_are_kept(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert data_folder() == home / ".cache" / "digitgan"
    assert data_folder(environment={"XDG_CACHE_HOME": "/x", "DIGITGAN_DATA": ""}) == Path("/x/digitgan")
    assert data_folder(environment={"XDG_CACHE_HOME": "/x", "DIGITGAN_DATA": "~/y"}) == home / "y"
    assert data_folder(Path("z"), {"DIGITGAN_DATA": "/y"}) == Path("z")


@pytest.mark.parametrize("inner", ["", "small"])
def test_files_that_are_there_are_used(
    tmp_path: Path, contents: dict[str, bytes], catalogue: Callable[..., None], inner: str
) -> None:
    catalogue()
    fill(tmp_path / "data" / inner, contents)
    image_set = load_image_set("small", "test", tmp_path / "data")
    assert image_set.name == "small (test)"
    assert image_set.class_names == ("zero", "one", "two")


def test_what_is_missing_is_fetched_once(
    tmp_path: Path, catalogue: Callable[..., None], serve: Serve, correct: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = serve(correct)
    catalogue(mirror.address)
    monkeypatch.setenv("DIGITGAN_DATA", str(tmp_path / "data"))
    lines: list[str] = []
    for _ in range(2):
        assert len(load_image_set("small", notify=lines.append)) == 12
    assert len(mirror.asked) == 4
    assert len(lines) == 5
    assert len(list((tmp_path / "data" / "small").iterdir())) == 4


def test_nothing_is_fetched_where_that_is_not_allowed(
    tmp_path: Path, catalogue: Callable[..., None], serve: Serve, correct: Answer
) -> None:
    mirror = serve(correct)
    catalogue(mirror.address)
    for attempt in (lambda: load_image_set("small", allow_download=False), lambda: load_splits("small")):
        with pytest.raises(DataError, match=r"small .*digitgan.*--data-dir.*--data mnist"):
            attempt()
    assert not mirror.asked
    assert not (tmp_path / "home").exists()


def test_a_failed_download_leaves_the_error_of_the_mirrors(tmp_path: Path, catalogue: Callable[..., None]) -> None:
    catalogue("http://127.0.0.1:9/")
    with pytest.raises(DownloadError, match="refused"):
        load_image_set("small", data_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_data_folder_that_cannot_be_written_to_is_named(tmp_path: Path, catalogue: Callable[..., None]) -> None:
    catalogue("http://127.0.0.1:9/")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/small: .*--data-dir"):
        load_image_set("small", data_dir=tmp_path / "file")


def test_other_data_under_the_same_names_is_not_taken_for_the_set(
    tmp_path: Path, contents: dict[str, bytes], catalogue: Callable[..., None]
) -> None:
    catalogue()
    changed = dict(contents)
    changed["train-labels-idx1-ubyte"] = changed["train-labels-idx1-ubyte"][:-1] + b"\x00"
    fill(tmp_path, changed)
    for attempt in (lambda: load_image_set("small", data_dir=tmp_path), lambda: load_splits("small", tmp_path)):
        with pytest.raises(DataError, match=r"train-labels-idx1-ubyte.gz: .*small.*SHA-256"):
            attempt()
    assert len(load_image_set(str(tmp_path))) == 12  # the same files load as a folder of IDX files


def test_verify_tells_what_is_there(tmp_path: Path, contents: dict[str, bytes], catalogue: Callable[..., None]) -> None:
    catalogue()
    fill(tmp_path, contents, "t10k")
    facts = facts_of("small", tmp_path)
    assert list(facts) == ["test"]
    assert facts["test"]["images"] == 5
    assert facts["test"]["shape"] == (1, 4, 3)
    assert facts["test"]["counts"] == {"zero": 2, "one": 2, "two": 1}
    assert facts["test"]["content_hash"] == load_image_set("small", "test", tmp_path).content_hash
    assert list(load_splits("digits")) == ["train", "test"]


def test_verify_names_what_is_damaged(tmp_path: Path, contents: dict[str, bytes]) -> None:
    path = fill(tmp_path, contents) / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte.gz: .*gzip"):
        load_splits(str(tmp_path))


def test_mnist_is_part_of_the_package(tmp_path: Path) -> None:
    facts = facts_of("mnist", tmp_path / "no such folder")
    assert {split: each["images"] for split, each in facts.items()} == {"train": 60_000, "test": 10_000}
    assert facts["train"]["shape"] == (1, 28, 28)
    assert list(facts["test"]["counts"].values()) == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x55
    path.write_bytes(content)


def exchange(path: Path) -> None:
    path.write_bytes(lzma.compress(lzma.decompress(path.read_bytes())[:-1] + b"\x09"))


@pytest.mark.parametrize("damage", [cut, flip, exchange, Path.unlink])
def test_a_damaged_file_of_the_package_is_named_with_the_cure(
    damage: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PACKAGED, tmp_path / "packaged")
    monkeypatch.setattr("digitgan.data.named.loading.PACKAGED", tmp_path / "packaged")
    damage(tmp_path / "packaged" / "mnist" / "t10k-labels-idx1-ubyte.xz")
    with pytest.raises(DataError, match=r"(?s)t10k-labels-idx1-ubyte.*install digitgan again"):
        load_image_set("mnist", "test")
    assert len(load_image_set("mnist", per_class_limit=1)) == 10  # the other split is intact


def test_a_limit_keeps_the_first_training_images_of_each_class(grey: ImageSet, tmp_path: Path) -> None:
    path = tmp_path / "ten.npz"
    np.savez(path, images=grey.images, labels=grey.labels, class_names=grey.class_names)
    kept = load_image_set(str(path), per_class_limit=2)
    assert kept.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert kept.images[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert kept.content_hash == ImageSet(grey.images[:6], grey.labels[:6], grey.class_names, "other").content_hash
    assert facts_of(str(path), per_class_limit=3)["train"]["counts"] == {"a": 3, "b": 3, "c": 3}


def test_a_limit_does_not_apply_to_test_images() -> None:
    assert len(load_image_set("digits", "test", per_class_limit=1)) == 297


@pytest.mark.parametrize(
    ("limit", "error", "names"),
    [(4, DataError, r"'b'.*3.*--per-class-limit 4.*3"), (0, UsageError, "--per-class-limit 0"), (-1, UsageError, "-1")],
)
def test_a_limit_above_what_there_is_names_the_class(
    grey: ImageSet, tmp_path: Path, limit: int, error: type[Exception], names: str
) -> None:
    path = tmp_path / "ten.npz"
    np.savez(path, images=grey.images, labels=grey.labels, class_names=grey.class_names)
    with pytest.raises(error, match=names):
        load_image_set(str(path), per_class_limit=limit)


def test_a_class_without_images_has_no_limit(grey: ImageSet, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'d'.*--per-class-limit 1"):
        ImageSet(grey.images, grey.labels, ("a", "b", "c", "d"), "ten").limited(1)


def answer_with(content: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def test_parts_of_an_archive_share_one_download(tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    content = archives.zipped(archives.emnist_members() | archives.emnist_members("balanced", 0))
    mirror = serve(answer_with(content))
    use_table(monkeypatch, *(archives.emnist(content, mirror.address, part=part) for part in ("letters", "balanced")))
    for part in ("letters", "balanced"):
        for split, count in (("train", 6), ("test", 3)):
            assert len(load_image_set(f"emnist-{part}", split, tmp_path)) == count  # type: ignore[arg-type]
    assert mirror.asked == ["/gzip.zip"]
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()] == ["emnist/gzip.zip"]


def test_a_damaged_download_is_named_with_the_cure(tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    content = archives.tarred(archives.cifar_members())
    mirror = serve(answer_with(content))
    use_table(monkeypatch, archives.cifar(content, mirror.address))
    assert load_image_set("cifar10", "test", tmp_path).class_names == ("airplane", "automobile")
    assert facts_of("cifar10", tmp_path)["train"]["counts"] == {"airplane": 3, "automobile": 3}
    path = tmp_path / "cifar10" / "cifar-10-binary.tar.gz"
    flip(path)
    for attempt in (lambda: load_image_set("cifar10", data_dir=tmp_path), lambda: load_splits("cifar10", tmp_path)):
        with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz: .*cifar10.*MD5.*Remove"):
            attempt()
    path.unlink()
    assert len(load_image_set("cifar10", data_dir=tmp_path)) == 6
    assert len(mirror.asked) == 2


def test_the_command_line_downloads_and_reports(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    content = archives.tarred(archives.cifar_members())
    mirror = serve(answer_with(content))
    use_table(monkeypatch, archives.cifar(content, mirror.address))
    where = ("--data-dir", str(tmp_path / "data"))
    assert run("data", "verify", "cifar10", *where) == 2
    assert "data verify cifar10 --download" in capfd.readouterr().err
    assert run("data", "verify", "cifar10", "--download", *where) == 0
    captured = capfd.readouterr()
    assert "automobile" in captured.out
    progress = captured.err.replace("\n", "")
    assert all(part in progress for part in ("cifar10: ", "made for tests", mirror.address))
    assert run("data", "show", "cifar10", "--out", str(tmp_path / "first.png"), "--quiet", *where) == 0
    assert len(mirror.asked) == 1
    assert run("data", "show", "cifar10", "--out", str(tmp_path / "second.png"), "--data-dir", str(tmp_path / "other")) == 0
    assert len(mirror.asked) == 2


def test_a_source_without_a_whole_split_says_what_is_missing(tmp_path: Path, contents: dict[str, bytes]) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(contents["train-images-idx3-ubyte"])
    with pytest.raises(DataError, match="has no file of labels"):
        load_splits(str(tmp_path))


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("mnist", {"label_column": "x"}),
        ("digits", {"labels_from": "file-name"}),
        ("a.npz", {"labels_from": "table"}),
        ("pictures", {"image_shape": (4, 3)}),
    ],
)
def test_an_option_without_effect_is_refused(tmp_path: Path, source: str, options: dict[str, Any]) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 4, 3), np.uint8), labels=[0, 1])
    (tmp_path / "pictures" / "a").mkdir(parents=True)
    Image.new("L", (4, 3)).save(tmp_path / "pictures" / "a" / "1.png")
    path = source if source in ("mnist", "digits") else str(tmp_path / source)
    (option,) = options
    with pytest.raises(UsageError, match=f"--{option.replace('_', '-')} has no effect on .*{source}"):
        load_image_set(path, read=ReadOptions(**options))


def test_a_source_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(UsageError, match="is named twice"):
        DataRequest.requested([str(tmp_path / "a"), str(tmp_path / "b" / ".." / "a")], None, None)


def test_names_of_one_class_are_one_class(tmp_path: Path) -> None:
    names = np.array(["caf\u00e9", "cafe\u0301", "tea ", "tea", "Tea"])
    np.savez(tmp_path / "a.npz", images=np.full((5, 4, 3), 200, np.uint8), labels=names)
    found = load_image_set(str(tmp_path / "a.npz"))
    assert found.class_names == ("Tea", "caf\u00e9", "tea")
    assert found.labels.tolist() == [1, 1, 2, 2, 0]
    assert any("classes differ in upper and lower case only: Tea and tea" in note for note in found.notes)
    assert any("'tea '" in note and "one class" in note for note in found.notes)


def test_a_name_for_each_image_is_questioned(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.full((30, 4, 3), 200, np.uint8), labels=[f"A sentence, {n}" for n in range(30)])
    notes = load_image_set(str(tmp_path / "a.npz")).notes
    assert any("30 images have 30 different labels, such as A sentence, 0; are these classes?" in note for note in notes)


def test_nearly_black_images_are_said(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 17, (5, 4, 3), dtype=np.uint8)
    images[0, 0, 0] = 16
    np.savez(tmp_path / "a.npz", images=images, labels=range(5))
    assert any("the highest value of all images is 16 of 255" in note for note in load_image_set(str(tmp_path / "a.npz")).notes)


def test_class_names_of_several_lines_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.full((2, 4, 3), 200, np.uint8), labels=["a\nb", "c"])
    with pytest.raises(DataError, match="one line of valid Unicode"):
        load_image_set(str(tmp_path / "a.npz"))


def test_the_folder_of_an_unknown_user_is_no_crash() -> None:
    with pytest.raises(DataError, match="does not exist"):
        load_image_set("~nobody-of-this-name/pictures")


def test_a_folder_with_an_archive_names_it(tmp_path: Path) -> None:
    (tmp_path / "train.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"holds no images that are read, but train\.zip; name that file"):
        load_image_set(str(tmp_path))


def test_all_unknown_classes_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.full((2, 4, 3), 200, np.uint8), labels=["cat", "dog"])
    with pytest.raises(DataError, match=r"--classes cats: did you mean 'cat'.*; dogs: did you mean 'dog'"):
        load_image_set(str(tmp_path / "a.npz"), read=ReadOptions(classes=("cats", "dogs")))


def test_infinite_labels_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.full((2, 4, 3), 200, np.uint8), labels=[1.0, np.inf])
    with pytest.raises(DataError, match="label inf is not an integer"):
        load_image_set(str(tmp_path / "a.npz"))


def test_a_misspelt_path_is_answered_with_the_one_that_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "My Photos.zip").write_bytes(b"")
    (tmp_path / "kaggle").mkdir()
    monkeypatch.chdir(tmp_path)
    for wrong, right in (("My Photos", "My Photos.zip"), ("Kaggle", "kaggle"), ("./kagle", "kaggle")):
        with pytest.raises(DataError, match=rf"did you mean '{re.escape(right)}'"):
            load_image_set(wrong)

"""The model: generated images, and model files that are intact, damaged, foreign or of another version."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from digitgan.errors import ModelFileError, OutputError, UsageError
from digitgan.files import file_hash
from digitgan.model.batching import BLOCK
from digitgan.model.file import Model, load_model, save_model
from digitgan.recipes import with_settings

LABELS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]


@pytest.fixture
def model_file(tmp_path: Path, small_model: Model) -> Path:
    path = tmp_path / "model.safetensors"
    save_model(path, small_model)
    return path


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory, small_model: Model) -> bytes:
    """Return the bytes of a model file."""
    path = tmp_path_factory.mktemp("content") / "model.safetensors"
    save_model(path, small_model)
    return path.read_bytes()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path for altered files."""
    return tmp_path_factory.mktemp("scratch") / "altered.safetensors"


def test_half_precision_halves_the_file_and_rounds_kernels_only(tmp_path: Path, small_model: Model) -> None:
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    save_model(whole, small_model)
    save_model(half, small_model, half=True)
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    before, after = small_model.generator.state_dict(), load_model(half).generator.state_dict()
    for name, tensor in before.items():
        assert after[name].dtype == tensor.dtype
        assert torch.equal(after[name], tensor.half().to(tensor.dtype) if tensor.ndim > 1 else tensor), name
    again = tmp_path / "again.safetensors"
    save_model(again, load_model(half), half=True)
    assert all(torch.equal(after[name], tensor) for name, tensor in load_model(again).generator.state_dict().items())
    pictures = load_model(half).sample(LABELS, seed=1).astype(int)
    assert np.abs(pictures - small_model.sample(LABELS, seed=1)).max() <= 2


# --- sampling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("channels", "shape"), [(1, (10, 28, 28)), (3, (10, 28, 28, 3))], ids=["grey", "RGB"])
def test_images_are_bytes_with_channels_last(new_model: Callable[..., Model], channels: int, shape: tuple[int, ...]) -> None:
    images = new_model(channels=channels).sample(LABELS)
    assert images.shape == shape
    assert images.dtype == np.uint8


def test_the_same_seed_draws_the_same_and_another_seed_does_not(small_model: Model) -> None:
    np.testing.assert_array_equal(small_model.sample(LABELS, seed=7), small_model.sample(LABELS, seed=7))
    assert (small_model.sample(LABELS, seed=7) != small_model.sample(LABELS, seed=8)).any(axis=(1, 2)).all()


def test_images_of_one_label_differ_from_each_other(small_model: Model) -> None:
    assert len({image.tobytes() for image in small_model.sample([7] * 100)}) == 100


def test_another_label_draws_another_image_of_the_same_latent(small_model: Model) -> None:
    assert len({small_model.sample([label], seed=1).tobytes() for label in range(10)}) == 10


@settings(max_examples=20)
@given(
    labels=st.lists(st.integers(0, 9), min_size=2, max_size=2 * BLOCK + 3),
    start=st.integers(0, 10**9),
    seed=st.integers(0, 2**63 - 1),
    data=st.data(),
)
def test_any_split_draws_the_same_images(
    touchy_model: Model, labels: list[int], start: int, seed: int, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(labels) - 1))
    whole = touchy_model.sample(labels, seed, start)
    front, back = touchy_model.sample(labels[:cut], seed, start), touchy_model.sample(labels[cut:], seed, start + cut)
    np.testing.assert_array_equal(np.concatenate([front, back]), whole)


@settings(max_examples=20)
@given(
    before=st.lists(st.integers(0, 9), max_size=BLOCK + 3),
    after=st.lists(st.integers(0, 9), max_size=BLOCK + 3),
    label=st.integers(0, 9),
)
def test_an_image_does_not_depend_on_its_neighbours(
    touchy_model: Model, before: list[int], after: list[int], label: int
) -> None:
    place = len(before)
    alone = touchy_model.sample([label], seed=5, start=place)
    in_company = touchy_model.sample([*before, label, *after], seed=5)
    np.testing.assert_array_equal(in_company[place], alone[0])


def test_the_number_of_blocks_follows_from_the_number_of_images(small_model: Model) -> None:
    labels = np.arange(2 * BLOCK + 5) % 10
    blocks = list(small_model.sample_blocks(labels, seed=2))
    assert [len(block) for block in blocks] == [BLOCK, BLOCK, 5]
    np.testing.assert_array_equal(np.concatenate(blocks), small_model.sample(labels, seed=2))


def test_a_million_images_are_drawn_as_they_are_taken(small_model: Model) -> None:
    blocks = small_model.sample_blocks(np.full(1_000_000, 7), seed=0)
    np.testing.assert_array_equal(next(blocks), small_model.sample([7] * BLOCK, seed=0))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "labels"),
        ([[1, 2]], "labels"),
        ([10], "label 10: .*0 to 9"),
        ([0, 3, 99], "label 99:"),
        ([0, -1], "label -1:"),
        ([1.5], "labels: .*float64"),
        (["7"], "labels: .*<U1"),
    ],
)
def test_labels_that_cannot_be_drawn_are_refused(small_model: Model, labels: list[int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        small_model.sample(labels)


def test_a_model_of_one_class_names_its_only_label(new_model: Callable[..., Model]) -> None:
    with pytest.raises(UsageError, match="label 3: ") as caught:
        new_model(class_names=("images",)).sample([3])
    assert "0 to 0" not in str(caught.value)


def test_a_start_before_the_first_image_is_refused(small_model: Model) -> None:
    with pytest.raises(UsageError, match="start -1"):
        small_model.sample([1], start=-1)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5])
def test_a_seed_that_the_command_line_refuses_is_refused(small_model: Model, seed: Any) -> None:
    with pytest.raises(UsageError, match=f"seed {seed}"):
        small_model.sample([1], seed=seed)


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "RGB"])
def test_a_saved_model_draws_the_same_bytes(tmp_path: Path, new_model: Callable[..., Model], channels: int) -> None:
    model = new_model(channels=channels)
    with torch.no_grad():  # change the running statistics, as training does
        model.generator.train()(torch.randn(64, 8), torch.arange(64) % 10)
    model.generator.eval()
    save_model(tmp_path / "model.safetensors", model)
    loaded = load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.sample(LABELS * 10, seed=3), model.sample(LABELS * 10, seed=3))


def test_a_saved_model_keeps_its_recipe_class_names_and_card(tmp_path: Path, new_model: Callable[..., Model]) -> None:
    model = new_model(("zero", 'a "quoted"\nname', "Ω"))
    model.card["data"] = {"name": "ümläut", "shape": [1, 28, 28], "seconds": 1.5}
    save_model(tmp_path / "model.safetensors", model)
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.recipe == model.recipe
    assert loaded.class_names == model.class_names
    assert loaded.card == model.card
    assert not loaded.generator.training


def test_a_model_saved_again_has_the_same_digest(tmp_path: Path, model_file: Path) -> None:
    save_model(tmp_path / "again", load_model(model_file))
    digests = []
    for path in (model_file, tmp_path / "again"):
        with safe_open(path, framework="pt") as file:
            digests.append(file.metadata()["digest"])
    assert digests[0] == digests[1]


def test_the_hash_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # the example of FIPS 180-2
    assert file_hash(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, small_model: Model) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file/model\.safetensors: "):
        save_model(tmp_path / "file" / "model.safetensors", small_model)


def test_saving_replaces_a_model_only_as_a_whole(model_file: Path, small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file_hash(model_file)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        save_model(model_file, dataclasses.replace(small_model, card={}))
    assert file_hash(model_file) == before
    assert list(model_file.parent.iterdir()) == [model_file]


@settings(max_examples=30)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(content: bytes, scratch: Path, share: float) -> None:
    scratch.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelFileError, match=r"altered\.safetensors: .*safetensors"):
        load_model(scratch)


@settings(max_examples=100)
@given(place=st.floats(0, 1, exclude_max=True), header=st.booleans(), change=st.integers(1, 255))
def test_a_file_with_any_byte_altered_is_refused_or_draws_the_same(
    content: bytes, scratch: Path, small_model: Model, place: float, header: bool, change: int
) -> None:
    """Only the padding of the header can be altered without detection.

    Half of the examples alter the header, the others any byte.
    """
    altered = bytearray(content)
    end = 8 + int.from_bytes(content[:8], "little") if header else len(content)
    altered[int(place * end)] ^= change
    scratch.write_bytes(altered)
    model = small_model
    with contextlib.suppress(ModelFileError):
        model = load_model(scratch)
    np.testing.assert_array_equal(model.sample(LABELS), small_model.sample(LABELS))
    assert (model.recipe, model.class_names, model.card) == (small_model.recipe, small_model.class_names, small_model.card)


def test_an_altered_weight_is_refused(model_file: Path) -> None:
    content = bytearray(model_file.read_bytes())
    content[-1] ^= 1
    model_file.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.safetensors: .* SHA-256"):
        load_model(model_file)


@pytest.mark.parametrize(
    ("before", "after"),
    [(b'\\"images_seen\\": 0', b'\\"images_seen\\": 9'), (b"images = 160", b"images = 960"), (b'\\"7\\"', b'\\"1\\"')],
    ids=["card", "recipe", "class name"],
)
def test_an_altered_header_is_refused(model_file: Path, before: bytes, after: bytes) -> None:
    content = model_file.read_bytes()
    assert content.count(before) == 1
    model_file.write_bytes(content.replace(before, after))
    with pytest.raises(ModelFileError, match=r"model\.safetensors: .* SHA-256"):
        load_model(model_file)


@pytest.mark.parametrize(
    "foreign",
    [b"", b"This is a text file.\n" * 100, bytes(1000), b"\xff" * 1000, b"PK\x03\x04" + bytes(100)],
    ids=["empty", "text", "zeros", "ones", "zip"],
)
def test_another_format_is_refused(tmp_path: Path, foreign: bytes) -> None:
    path = tmp_path / "foreign.bin"
    path.write_bytes(foreign)
    with pytest.raises(ModelFileError, match=r"foreign\.bin: .*safetensors"):
        load_model(path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"format": "digitgan-judge"}])
def test_a_foreign_safetensors_file_is_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "foreign.safetensors", metadata=metadata)
    with pytest.raises(ModelFileError, match=r"foreign\.safetensors: .*digitgan train"):
        load_model(tmp_path / "foreign.safetensors")


def test_a_folder_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="Is a directory"):
        load_model(tmp_path)
    with pytest.raises(ModelFileError, match=r"none\.safetensors: .*No such file"):
        load_model(tmp_path / "none.safetensors")


def test_a_model_of_a_newer_version_asks_for_an_upgrade(
    tmp_path: Path, small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "newer.safetensors"
    with monkeypatch.context() as future:
        future.setattr("digitgan.model.file.MODEL_FORMAT_VERSION", 2)
        save_model(path, small_model)
        load_model(path)
    with pytest.raises(ModelFileError, match=r"newer\.safetensors: .*version 2"):
        load_model(path)


def test_a_recipe_that_its_weights_do_not_fit_is_refused(tmp_path: Path, small_model: Model) -> None:
    other = with_settings(small_model.recipe, ["generator.channels=[16, 8]"])
    save_model(tmp_path / "mixed.safetensors", dataclasses.replace(small_model, recipe=other))
    with pytest.raises(ModelFileError, match=r"mixed\.safetensors: .*recipe.*weights"):
        load_model(tmp_path / "mixed.safetensors")


def test_a_recipe_of_an_unknown_family_is_refused(tmp_path: Path, small_model: Model) -> None:
    section = dataclasses.replace(small_model.recipe.generator, family="of-the-future")
    other = dataclasses.replace(small_model.recipe, generator=section)
    save_model(tmp_path / "future.safetensors", dataclasses.replace(small_model, recipe=other))
    with pytest.raises(ModelFileError, match=r"future\.safetensors: .*of-the-future"):
        load_model(tmp_path / "future.safetensors")

from __future__ import annotations

import dataclasses
import re

import pytest

from digitgan.data import DATASETS
from digitgan.data.idx import idx_stems


@pytest.mark.parametrize("name", DATASETS)
def test_an_entry_is_complete(name: str) -> None:
    dataset = DATASETS[name]
    assert dataset.name == name
    assert {file.stem for file in dataset.files} == {*idx_stems("train"), *idx_stems("test")}
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in dataset.files)
    assert len({file.sha256 for file in dataset.files}) == 4
    assert dataset.packaged or len(dataset.mirrors) >= 2
    assert all(re.fullmatch(r"https://\S+/", mirror) for mirror in dataset.mirrors)


def test_mnist_files_have_the_sizes_their_format_gives_them() -> None:
    assert [file.size for file in DATASETS["mnist"].files] == [
        16 + 60_000 * 784,
        8 + 60_000,
        16 + 10_000 * 784,
        8 + 10_000,
    ]


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        DATASETS["other"] = DATASETS["mnist"]  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        DATASETS["mnist"].name = "other"  # type: ignore[misc]

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from digitgan.data import DATASETS, SPLITS, IdxFiles
from digitgan.data.readers.idx import idx_stems
from digitgan.generation.writers.pictures import picture_paths

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", DATASETS)
def test_an_entry_is_complete(name: str) -> None:
    dataset = DATASETS[name]
    assert dataset.name == name
    for file in dataset.files:
        assert bool(file.sha256) != bool(file.md5)
        assert re.fullmatch("[0-9a-f]{64}|[0-9a-f]{32}", file.sha256 or file.md5)
    assert len({file.sha256 or file.md5 for file in dataset.files}) == len(dataset.files)
    assert all(dataset.layout.of_split(dataset.files, split) for split in SPLITS)
    if isinstance(dataset.layout, IdxFiles):
        assert {file.stem for file in dataset.files} == {*idx_stems("train"), *idx_stems("test")}
    assert dataset.packaged or dataset.mirrors
    assert all(re.fullmatch(r"https?://\S+/", mirror) for mirror in dataset.mirrors)
    # An address without encryption is tried last.
    assert list(dataset.mirrors) == sorted(dataset.mirrors, key=lambda mirror: not mirror.startswith("https"))


@pytest.mark.parametrize("name", [name for name in DATASETS if isinstance(DATASETS[name].layout, IdxFiles)])
def test_class_names_are_valid_folder_names(name: str) -> None:
    layout = DATASETS[name].layout
    assert isinstance(layout, IdxFiles)
    names = layout.class_names
    assert len(names) == len({each.casefold() for each in names}) == 10
    assert len(picture_paths(np.arange(10), names)) == 10
    assert not any("," in each for each in names)


def test_the_readme_names_each_data_set() -> None:
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert [name for name in DATASETS if f"`{name}`" not in text[text.index("## Data") :]] == []


@pytest.mark.parametrize("page", ["reference/data-sets.md", "project/licences.md"])
def test_the_documentation_credits_each_data_set(page: str) -> None:
    text = " ".join((DOCS / page).read_text(encoding="utf-8").split())
    for name, dataset in DATASETS.items():
        assert f"`{name}`" in text
        author = re.search(r"by (?:\w+ )?(\w+ \w+)", dataset.credit)
        assert author is not None
        assert author[1].split()[-1] in text


def test_the_documentation_states_the_sizes_of_downloads() -> None:
    rows = {
        line.split("|")[1].strip(): line
        for line in (DOCS / "reference" / "data-sets.md").read_text(encoding="utf-8").splitlines()
        if "|" in line
    }
    for name, dataset in DATASETS.items():
        if not dataset.packaged:
            assert f"{sum(file.size for file in dataset.files) / 1e6:.0f} MB" in rows[f"`{name}`"]


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

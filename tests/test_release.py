"""What a release is made of: one pin for each package, its files by their hashes, its licence known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from digitgan.version import __version__

ROOT = Path(__file__).parents[1]
MADE = "`make constraints`, then `make lock`, then `make licences`"


def plain(name: str) -> str:
    """As the index compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE)
    return {plain(name): version.removesuffix("+cpu") for name, version in found}


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    return pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))


def test_what_is_locked_is_what_was_tested(locked: dict[str, str]) -> None:
    tested = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    assert len(locked) > 50
    frozen = {name: version for name, version in locked.items() if name != "setuptools"}  # which `pip freeze` leaves out
    assert {name: tested.get(name) for name in frozen} == frozen, MADE


def test_all_that_is_needed_is_locked(locked: dict[str, str]) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    needed = project[project.index("dependencies = [") : project.index("parquet = [")]
    names = {plain(name) for name in re.findall(r'"([\w.-]+)>=', needed)}
    assert names >= {"torch", "numpy", "onnxruntime"}
    assert names <= locked.keys(), MADE


def test_every_file_has_its_hash() -> None:
    entries = (ROOT / "requirements.lock").read_text(encoding="utf-8").split("==")[1:]
    assert all("--hash=sha256:" in entry for entry in entries)


def test_every_licence_is_named(locked: dict[str, str]) -> None:
    rows = (ROOT / "docs" / "project" / "licences.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in row.split("|")] for row in rows if row.startswith("| ")]
    listed = {plain(row[1]): row[2].removesuffix("+cpu") for row in cells}
    assert {name: listed.get(name) for name in locked} == locked, MADE


def test_vendored_code_has_its_licence_beside_it() -> None:
    for folder in ROOT.glob("src/**/vendor"):
        assert (folder / "LICENSE").stat().st_size > 500
        assert (folder / "README.md").is_file()


def test_the_version_is_the_same_everywhere() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d[^\]]*)\] - (\d{4}-\d\d-\d\d)$", changes, re.M)
    assert newest is not None
    assert newest[1] == __version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in citation
    assert f"\ndate-released: {newest[2]}\n" in citation.replace('"', "").replace("'", "")

"""The notebooks of examples/: they run, are stored with the outputs of their code, and are small and listed."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat import NotebookNode

from tests.trainings import ROOT

FOLDER = ROOT / "examples"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MAX_ANIMATION = 60_000


def loaded() -> ModuleType:
    """The script that executes the notebooks."""
    spec = importlib.util.spec_from_file_location("execute", FOLDER / "execute.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


execute = loaded()


@pytest.fixture(autouse=True)
def _handler_of_interrupts() -> Iterator[None]:
    """Restore the handler of SIGINT, which nbclient sets anew."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell: NotebookNode) -> set[str]:
    """What a cell shows: pictures, HTML, text; not how many of each, which may depend on the processor."""
    return {kind for output in cell.outputs for kind in output.get("data", {output.output_type: ""}) if kind != "text/plain"}


def test_there_are_seven_and_the_readme_lists_them_in_order() -> None:
    listed = re.findall(r"\]\((\d[\w-]*\.ipynb)\)", (FOLDER / "README.md").read_text(encoding="utf-8"))
    assert listed == [path.name for path in NOTEBOOKS]
    assert [path.name[0] for path in NOTEBOOKS] == list("1234567")


@pytest.mark.long
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_is_stored(
    path: Path, mnist_caches_at_hand: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MPLBACKEND")  # the kernel shows figures by its own
    folder = tmp_path / "folder"
    folder.mkdir()
    ran = execute.executed(path, folder, os.environ)  # a cell that fails is an error
    before = nbformat.read(path, as_version=4)
    assert [cell.source for cell in before.cells] == [cell.source for cell in ran.cells]
    assert [kinds(cell) for cell in code_cells(ran)] == [kinds(cell) for cell in code_cells(before)]
    assert {each.name for each in folder.iterdir()} <= {"runs"}
    assert len(execute.stored(ran).encode()) <= execute.MAX_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_stored_outputs_are_those_of_the_code_and_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    assert notebook.metadata[execute.RECORD]["sha256_of_code"] == execute.hash_of_code(notebook), (
        f"its code has changed: python examples/execute.py {path.name[0]} --write"
    )
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any("image/png" in kinds(cell) for cell in cells)
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)
    assert len(text.encode()) <= execute.MAX_BYTES
    animations = re.findall(r"data:image/gif;base64,([\w+/=]+)", text)
    assert [len(each) for each in animations if len(each) > MAX_ANIMATION * 4 / 3] == []
    assert text == execute.stored(notebook), "stored in another form than execute.py writes"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_tells_what_it_is_about_and_installs_only_what_is_missing(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    title, first = notebook.cells[0], code_cells(notebook)[0]
    assert title.source.startswith(f"# {path.name[0]}. ")
    assert "You learn" in title.source
    assert "It takes about" in title.source
    assert 'find_spec("digitgan") is None' in first.source
    assert "%pip install" in first.source
    assert any(cell.cell_type == "markdown" and cell.source.startswith("## Try") for cell in notebook.cells[-2:])
    for link in re.findall(r"\]\((\.\./[^)#]+|[\w-]+\.\w+)[^)]*\)", "\n".join(cell.source for cell in notebook.cells)):
        assert (FOLDER / link).exists(), link


def test_the_hash_tells_apart_other_code(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1"), nbformat.v4.new_markdown_cell("text")])
    before = execute.hash_of_code(notebook)
    notebook.cells[1].source = "another text"
    assert execute.hash_of_code(notebook) == before
    notebook.cells[0].source = "1 + 2"
    assert execute.hash_of_code(notebook) != before


def test_a_failing_cell_is_an_error(isolated_home: Path, tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("raise ValueError('broken')")])
    path = tmp_path / "notebook.ipynb"
    nbformat.write(notebook, path)
    with pytest.raises(Exception, match="broken"):
        execute.executed(path, tmp_path, os.environ)
    assert sys.modules.get("execute") is None

"""Execute the notebooks of this folder, each in an empty folder of its own, and store their outputs.

    python examples/execute.py                  # all notebooks; prints their times and changes nothing
    python examples/execute.py 3 5 --write      # notebooks 3 and 5; stores their outputs

Stored outputs are without times of execution and addresses of this computer. A notebook records the hash of the code that made
its outputs, so that a test notices outputs of other code.
"""

from __future__ import annotations

import copy
import hashlib
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import nbclient
import nbformat
import tyro
from nbformat import NotebookNode

FOLDER: Final = Path(__file__).parent
MAX_BYTES: Final = 150_000
"""Largest size of a stored notebook, in bytes, so that the repository stays small."""

RECORD: Final = "digitgan"
"""The entry of a notebook's metadata that holds the hash of the executed code."""


def executed(path: Path, folder: Path, environment: Mapping[str, str] = os.environ) -> NotebookNode:
    """Execute a notebook in a folder, and return it with its outputs.

    Args:
        path: The notebook; it is not changed.
        folder: The working folder of its kernel.
        environment: The environment variables of its kernel.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    resources = {"metadata": {"path": str(folder)}}
    client = nbclient.NotebookClient(
        notebook, timeout=None, kernel_name="python3", record_timing=False, coalesce_streams=True, resources=resources
    )
    client.execute(env=dict(environment))
    return notebook


def hash_of_code(notebook: NotebookNode) -> str:
    """Return the SHA-256 of the sources of all code cells."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def stored(notebook: NotebookNode) -> str:
    """Return an executed notebook as JSON, without what changes from one execution or computer to the next."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata = {
        RECORD: {"sha256_of_code": hash_of_code(notebook)},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", []):
            output.pop("transient", None)
            if "metadata" in output:
                output.metadata = {}
            data = output.get("data", {})
            if len(data) > 1:
                data.pop("text/plain", None)  # the address of an object, or thousands of pixels as numbers
    nbformat.validate(notebook)
    text = nbformat.writes(notebook, version=4)
    return text if text.endswith("\n") else text + "\n"


def main(numbers: Annotated[tuple[int, ...], tyro.conf.Positional] = (), write: bool = False) -> None:
    """Execute notebooks and print their times.

    Args:
        numbers: Numbers of the notebooks; all if there are none.
        write: Store the outputs in the notebooks.
    """
    began = time.monotonic()
    for path in sorted(FOLDER.glob("*.ipynb")):
        if numbers and int(path.name.partition("-")[0]) not in numbers:
            continue
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            text = stored(executed(path, Path(folder)))
        size = len(text.encode())
        print(f"{path.name}: {time.monotonic() - started:.1f} s, {size:,} bytes", flush=True)
        if size > MAX_BYTES:
            raise SystemExit(f"{path.name}: has {size:,} bytes with its outputs, more than {MAX_BYTES:,}; make them smaller")
        if write:
            path.write_text(text, encoding="utf-8")
    print(f"all: {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    tyro.cli(main)

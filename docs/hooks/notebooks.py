"""The notebooks of examples/ as pages, with the outputs that are stored in them."""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

COLAB = "https://colab.research.google.com/github/"


def pages(folder: Path, repository: str) -> dict[str, str | bytes]:
    """Return the pages of all notebooks, their pictures, and the page that lists them, by their places on the site.

    Args:
        folder: the folder of the notebooks.
        repository: the address of the repository, for the links to Colab; "" for none.
    """
    found: dict[str, str | bytes] = {"notebooks/index.md": (folder / "README.md").read_text(encoding="utf-8")}
    for path in sorted(folder.glob("*.ipynb")):
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        text, resources = MarkdownExporter().from_notebook_node(notebook, {"unique_key": path.stem})
        text = re.sub(r"<style.*?</style>", "", text, flags=re.S)
        found[f"notebooks/{path.stem}.md"] = _with_links(text, path, repository)
        found |= {posixpath.join("notebooks", name): content for name, content in resources["outputs"].items()}
        found[f"notebooks/{path.name}"] = json.dumps(json.loads(path.read_text(encoding="utf-8")))
    listed = str(found["notebooks/index.md"])
    found["notebooks/index.md"] = re.sub(r"\]\((\d[\w-]*)\.ipynb\)", r"](\1.md)", listed)
    return found


def _with_links(text: str, path: Path, repository: str) -> str:
    """Add the ways to run the notebook below its title."""
    ways = f"[Download the notebook]({path.name})"
    if "github.com/" in repository:
        place = repository.partition("github.com/")[2].strip("/")
        ways += f" · [Open it in Colab]({COLAB}{place}/blob/main/examples/{path.name})"
    title, _, rest = text.lstrip().partition("\n")
    return f"{title}\n\n{ways}\n{rest}"

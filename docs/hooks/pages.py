"""Pages that are not files of docs/: the generated reference, the notebooks, and the pages of the repository's root."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # for the modules beside this one, which are no hooks themselves

import links
import notebooks
import reference
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made, with their pictures."""
    made: dict[str, str | bytes] = {
        "reference/command-line.md": reference.command_line(),
        "reference/settings.md": reference.settings(),
        "reference/http-api.md": reference.http_api(),
        **{page: (ROOT / file).read_text(encoding="utf-8") for file, page in links.INCLUDED.items()},
        **notebooks.pages(ROOT / "examples", config.repo_url or ""),
    }
    for uri, content in made.items():
        files.append(File.generated(config, uri, content=content))
    return files


WORKER = "https://unpkg.com/iframe-worker/shim"
"""The script from elsewhere with which the theme searches in files. The site has one of its own."""


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Load the site's own script for the search in files."""
    return output.replace(WORKER, "../" * page.file.dest_uri.count("/") + "assets/file-worker.js")


def on_post_template(output: str, template_name: str, config: Any) -> str:
    """Do the same in the page for unknown addresses."""
    return output.replace(WORKER, "assets/file-worker.js")


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Replace each line `<!-- options: TrainOptions -->` by the table of those options."""
    return re.sub(r"^<!-- options: (\w+) -->$", lambda found: reference.table_of_options(found[1]), markdown, flags=re.M)

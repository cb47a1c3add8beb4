"""Links that leave docs/: to files of the repository. They become links to the repository, or plain text if it is not named."""

from __future__ import annotations

import posixpath
import re
from typing import Any

LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)]*)?\)")

INCLUDED = {
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "benchmarks/RECORDS.md": "records/tried-changes.md",
}
"""Files of the repository -> the pages of the site that show them."""

ON_SITE = {
    **INCLUDED,
    "README.md": "index.md",
    "examples/README.md": "notebooks/index.md",
    "examples": "notebooks/index.md",
}
"""Files and folders outside docs/ -> the pages of the site to which links to them lead."""


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Replace each link to a file outside docs/. `links_of` says what a page's own folder is."""
    return rewritten(markdown, folder_of(page.file.src_uri), posixpath.dirname(page.file.src_uri), config.repo_url or "")


def folder_of(uri: str) -> str:
    """Return the folder in the repository to which the links of a page are relative."""
    for file, page in INCLUDED.items():
        if page == uri:
            return posixpath.dirname(file)
    return "examples" if uri.startswith("notebooks/") else posixpath.join("docs", posixpath.dirname(uri))


def rewritten(markdown: str, folder: str, page_folder: str, repository: str) -> str:
    """Return Markdown whose links fit the site.

    Args:
        markdown: the text of the page.
        folder: the folder in the repository to which its links are relative.
        page_folder: the folder of the page on the site.
        repository: the address of the repository; "" if there is none, and links to its files become plain text.
    """

    def replaced(found: re.Match[str]) -> str:
        target, anchor = found["target"], found["anchor"] or ""
        if "://" in target or target.startswith(("mailto:", "/")):
            return found[0]
        path = posixpath.normpath(posixpath.join(folder, target))
        if path.startswith("examples/") and path.endswith(".ipynb"):
            if page_folder == "notebooks":
                return found[0]
            path = f"docs/notebooks/{posixpath.basename(path).removesuffix('.ipynb')}.md"
        if path in ON_SITE:
            return f"[{found['text']}]({posixpath.relpath(ON_SITE[path], page_folder or '.')}{anchor})"
        if path.startswith("docs/") and not path.startswith("docs/hooks"):
            return f"[{found['text']}]({posixpath.relpath(path.removeprefix('docs/'), page_folder or '.')}{anchor})"
        return f"[{found['text']}]({repository}/blob/main/{path}{anchor})" if repository else found["text"]

    fenced = re.split(r"(^```.*?^```$)", markdown, flags=re.M | re.S)  # code keeps its brackets
    return "".join(part if index % 2 else LINK.sub(replaced, part) for index, part in enumerate(fenced))

"""Versions of the site: site/0.2/ beside site/0.1/, with the list that the selector of the theme reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from digitgan.version import __version__


def on_post_build(config: Any) -> None:
    """Write versions.json, and a page that leads to the newest version, into the folder above the site."""
    site = Path(config.site_dir)
    parent = site.parent
    if parent.name != "site":  # a build for a look, not for publication
        return
    built = sorted((each.name for each in parent.iterdir() if (each / "index.html").is_file()), key=_parts, reverse=True)
    listed = [{"version": name, "title": name, "aliases": ["latest"] if name == built[0] else []} for name in built]
    (parent / "versions.json").write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    (parent / "index.html").write_text(
        f'<!doctype html><title>digitgan</title><meta http-equiv="refresh" content="0; url={built[0]}/index.html">\n',
        encoding="utf-8",
    )


def _parts(name: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in name.split("."))


if __name__ == "__main__":
    print(".".join(__version__.split(".")[:2]))  # the name of the folder of this version

"""The manifests that `digitgan sample` and `digitgan data convert` write beside images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

MANIFEST: Final = "manifest.json"

MAX_MANIFEST_BYTES: Final = 256 << 20


def stated_class_names(folder: Path) -> tuple[str, ...] | None:
    """Return the class names in the manifest of a folder; None without a manifest, or with one of another kind."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            names = json.loads(file.read(MAX_MANIFEST_BYTES))["class_names"]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return None
    return tuple(names) if isinstance(names, list) and names and all(isinstance(name, str) for name in names) else None

"""The manifests that `digitgan sample` and `digitgan data convert` write beside images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from digitgan.data.conversion.options import Conversion
from digitgan.errors import UsageError

MANIFEST: Final = "manifest.json"

MAX_MANIFEST_BYTES: Final = 256 << 20


def stated_form(path: Path) -> Conversion | None:
    """Return the size and the colour in the manifest of `digitgan data convert`, with which its images are read unchanged.

    Args:
        path: the folder, or the file beside which the manifest lies as NAME.manifest.json.
    """
    manifest = path / MANIFEST if path.is_dir() else path.with_name(f"{path.name}.{MANIFEST}")
    try:
        with manifest.open("rb") as file:
            stated = Conversion.of_record(json.loads(file.read(MAX_MANIFEST_BYTES))["read"]["conversion"])
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError, UsageError):
        return None
    return Conversion(size=stated.size, colour=stated.colour)


def stated_class_names(folder: Path) -> tuple[str, ...] | None:
    """Return the class names in the manifest of a folder; None without a manifest, or with one of another kind."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            names = json.loads(file.read(MAX_MANIFEST_BYTES))["class_names"]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return None
    return tuple(names) if isinstance(names, list) and names and all(isinstance(name, str) for name in names) else None

"""The lines of a run's history: JSON objects that carry a checksum."""

from __future__ import annotations

import json
import zlib
from typing import Any, Final

_CHECKSUM: Final = "crc32"


def history_line(line: dict[str, Any]) -> str:
    """A line of the history: the JSON object, with the CRC-32 of its text as its last value, and a newline."""
    return json.dumps({**line, _CHECKSUM: _checksum(line)}) + "\n"


def checked_line(text: str) -> dict[str, Any] | None:
    """What `history_line` was given; None if the text is not what that gave."""
    try:
        line = json.loads(text)
        whole = isinstance(line, dict) and line.pop(_CHECKSUM) == _checksum(line) and isinstance(line["images_seen"], int)
    except (ValueError, RecursionError, KeyError):
        return None
    return line if whole else None


def _checksum(line: dict[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(line).encode()):08x}"

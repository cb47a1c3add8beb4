"""The pictures that the values of a table name."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple, final

from digitgan.data.conversion.pictures import PICTURE_ENDINGS


class Match(NamedTuple):
    """The picture that a value names.

    Attributes:
        path: its path; None if there is none, or more than one.
        several: the pictures that it may be, if there is more than one.
        loose: whether its name differs from the value in upper and lower case, in its ending or in leading zeros.
    """

    path: str | None
    several: Sequence[str] = ()
    loose: bool = False


@final
class PictureNames:
    """The names of pictures.

    Args:
        pictures: the paths of the pictures, with "/" between folders.
    """

    def __init__(self, pictures: Sequence[str]) -> None:
        self._paths = {unicodedata.normalize("NFC", path): path for path in pictures}
        self._by_name: dict[str, list[str]] = {}
        self._loosely: dict[str, list[str]] = {}
        for path in pictures:
            name = unicodedata.normalize("NFC", PurePosixPath(path).name)
            stem = PurePosixPath(name).stem
            for key in dict.fromkeys((name, stem)):
                self._by_name.setdefault(key, []).append(path)
            self._loosely.setdefault(_loose(name), []).append(path)

    def find(self, value: object, folders: Sequence[str] = ("",)) -> Match:
        """Return the picture that a value names: by its path, or by its file name, also without the ending.

        Args:
            value: the value.
            folders: the folders from which the path may start, the most probable first.
        """
        text = unicodedata.normalize("NFC", str(value)).strip().replace("\\", "/").removeprefix("./")
        if not text:
            return Match(None)
        for folder in folders:
            if (path := self._paths.get(f"{folder}/{text}" if folder else text)) is not None:
                return Match(path)
        name = text.rsplit("/", 1)[-1]
        for loose, found in ((False, self._by_name.get(name, [])), (True, self._loosely.get(_loose(name), []))):
            if not found:
                continue
            best = next(
                (inside for folder in folders if folder and (inside := [p for p in found if p.startswith(f"{folder}/")])),
                found,
            )
            ending = [path for path in best if path.endswith(f"/{text}")]
            best = ending or best
            return Match(best[0], (), loose) if len(best) == 1 else Match(None, best)
        return Match(None)


def _loose(name: str) -> str:
    """Return a file name without its ending, in lower case and without leading zeros."""
    plain = name.casefold()
    stem = plain.rsplit(".", 1)[0] if plain.endswith(PICTURE_ENDINGS) else plain
    return stem.lstrip("0") or "0" if stem.isdigit() else stem

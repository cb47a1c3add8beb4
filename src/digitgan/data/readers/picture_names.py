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
        candidates: the pictures that it may be, if there is more than one.
        loose: whether its name differs from the value in upper and lower case, in its extension or in leading zeros.
    """

    path: str | None
    candidates: Sequence[str] = ()
    loose: bool = False


@final
class PictureNames:
    """The names of pictures.

    Args:
        pictures: the paths of the pictures, with "/" between folders.
    """

    def __init__(self, pictures: Sequence[str]) -> None:
        self._paths = {unicodedata.normalize("NFC", path): path for path in pictures}
        self._folders = {folder for path in self._paths for folder in path.split("/")[:-1]}
        self._by_name: dict[str, list[str]] = {}
        self._loosely: dict[str, list[str]] = {}
        for path in pictures:
            name = unicodedata.normalize("NFC", PurePosixPath(path).name)
            for key in dict.fromkeys((name, PurePosixPath(name).stem)):
                self._by_name.setdefault(key, []).append(path)
            self._loosely.setdefault(_loose(name), []).append(path)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._paths)

    def find(self, value: object, folders: Sequence[str] = ("",), within: Sequence[str] = ("",)) -> Match:
        """Return the picture that a value names: by its path, or by its file name, also without the extension.

        Args:
            value: the value.
            folders: the folders from which the path may start, the most probable first.
            within: the folders in which the picture must be, "" for all.
        """
        text = unicodedata.normalize("NFC", str(value)).strip().replace("\\", "/").removeprefix("./")
        if not text:
            return Match(None)
        for folder in folders:
            path = self._paths.get(f"{folder}/{text}" if folder else text)
            if path is not None and _is_within(path, within):
                return Match(path)
        *around, name = text.split("/")
        for loose, named in ((False, self._by_name.get(name, [])), (True, self._loosely.get(_loose(name), []))):
            if found := [path for path in named if _is_within(path, within)]:
                return self._chosen(found, around, folders, loose)
        return Match(None)

    def _chosen(self, found: Sequence[str], around: Sequence[str], folders: Sequence[str], loose: bool) -> Match:
        """Return the one of several pictures of a name that is in the folders of a value."""
        if around and len(self._folders) > 1:
            # The path may begin in a folder of another computer, but its last folder must be that of the picture.
            common = {path: _common_end(path.split("/")[:-1], around) for path in found}
            most = max(common.values())
            best = [path for path in found if common[path] == most > 0]
            return Match(best[0], (), loose) if len(best) == 1 else Match(None, best)
        inside = ([path for path in found if path.startswith(f"{folder}/")] for folder in folders if folder)
        best = next((paths for paths in inside if paths), list(found))
        return Match(best[0], (), loose) if len(best) == 1 else Match(None, best)


def _is_within(path: str, folders: Sequence[str]) -> bool:
    return any(not folder or path.startswith(f"{folder}/") for folder in folders)


def _common_end(folders: Sequence[str], others: Sequence[str]) -> int:
    """Return the number of equal names at the ends of two sequences."""
    count = 0
    for one, other in zip(reversed(folders), reversed(others), strict=False):
        if unicodedata.normalize("NFC", one) != other:
            break
        count += 1
    return count


def _loose(name: str) -> str:
    """Return a file name without its extension, in lower case and without leading zeros."""
    plain = name.casefold()
    stem = plain.rsplit(".", 1)[0] if plain.endswith(PICTURE_ENDINGS) else plain
    return stem.lstrip("0") or "0" if stem.isdigit() else stem

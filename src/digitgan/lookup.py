"""Registries of entries that users select by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar, final

from digitgan.errors import DigitganError, UsageError, nearest

Entry = TypeVar("Entry")


@final
class Registry(Mapping[str, Entry], Generic[Entry]):
    """A table of named entries, to which other packages can add their own.

    A recipe, an option or a request names an entry. All lists of the names (in help texts, error messages, the studio and the
    documentation) are made from the table.

    Args:
        what: the option or setting in error messages, such as "--format" or "loss.name =".
        entries: the initial entries, by name.
        error: exception class for an unknown name.
    """

    def __init__(self, what: str, entries: Mapping[str, Entry], error: type[DigitganError] = UsageError) -> None:
        self.what = what
        self.error = error
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, name: str) -> Entry:
        """Return the entry of that name.

        Raises:
            DigitganError: the `error` class of the registry, if there is no such entry. The message names the nearest one.
        """
        if name not in self._entries:
            raise self.error(f"{self.what} {name!r}: {nearest(name, self)}")
        return self._entries[name]

    def register(self, name: str, entry: Entry) -> None:
        """Add an entry.

        Raises:
            ValueError: if the name is already registered.
        """
        if name in self._entries:
            raise ValueError(f"{self.what} {name!r}: is already registered; unregister it first, or choose another name")
        self._entries[name] = entry

    def unregister(self, name: str) -> None:
        """Remove an entry.

        Raises:
            KeyError: if there is no entry of that name.
        """
        del self._entries[name]

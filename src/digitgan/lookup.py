"""Registries of entries that users select by name, and the entries that other packages add to them.

A package adds an entry with an entry point (https://packaging.python.org/specifications/entry-points/) of the group of the
registry, such as `digitgan.losses`. The package is imported when its entry is first used, not before.
"""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint
from typing import Any, Generic, TypeVar, cast, final

from digitgan.errors import DigitganError, UsageError, nearest

Entry = TypeVar("Entry")

GROUPS = "digitgan."
"""The beginning of the name of each group of entry points."""


@final
class Registry(Mapping[str, Entry], Generic[Entry]):
    """A table of named entries, to which other packages can add their own.

    A recipe, an option or a request names an entry. All lists of the names (in help texts, error messages, the studio and the
    documentation) are made from the table.

    Args:
        what: the option or setting in error messages, such as "--format" or "loss.name =".
        entries: the initial entries, by name.
        error: exception class for an unknown name.
        group: the last word of the group of entry points that add entries, such as "losses" for `digitgan.losses`; "" if none
            do.
        kind: the class of which an added entry must be an instance; `type` for a class, `object` for anything that can be
            called. None: entries are not checked.
    """

    def __init__(
        self,
        what: str,
        entries: Mapping[str, Entry],
        error: type[DigitganError] = UsageError,
        *,
        group: str = "",
        kind: type | None = None,
    ) -> None:
        self.what = what
        self.error = error
        self.group = GROUPS + group
        self.kind = kind
        self._entries: dict[str, Entry | EntryPoint] = dict(entries)
        self._own = frozenset(entries)
        self._origins: dict[str, str] = {}
        self._ambiguous: dict[str, str] = {}
        self._complete = not group

    def __getitem__(self, name: str) -> Entry:
        entry = self._table()[name]
        if name in self._ambiguous:
            raise self.error(self._ambiguous[name])
        if isinstance(entry, EntryPoint):
            self._entries[name] = entry = self._loaded(entry)
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __contains__(self, name: object) -> bool:
        return name in self._table()

    def __len__(self) -> int:
        return len(self._table())

    def find(self, name: str) -> Entry:
        """Return the entry of that name.

        Raises:
            DigitganError: the `error` class of the registry, if there is no such entry. The message names the nearest one.
                Also if the entry comes from a package that cannot be imported, or two packages add that name.
        """
        if name not in self:
            raise self.error(f"{self.what} {name!r}: unknown; {nearest(name, self)}")
        return self[name]

    def register(self, name: str, entry: Entry) -> None:
        """Add an entry in this process. A package that is installed adds its entries by entry points instead.

        Raises:
            ValueError: if the name is already registered.
            TypeError: if the entry is of another kind than those of this registry.
        """
        if name in self:
            raise ValueError(f"{self.what} {name!r}: is already registered; unregister it first, or choose another name")
        if fault := self._fault_of(name, entry):
            raise TypeError(f"{self.what} {name!r}: {fault}")
        self._entries[name] = entry
        self._origins[name] = f"module {getattr(entry, '__module__', type(entry).__module__)}"

    def unregister(self, name: str) -> None:
        """Remove an entry.

        Raises:
            KeyError: if there is no entry of that name.
        """
        del self._table()[name]
        self._origins.pop(name, None)
        self._ambiguous.pop(name, None)

    def origin(self, name: str) -> str | None:
        """Return the origin of an added entry, "package NAME VERSION" or "module NAME"; None for an entry of digitgan's own."""
        self._table()
        return self._origins.get(name)

    def added(self) -> dict[str, str]:
        """Return the origin of each entry that is not digitgan's own, by its name."""
        self._table()
        return dict(self._origins)

    def _table(self) -> dict[str, Entry | EntryPoint]:
        """Return all entries; those of other packages are entry points until they are first used."""
        if not self._complete:
            for point in _entry_points().get(self.group, ()):
                package = _package_of(point)
                if point.name in self._entries:
                    there = "digitgan" if point.name in self._own else self._origins[point.name].removeprefix("package ")
                    self._ambiguous[point.name] = (  # an error when the name is used, because other commands need not fail
                        f"{self.what} {point.name!r}: {there} has this name, and the package {package} adds it again; "
                        f"uninstall the package, or rename its entry point in the group {self.group}"
                    )
                else:
                    self._entries[point.name] = point
                    self._origins[point.name] = f"package {package}"
            self._complete = True
        return self._entries

    def _loaded(self, point: EntryPoint) -> Entry:
        """Import the entry of another package, and check that it is of the kind of this registry."""
        source = f"{self.what} {point.name!r}: comes from the package {_package_of(point)} ({point.value})"
        entry: Any
        try:
            entry = point.load()
        except Exception as problem:  # the package's own code runs here, and may raise anything
            reason = f"{type(problem).__name__}: {problem}"
            raise self.error(f"{source}, which cannot be imported: {reason}; repair or uninstall it") from problem
        if fault := self._fault_of(point.name, entry):
            raise self.error(f"{source}: {fault}")
        return cast(Entry, entry)

    def _fault_of(self, name: str, entry: Any) -> str:
        """Return why an entry does not fit into this registry; "" if it does."""
        if self.kind is not None and not (isinstance(entry, self.kind) and (self.kind is not object or callable(entry))):
            wanted = {type: "a class", object: "a function"}.get(self.kind, f"an instance of {_path(self.kind)}")
            given = f"the class {entry.__name__}" if isinstance(entry, type) else f"an instance of {_path(type(entry))}"
            return f"must be {wanted}; it is {given}"
        own_name = getattr(entry, "name", name)
        return "" if own_name == name else f"its own name is {own_name!r}; give it and the entry the same name"


def origins(used: Iterable[tuple[str, Registry[Any], str]]) -> dict[str, str]:
    """Return the origins of the added entries among those in use, for the record of a run or the card of a model.

    Args:
        used: setting, registry and name of each entry, such as ("loss.name", LOSSES, "hinge").

    Returns:
        The origin by the setting and its value, such as {"loss.name=absolute": "package digitgan-absolute 1.0"}. Empty if all
        entries are digitgan's own.
    """
    found = {f"{setting}={name}": registry.origin(name) for setting, registry, name in used}
    return {setting: origin for setting, origin in found.items() if origin is not None}


def missing_origin(recorded: Any) -> str:
    """Return what is missing of the recorded origins of a run or a model, as the end of an error message; "" if nothing is.

    Args:
        recorded: the value of `origins` in a record; anything else counts as empty, because a record may be damaged.
    """
    for setting, origin in recorded.items() if isinstance(recorded, Mapping) else ():
        kind, _, name = str(origin).partition(" ")
        if kind == "package":
            package, _, version = name.partition(" ")
            if not _is_installed(package):
                return (
                    f"{setting} comes from the package {package} (version {version}), which is not installed; install that "
                    "package, if you trust its source"
                )
        elif name == "__main__":  # of the process that trained, not of this one
            return f"{setting} was added by a script or a notebook; do this in a program that registers it"
        elif name not in sys.modules:
            return f"{setting} was added by the module {name}; import it first"
    return ""


def entries_of_packages() -> list[tuple[str, str, str]]:
    """Return group, name and package of each entry that the installed packages add, without importing them."""
    return [(group, point.name, _package_of(point)) for group, points in _entry_points().items() for point in points]


@functools.cache
def _entry_points() -> dict[str, tuple[EntryPoint, ...]]:
    """Return the entry points of all groups of digitgan. The installed packages are searched once a process."""
    found: dict[str, list[EntryPoint]] = {}
    packages: set[str] = set()
    for package in importlib.metadata.distributions():  # `entry_points()` would read them again for each group
        points = [point for point in package.entry_points if point.group.startswith(GROUPS)]
        if points and package.name not in packages:  # the first of a name on the path is the one that is imported
            packages.add(package.name)
            for point in points:
                found.setdefault(point.group, []).append(point)
    return {group: tuple(sorted(points, key=lambda point: (point.name, _package_of(point)))) for group, points in found.items()}


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False
    return True


def _package_of(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.module


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"

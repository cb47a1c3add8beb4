"""The notes of a reader, and the problems that it reports together."""

from __future__ import annotations

from typing import Final, final

from digitgan.errors import DataError

MAX_LISTED: Final = 10
"""Largest number of problems or names that a message lists. A count stands for the others."""


@final
class Notes:
    """The things that a reader ignored, guessed, renumbered or converted, one line each.

    Attributes:
        lines: all lines, in the order in which they were added.
        unasked: those of the lines that no option of the user asks for. `--strict` turns them into an error.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.unasked: list[str] = []

    def add(self, text: str, *, asked: bool = False) -> None:
        """Add a line, unless it is there already.

        Args:
            text: the line.
            asked: whether an option of the user asks for what the line says.
        """
        if text not in self.lines:
            self.lines.append(text)
            if not asked:
                self.unasked.append(text)

    def check_strict(self, name: str) -> None:
        """Raise `DataError` with all unasked lines, if there are any.

        Args:
            name: the name of the images in the message.
        """
        if self.unasked:
            raise DataError(
                "\n".join(
                    [
                        f"{name}: --strict allows none of these; correct the data, or state the option that a line names:",
                        *(f"  {line}" for line in self.unasked),
                    ]
                )
            )


@final
class Problems:
    """The files or rows that cannot be used, reported together.

    Args:
        name: the name of the images in messages.
        what: the plural of what has the problems, such as "files" or "rows".
    """

    def __init__(self, name: str, what: str) -> None:
        self._name, self._what, self._found = name, what, list[str]()

    def __len__(self) -> int:
        return len(self._found)

    def add(self, problem: str) -> None:
        """Add a problem: the file or row, and what is wrong with it."""
        self._found.append(problem.removeprefix(f"{self._name}: "))

    def check(self, *, skip: bool, notes: Notes) -> None:
        """Raise `DataError` with the problems, or add them to the notes if the user asked to go on without them.

        Args:
            skip: whether the user asked to go on.
            notes: the notes of the reader.
        """
        if not self._found:
            return
        count = f"{len(self._found):,} of its {self._what}"
        if skip:
            notes.add(f"left out {count}, which cannot be used: {listed(self._found, '; ')}", asked=True)
            return
        raise DataError(
            f"{self._name}: {count} cannot be used; correct or remove them, or go on without them with --skip-damaged:\n  "
            + listed(self._found, "\n  ")
        )


def counted(number: int, noun: str, plural: str = "s") -> str:
    """Return a number and a noun, in the singular or with the ending of the plural: "1 picture", "2,000 pictures"."""
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def listed(names: list[str], separator: str = ", ") -> str:
    """Return the first `MAX_LISTED` names, and the number of the others."""
    more = len(names) - MAX_LISTED
    return separator.join([*names[:MAX_LISTED], *([f"and {more:,} more"] if more > 0 else [])])

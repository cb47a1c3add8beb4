"""Processes of a Linux machine, as `/proc` shows them."""

from __future__ import annotations

from pathlib import Path


def children_of(parent: int) -> list[int]:
    """Return the ids of the child processes of a process."""
    numbers = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [number for number in numbers if stat_of(number)[1:2] == [str(parent)]]


def lives(process: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    return stat_of(process)[:1] not in ([], ["Z"], ["X"])


def stat_of(process: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name, from the state and the parent on; empty without the process."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def command_of(process: int) -> str:
    """Return the command line of a process; empty without the process."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
    except OSError:
        return ""

"""Calls of the command line in this process."""

from __future__ import annotations

from digitgan import cli


def run(*argv: str) -> int:
    """Run `digitgan ARGV` and return its exit code."""
    try:
        cli.main(argv)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0

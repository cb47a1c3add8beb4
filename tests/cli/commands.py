"""The command line, called in this process."""

from __future__ import annotations

from digitgan import cli


def run(*argv: str) -> int:
    """The exit code of `digitgan ARGV`."""
    try:
        cli.main(argv)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0

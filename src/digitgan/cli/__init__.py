"""The command line: one file a subcommand, or a few that belong together."""

from digitgan.cli.entry import main

__all__ = ["main"]

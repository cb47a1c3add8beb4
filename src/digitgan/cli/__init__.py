"""The command line: one module for each subcommand or group of related subcommands."""

from digitgan.cli.entry import main

__all__ = ["main"]

"""The entry of `digitgan`: from a command line to a subcommand, and from an error to an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from digitgan.cli.commands import COMMANDS, GROUPS
from digitgan.cli.parser import parse, print_completion
from digitgan.errors import DigitganError, UsageError
from digitgan.version import __version__

ABOUT = """Train a class-conditional GAN in a minute, on the machine you have; then draw any labelled digit on demand.

Besides the subcommands: --version, and --completion bash (or zsh, fish), which prints a script for the shell to evaluate."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and end the program with its exit code.

    0; 2 for what the user can put right; 3 for a training that went wrong for good; 4 where another process of it was lost;
    128 and the signal's number where it was told to stop: 130 by Ctrl-C, 143 by SIGTERM, 129 by a terminal that was closed,
    141 by a reader that has gone.
    """
    try:
        _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except DigitganError as problem:
        print(f"digitgan: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: nothing more to say to it
        sys.exit(141)  # 128 and SIGPIPE, which not every system has
    except OSError as problem:
        print(f"digitgan: {problem}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("digitgan: interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


def _run(argv: list[str]) -> None:
    if argv == ["--version"]:
        print(f"digitgan {__version__}")
    elif argv[:1] == ["--completion"]:
        if len(argv) != 2:
            raise UsageError("--completion takes the name of a shell: bash, zsh or fish")
        print_completion(argv[1], COMMANDS, GROUPS, ABOUT)
    else:
        parse(argv or ["--help"], COMMANDS, GROUPS, ABOUT)()

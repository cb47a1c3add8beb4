"""The entry point of `digitgan`: calls the subcommand and converts errors to exit codes."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Final, TextIO

from digitgan.cli.animate import animate
from digitgan.cli.compare import compare
from digitgan.cli.data import data_convert, data_show, data_verify
from digitgan.cli.doctor import doctor
from digitgan.cli.evaluate import evaluate
from digitgan.cli.export import export
from digitgan.cli.import_ import import_
from digitgan.cli.invert import invert
from digitgan.cli.parser import parse, print_completion
from digitgan.cli.plot import plot
from digitgan.cli.recipes import recipes
from digitgan.cli.sample import sample
from digitgan.cli.serve import serve
from digitgan.cli.train import train
from digitgan.cli.walk import walk
from digitgan.cli.write import write
from digitgan.errors import DigitganError, OutOfMemoryError, RenamedWarning, UsageError, is_out_of_memory
from digitgan.version import __version__

OUT_OF_MEMORY_ADVICE = "the memory is full; free some, or do less at once: fewer images, smaller images, fewer workers"

ABOUT = """Train a class-conditional GAN in a minute, then generate any labelled digit on demand.

Further options: --version, and --completion bash (or zsh, fish), which prints the completion script of a shell."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its exit code.

    The exit codes are 0 for success; 2 for an error that the user can correct; 3 for a training that diverged or collapsed; 4
    for a lost process of a distributed training, or a lost worker; 5 for a lack of memory. A stopped command exits with 128
    plus the number of the signal: 130 for Ctrl-C, 143 for SIGTERM, 129 for a closed terminal, 141 for a closed pipe.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", RenamedWarning)
            warnings.showwarning = _show_warning
            _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except DigitganError as problem:
        print(f"digitgan: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or flushing at exit fails again
        sys.exit(141)  # 128 + SIGPIPE; Windows does not define the signal
    except (MemoryError, RuntimeError, OSError) as problem:
        if is_out_of_memory(problem):
            print(f"digitgan: {OUT_OF_MEMORY_ADVICE}", file=sys.stderr)
            sys.exit(OutOfMemoryError.exit_code)
        if not isinstance(problem, OSError):
            raise
        print(f"digitgan: {problem}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        print(f"digitgan: {str(stop) or 'interrupted'}", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning for the user as one line. Others are printed as Python does, with their place."""
    plain = f"digitgan: {message}\n" if issubclass(category, RenamedWarning) else None
    sys.stderr.write(plain or warnings.formatwarning(message, category, filename, lineno))


def _run(argv: list[str]) -> None:
    if argv == ["--version"]:
        print(f"digitgan {__version__}")
    elif argv[:1] == ["--completion"]:
        if len(argv) != 2:
            raise UsageError("--completion: needs the name of a shell; give bash, zsh or fish")
        print_completion(argv[1], COMMANDS, GROUPS, ABOUT)
    else:
        parse(argv or ["--help"], COMMANDS, GROUPS, ABOUT)()


__all__ = ["COMMANDS", "GROUPS"]

COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "train": train,
    "recipes": recipes,
    "sample": sample,
    "write": write,
    "walk": walk,
    "invert": invert,
    "evaluate": evaluate,
    "compare": compare,
    "export": export,
    "import": import_,
    "animate": animate,
    "plot": plot,
    "serve": serve,
    "data show": data_show,
    "data verify": data_verify,
    "data convert": data_convert,
    "doctor": doctor,
}
"""The subcommands by name."""

GROUPS: Final = {"data": "Show, verify or convert images before training on them."}
"""The descriptions of the groups: the first words of subcommands of two words."""

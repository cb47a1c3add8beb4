"""The table of subcommands.

Each is a typed function that makes one call into a layer below. It imports heavy modules inside, so that `digitgan --help`
is quick.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from digitgan.cli.compare import compare
from digitgan.cli.evaluate import evaluate
from digitgan.cli.export import export, import_
from digitgan.cli.inspect import data_show, data_verify, doctor
from digitgan.cli.sample import sample, write
from digitgan.cli.serve import serve
from digitgan.cli.train import animate, plot, recipes, train
from digitgan.cli.walk import invert, walk

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
    "doctor": doctor,
}
"""The subcommands by the words that call them."""

GROUPS: Final = {"data": "Show or verify a source of images."}
"""What the first words of those with two are about."""

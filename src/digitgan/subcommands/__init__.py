"""The subcommands: each is one typed function and, inside it, one call into the rooms below; what is heavy is imported there,
so that `digitgan --help` comes at once. The table at the end is what the command line offers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from digitgan.subcommands.comparing import compare
from digitgan.subcommands.drawing import sample, write
from digitgan.subcommands.evaluating import evaluate
from digitgan.subcommands.exchanging import export, import_
from digitgan.subcommands.inspecting import data_show, data_verify, doctor
from digitgan.subcommands.serving import serve
from digitgan.subcommands.training import animate, plot, recipes, train
from digitgan.subcommands.travelling import invert, walk

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

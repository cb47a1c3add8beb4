"""`digitgan write`."""

from __future__ import annotations

from digitgan.cli.output import Output
from digitgan.options import Fields, Json, Quiet, Show, WriteOptions


def write(options: Fields[WriteOptions], *, show: Show = True, quiet: Quiet = False, json_: Json = False) -> None:
    """Write a string of digits as one picture, in one style."""
    from digitgan.generation.text import write_to_file

    path = write_to_file(options)
    output = Output(quiet, json_)
    if show:
        output.picture(path)
    output.lines(f"{options.text!r}  {path}")
    asked = {"text": options.text, "model": options.model, "seed": options.seed, "style": options.style}
    output.result({"out": str(path), **asked})

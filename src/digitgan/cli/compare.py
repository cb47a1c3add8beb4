"""`digitgan compare`."""

from __future__ import annotations

from digitgan.cli.output import Output
from digitgan.cli.signals import stopping_on_signals
from digitgan.cli.threads import import_torch
from digitgan.errors import StoppedError
from digitgan.options import CompareOptions, Fields, Json, Quiet


def compare(options: Fields[CompareOptions], *, quiet: Quiet = False, json_: Json = False) -> None:
    """Compare finished runs, or train recipes with several seeds and the same budget and test the differences for significance.

    An interrupted comparison continues if the same command is run again.
    """
    import_torch()

    from digitgan.comparison import compare as compare_all
    from digitgan.training import Control

    control = Control()
    with stopping_on_signals(control, quiet=quiet) as received:
        try:
            found = compare_all(options, "none" if quiet or json_ else "auto", control)
        except StoppedError as stopped:
            stopped.exit_code = 128 + received[0]
            raise
    output = Output(quiet, json_)
    output.lines(found.table, "", *found.sentences, "", f"comparison {found.folder}")
    output.result({"out": str(found.folder), **found.report})

"""`digitgan import`."""

from __future__ import annotations

from digitgan.cli.output import Output
from digitgan.options import Fields, ImportOptions, Json, Quiet


def import_(options: Fields[ImportOptions], *, quiet: Quiet = False, json_: Json = False) -> None:
    """Convert a generator of Keras 3 to a model file for sampling, evaluation and export. No code of the file is executed."""
    from digitgan.exporters.export_import import import_keras

    done = import_keras(options)
    spec = done.model.generator.spec
    output = Output(quiet, json_)
    output.lines(f"{spec.width}x{spec.height}, {len(done.model.class_names)} classes  {done.path}")
    facts = {"height": spec.height, "width": spec.width, "channels": spec.channels, "class_names": done.model.class_names}
    output.result({"out": str(done.path), **facts})

"""`digitgan export`."""

from __future__ import annotations

from digitgan.cli.output import Output
from digitgan.cli.threads import import_torch
from digitgan.options import ExportOptions, Fields, Json, Quiet


def export(options: Fields[ExportOptions], *, quiet: Quiet = False, json_: Json = False) -> None:
    """Export a model for other programs, and compare the exported file with the model."""
    import_torch()

    from digitgan.exporters import export_import
    from digitgan.session.callbacks.progress import console_printer

    done = export_import.export(options, console_printer(Output(quiet or json_, json_).console()))
    output = Output(quiet, json_)
    output.lines(f"{done.size:,} bytes  {done.path}")
    output.lines(f"largest difference of a pixel from the model, in 64 images: {done.largest_difference:.1e} (range 2)")
    for name, metrics in done.quality.items():
        words = (f"{key.replace('_', ' ')} {value:.4g}" for key, value in metrics.items())
        output.lines(f"{name}: {', '.join(words)}")
    output.result(
        {
            "out": str(done.path),
            "files": [str(path) for path in done.files],
            "bytes": done.size,
            "largest_difference": done.largest_difference,
            "quality": done.quality,
            "model": options.model,
            "format": options.format,
        }
    )

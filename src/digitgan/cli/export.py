"""`digitgan export` and `digitgan import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from digitgan.cli.output import Output
from digitgan.cli.parser import Json
from digitgan.cli.threads import share_cores
from digitgan.options import Flag, Unset


def export(
    model: str = "mnist",
    /,
    *,
    format_: Annotated[str, arg(name="format", metavar="FORMAT")] = "onnx",
    with_discriminator: Flag = False,
    quantize: Annotated[str | None, arg(metavar="TYPE", help_behavior_hint="")] = None,
    data_dir: Annotated[Path | None, Unset] = None,
    out: Annotated[Path | None, Unset] = None,
    overwrite: Flag = False,
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Export a model for other programs, and compare the exported file with the model.

    Args:
        model: a run's folder, one of its numbered models (RUN@51200), a model file, or the name of a shipped model
        format_: output format, one of {digitgan.exporters:FORMATS}
        with_discriminator: also export the discriminator of the run (Keras only)
        quantize: quantise the weights, one of {digitgan.exporters:QUANTISATIONS}; prints the loss of quality
        data_dir: folder of downloaded data sets
        out: output path (default: generator.onnx or similar, or the next free name)
        overwrite: replace an existing output
        quiet: print nothing
        json_: print one machine-readable result
    """
    share_cores()  # before torch is imported

    from digitgan.exporters import run
    from digitgan.session.callbacks.progress import console_printer

    done = run.export(
        model,
        format=format_,
        with_discriminator=with_discriminator,
        quantize=quantize,
        out=out,
        overwrite=overwrite,
        data_dir=data_dir,
        notify=console_printer(Output(quiet or json_, json_).console()),
    )
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
            "model": model,
            "format": format_,
        }
    )


def import_(
    source: Path,
    /,
    *,
    weights: Annotated[Path | None, Unset] = None,
    class_names: Annotated[str | None, arg(metavar="A,B,C", help_behavior_hint="(default: 0, 1, 2, …)")] = None,
    out: Annotated[Path | None, Unset] = None,
    overwrite: Flag = False,
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Convert a generator of Keras 3 to a model file for sampling, evaluation and export. No code of the file is executed.

    Args:
        source: a .keras file, or an architecture as JSON
        weights: the .weights.h5 file of a JSON architecture
        class_names: one name for each label
        out: model file (default: SOURCE.safetensors, or the next free name)
        overwrite: replace an existing output
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.exporters.run import import_keras

    names = None if class_names is None else [name.strip() for name in class_names.split(",")]
    done = import_keras(source, weights=weights, class_names=names, out=out, overwrite=overwrite)
    spec = done.model.generator.spec
    output = Output(quiet, json_)
    output.lines(f"{spec.height}x{spec.width}, {len(done.model.class_names)} classes  {done.path}")
    facts = {"height": spec.height, "width": spec.width, "channels": spec.channels, "class_names": done.model.class_names}
    output.result({"out": str(done.path), **facts})

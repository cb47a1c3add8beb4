"""`digitgan export` and `import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from digitgan.cli.output import Output
from digitgan.cli.parser import Flag, Json, Unset
from digitgan.cli.threads import share_cores


def export(
    model: str = "mnist",
    /,
    *,
    format_: Annotated[str, arg(name="format", metavar="onnx|keras|torch|huggingface")] = "onnx",
    with_discriminator: Flag = False,
    quantize: Annotated[str | None, arg(metavar="int8|fp16", help_behavior_hint="")] = None,
    data_dir: Annotated[Path | None, Unset] = None,
    out: Annotated[Path | None, Unset] = None,
    overwrite: Flag = False,
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Hand a model on to other programs, and compare what was written with the model itself.

    Args:
        model: a run's folder, one of its numbered models (RUN@51200), a model file, or the name of a shipped model
        format_: ONNX, a folder for Keras 3, a torch.export program, or a folder as the Hugging Face Hub shows it
        with_discriminator: also the discriminator of the run; for Keras
        quantize: smaller numbers in ONNX; says what it costs in quality
        data_dir: where downloaded data sets lie
        out: where to (default: generator.onnx or the like, or the next free name)
        overwrite: replace what is there
        quiet: print nothing
        json_: print one machine-readable result
    """
    share_cores()  # before anything loads torch

    from digitgan.exporters import run
    from digitgan.session.session import console_printer

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
    output.lines(f"a pixel differs by at most {done.largest_difference:.1e} of 2 from the model's, in 64 images")
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
    """Take a generator from Keras 3 into a model file, to draw from, evaluate and export. Nothing in its file is run.

    Args:
        source: a .keras file, or an architecture as JSON
        weights: the .weights.h5 file that belongs to the JSON
        class_names: a name for each label
        out: the model file (default: SOURCE.safetensors, or the next free name)
        overwrite: replace what is there
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

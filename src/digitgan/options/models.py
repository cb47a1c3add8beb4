"""The options of `digitgan evaluate`, `export` and `import`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, final

from tyro.conf import Positional, arg

from digitgan.options.base import (
    CommandOptions,
    DataDir,
    Device,
    Flag,
    ModelName,
    Names,
    Out,
    Overwrite,
    PerClassLimit,
    Sources,
    Unset,
)
from digitgan.options.data import DataOptions, own_options_first


@final
@own_options_first
@dataclass(frozen=True)
class EvaluateOptions(DataOptions):
    """The options of `digitgan evaluate`.

    Attributes:
        source: a run's folder, one of its snapshots (RUN@51200), its best model (RUN@best), a model file, the name of a
            shipped model; or images: {digitgan.data:READERS}
        data: real images to compare with (default: the model's training data, or mnist): {digitgan.data:DATASETS}, digits,
            {digitgan.data:READERS}; several are joined
        images: number of images to generate
        seed: image i is a function of the model, this seed, i and its label
        reference: compare with held-out images (test) or with training images (train)
        train_on_synthetic: train a classifier on the images and test it on real images; takes several minutes
        inception: weights file of Inception; adds FID and KID by its features; takes many minutes
        report: folder for report.html and report.json
        overwrite: replace an existing report
        device: device that generates the images
    """

    source: Annotated[Positional[str], arg(metavar="MODEL|IMAGES")] = "mnist"
    data: Sources = ()
    data_dir: DataDir = None
    per_class_limit: PerClassLimit = None
    images: Annotated[int | None, arg(help_behavior_hint="(default: 10000, or as many as training images)")] = None
    seed: Annotated[int | None, arg(help_behavior_hint="(default: 0)")] = None
    reference: Literal["test", "train"] = "test"
    train_on_synthetic: Flag = False
    inception: Annotated[Path | None, Unset] = None
    report: Annotated[Path | None, arg(help_behavior_hint="(default: the run's folder, or report, report-2, …)")] = None
    overwrite: Flag = False
    device: Device = "cpu"


@final
@dataclass(frozen=True)
class ExportOptions(CommandOptions):
    """The options of `digitgan export`.

    Attributes:
        format: output format, one of {digitgan.exporters:EXPORT_FORMATS}
        with_discriminator: also export the discriminator of the run (Keras only)
        quantize: quantise the weights, one of {digitgan.exporters:QUANTISATIONS}; prints the loss of quality
        out: output path (default: generator.onnx or similar, or the next free name)
    """

    model: ModelName = "mnist"
    format: Annotated[str, arg(metavar="FORMAT")] = "onnx"
    with_discriminator: Flag = False
    quantize: Annotated[str | None, arg(metavar="TYPE", help_behavior_hint="")] = None
    data_dir: DataDir = None
    out: Out = None
    overwrite: Overwrite = False


@final
@dataclass(frozen=True)
class ImportOptions(CommandOptions):
    """The options of `digitgan import`.

    Attributes:
        source: a .keras file, or an architecture as JSON
        weights: the .weights.h5 file of a JSON architecture
        class_names: one name for each label
        out: model file (default: SOURCE.safetensors, or the next free name)
    """

    source: Positional[Path]
    weights: Annotated[Path | None, Unset] = None
    class_names: Annotated[Names, arg(help_behavior_hint="(default: 0, 1, 2, …)")] = None
    out: Out = None
    overwrite: Overwrite = False

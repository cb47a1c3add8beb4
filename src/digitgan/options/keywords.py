"""The keywords of the functions of `import digitgan`, for type checkers and editors.

Written by `python -m tests.options.test_keywords` from the options classes; do not edit. Only type checkers read this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict


class TrainKeywords(TypedDict, total=False):
    """The keywords of `digitgan.train`."""

    data: Path | str | Sequence[Path | str]
    data_dir: Path | str | None
    per_class_limit: int | None
    out: Path | str | None
    seed: int | None
    images: int | None
    epochs: float | None
    minutes: float | None
    settings: Sequence[str]
    config: Path | str | None
    from_: str | None
    unconditional: bool
    pretrain_discriminator: bool
    evaluate_every: int | None
    tensorboard: bool
    device: Literal["auto", "cpu", "cuda", "mps"]
    resume: bool
    overwrite: bool
    size: str | None
    fit: Literal["crop", "pad", "stretch"] | None
    colour: Literal["auto", "grey", "rgb"] | None
    background: str | None
    invert_colours: bool
    classes: Sequence[str] | None
    labels_from: Literal["auto", "outer-folder", "inner-folder", "file-name", "table"] | None
    label_column: str | None
    image_shape: str | None
    skip_damaged: bool
    strict: bool


class SampleKeywords(TypedDict, total=False):
    """The keywords of `digitgan.sample_to_files`."""

    labels: str | None
    per_class: int | None
    count: int | None
    weights: str | None
    zero_latent: bool
    seed: int
    truncation: float | None
    min_confidence: float | None
    unique: bool
    discriminator_rejection: float | None
    statement: bool
    data: Path | str | Sequence[Path | str]
    data_dir: Path | str | None
    per_class_limit: int | None
    format: str
    shard_size: int | None
    workers: int
    out: Path | str | None
    resume: bool
    overwrite: bool
    device: Literal["auto", "cpu", "cuda", "mps"]


class EvaluateKeywords(TypedDict, total=False):
    """The keywords of `digitgan.evaluate`."""

    data: Path | str | Sequence[Path | str]
    data_dir: Path | str | None
    per_class_limit: int | None
    images: int | None
    seed: int | None
    reference: Literal["test", "train"]
    train_on_synthetic: bool
    inception: Path | str | None
    report: Path | str | None
    overwrite: bool
    device: Literal["auto", "cpu", "cuda", "mps"]
    size: str | None
    fit: Literal["crop", "pad", "stretch"] | None
    colour: Literal["auto", "grey", "rgb"] | None
    background: str | None
    invert_colours: bool
    classes: Sequence[str] | None
    labels_from: Literal["auto", "outer-folder", "inner-folder", "file-name", "table"] | None
    label_column: str | None
    image_shape: str | None
    skip_damaged: bool
    strict: bool


class CompareKeywords(TypedDict, total=False):
    """The keywords of `digitgan.compare`."""

    seeds: int
    first_seed: int
    images: int | None
    minutes: float | None
    data: Path | str | Sequence[Path | str]
    data_dir: Path | str | None
    per_class_limit: int | None
    settings: Sequence[str]
    draw: int
    out: Path | str
    device: Literal["auto", "cpu", "cuda", "mps"]
    size: str | None
    fit: Literal["crop", "pad", "stretch"] | None
    colour: Literal["auto", "grey", "rgb"] | None
    background: str | None
    invert_colours: bool
    classes: Sequence[str] | None
    labels_from: Literal["auto", "outer-folder", "inner-folder", "file-name", "table"] | None
    label_column: str | None
    image_shape: str | None
    skip_damaged: bool
    strict: bool


class ExportKeywords(TypedDict, total=False):
    """The keywords of `digitgan.export`."""

    format: str
    with_discriminator: bool
    quantize: str | None
    data_dir: Path | str | None
    out: Path | str | None
    overwrite: bool


class ImportKeywords(TypedDict, total=False):
    """The keywords of `digitgan.import_keras`."""

    weights: Path | str | None
    class_names: Sequence[str] | None
    out: Path | str | None
    overwrite: bool

"""The options of training and sampling.

The command line, the Python API and the studio share these classes. A new option is a new field.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, final, get_args, get_origin, get_type_hints

from tyro.conf import Positional, UseAppendAction, arg, create_mutex_group

from digitgan.errors import UsageError, nearest

Unset = arg(help_behavior_hint="")
"""Annotation of an option whose default is None; it omits "(default: None)" from the help."""

Flag = Annotated[bool, Unset]
Device = Literal["auto", "cpu", "cuda", "mps"]
Settings = Annotated[UseAppendAction[tuple[str, ...]], arg(name="set", metavar="SECTION.KEY=VALUE")]
Length = create_mutex_group(required=False, title="length of the run")

Options = TypeVar("Options")


@final
@dataclass(frozen=True)
class TrainOptions:
    """The options of `digitgan train`. None means the default for a new run, and the recorded value for a resumed one.

    Attributes:
        recipe: recipe (default: fast), one of {digitgan.recipes:RECIPES}
        data: images to train on: {digitgan.data:DATASETS}, digits (8x8 digits of scikit-learn, enlarged), auto (mnist if it can
            be loaded, otherwise digits), a folder, or an NPZ file
        data_dir: folder of downloaded data sets (default: $DIGITGAN_DATA, or the user's cache folder)
        out: the run's folder (default: the next free one in runs/)
        seed: seed of the weights, the data order and the noise
        images: train until the discriminator has seen this number of real images
        epochs: train for this number of passes over the data
        minutes: train for this number of minutes; the speed is measured to convert them to images
        settings: change one value of the recipe
        config: TOML file with a recipe; its `base` names the recipe that it changes
        pretrain_discriminator: first train the discriminator alone, on real images against uniform noise
        evaluate_every: evaluate the generator after this number of images, repeatedly; keep the best model as best.safetensors
        tensorboard: also write TensorBoard event files to the run's folder
        device: device to compute on
        resume: continue the run in --out; --images can extend it
        overwrite: replace the run in --out
    """

    recipe: Annotated[Positional[str | None], Unset] = None
    data: Annotated[str | None, arg(metavar="SOURCE", help_behavior_hint="(default: mnist)")] = None
    data_dir: Annotated[Path | None, Unset] = None
    out: Annotated[Path | None, Unset] = None
    seed: Annotated[int | None, arg(help_behavior_hint="(default: 0)")] = None
    images: Annotated[int | None, Length, Unset] = None
    epochs: Annotated[float | None, Length, Unset] = None
    minutes: Annotated[float | None, Length, Unset] = None
    settings: Settings = ()
    config: Annotated[Path | None, Unset] = None
    pretrain_discriminator: Flag = False
    evaluate_every: Annotated[int | None, arg(metavar="IMAGES", help_behavior_hint="")] = None
    tensorboard: Flag = False
    device: Device = "auto"
    resume: Flag = False
    overwrite: Flag = False

    def __post_init__(self) -> None:
        """Check the types, for calls from Python."""
        _check_types(self)


@final
@dataclass(frozen=True)
class SampleRequest:
    """The options of `digitgan sample`.

    Attributes:
        model: a run's folder, one of its numbered models (RUN@51200), a model file, or the name of a shipped model
        labels: classes to generate; for conditional models
        per_class: number of images of each class
        count: total number of images; the classes alternate
        weights: proportions of the classes, used to divide --count
        zero_latent: generate from the all-zero latent, one image of each class
        seed: image i is a function of the model, this seed, i, its label, and the filters
        truncation: clip the latents to plus and minus this value; lower values give more typical and less varied images
        min_confidence: reject images to which the classifier gives a lower probability of their class, and generate others
        unique: reject images that are closer to a training image than held-out images are, and generate others
        statement: add a quality report to the set; takes several minutes
        data: real images for the filters and the quality report
        data_dir: folder of downloaded data sets
        format: output format, one of {digitgan.generation:WRITERS}
        shard_size: write several files with this number of images each, and a manifest
        workers: number of processes that generate the set; it does not change the images
        out: output path (default: samples.png or similar, or the next free name)
        resume: continue an interrupted set
        overwrite: replace an existing output
        device: device to compute on
    """

    model: Positional[str] = "mnist"
    labels: Annotated[str | None, arg(metavar="7|0-9|1,3,5", help_behavior_hint="(default: every class)")] = None
    per_class: Annotated[int | None, arg(help_behavior_hint="(default: 10)")] = None
    count: Annotated[int | None, Unset] = None
    weights: Annotated[str | None, arg(metavar="0:3,1:1", help_behavior_hint="")] = None
    zero_latent: Flag = False
    seed: int = 0
    truncation: Annotated[float | None, Unset] = None
    min_confidence: Annotated[float | None, arg(metavar="P", help_behavior_hint="")] = None
    unique: Flag = False
    statement: Flag = False
    data: Annotated[str | None, arg(help_behavior_hint="(default: the model's training data)")] = None
    data_dir: Annotated[Path | None, Unset] = None
    format: Annotated[str, arg(metavar="FORMAT")] = "png"
    shard_size: Annotated[int | None, Unset] = None
    workers: int = 1
    out: Annotated[Path | None, Unset] = None
    resume: Flag = False
    overwrite: Flag = False
    device: Device = "cpu"

    def __post_init__(self) -> None:
        """Check the types, for calls from Python."""
        _check_types(self)


def make_options(kind: type[Options], values: Mapping[str, Any]) -> Options:
    """Make options from the keywords of a Python call.

    Raises:
        UsageError: if there is no option of a name, the message names the nearest one; or if a value has a wrong type.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise UsageError(f"unknown option {name!r}: {nearest(name, known)}")
    return kind(**values)


def _check_types(options: Any) -> None:
    """Check the types of options that were not parsed from a command line, and turn strings into paths.

    Raises:
        UsageError: if a value has a wrong type.
    """
    for name, kind in get_type_hints(type(options)).items():
        value = getattr(options, name)
        if Path in get_args(kind) and isinstance(value, str):
            object.__setattr__(options, name, Path(value))  # the class is frozen
        elif kind == tuple[str, ...]:
            if isinstance(value, str) or not all(isinstance(each, str) for each in value):
                raise UsageError(f"{name}={value!r}: must be a list of strings, such as ['penalty.gamma=0.5']")
            object.__setattr__(options, name, tuple(value))
        elif not _is_of(value, kind):
            raise UsageError(f"{name}={value!r}: must be of type {getattr(kind, '__name__', kind)}")


def _is_of(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return isinstance(value, str)  # an unknown name is refused where it is looked up, with the nearest one
    allowed = get_args(kind) or (kind,)
    if isinstance(value, bool):
        return bool in allowed
    return isinstance(value, (*allowed, int) if float in allowed else allowed)


def signature_of(function: Callable[..., Any], kind: type[Any]) -> inspect.Signature:
    """Return a function's signature in which the fields of a dataclass replace `**options`, for help and editors."""
    own = [each for each in inspect.signature(function).parameters.values() if each.kind is not each.VAR_KEYWORD]
    named = {each.name for each in own}
    plain = get_type_hints(kind)  # without the annotations for the command line
    more = [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=plain[field.name])
        for field in fields(kind)
        if field.name not in named
    ]
    return inspect.signature(function).replace(parameters=[*own, *more])

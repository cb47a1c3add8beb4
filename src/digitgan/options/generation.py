"""The options of `digitgan sample`, `write`, `walk` and `invert`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, final

from tyro.conf import Positional, arg

from digitgan.options.base import CommandOptions, DataDir, Device, Flag, ModelName, Out, Overwrite, Seed, Sources, Unset


@final
@dataclass(frozen=True)
class SampleOptions(CommandOptions):
    """The options of `digitgan sample`.

    Attributes:
        labels: classes to generate; for conditional models
        per_class: number of images of each class; not with --count
        count: total number of images; the classes alternate, unless --weights divides them
        weights: proportions of the classes in --count, which is required; not with --labels
        zero_latent: generate from the all-zero latent, one image of each class
        seed: image i is a function of the model, this seed, i, its label, and the filters
        truncation: lower values give more typical and less varied images; limits the latents to plus and minus this value, or
            for a model with styles their distance from the average style to this share, at most 1
        min_confidence: reject images to which the classifier gives a lower probability of their class, and generate others;
            for conditional models
        unique: reject images that are nearer to a training image than the nearest held-out image, and generate others
        discriminator_rejection: accept about this share of the images of each class, from 0.2 to below 1, preferably those with
            higher scores of the discriminator (Azadi et al. 2019); needs the folder of a run
        statement: add a quality report to the set; takes several minutes; requires --shard-size
        data: real images that --min-confidence, --unique and --statement compare with (default: the model's training data);
            used by no other option
        per_class_limit: use only the first N real images of each class for --min-confidence, --unique and --statement; does
            not limit the generated images
        format: output format, one of {digitgan.generation:WRITERS}
        shard_size: write several files with this number of images each, and a manifest
        workers: number of processes that generate the images; it changes neither the images nor the files
        out: output path (default: samples.png or similar, or the next free name)
        resume: continue an interrupted set of --shard-size; requires --out, the folder of the set, and the same options
        device: device to compute on
    """

    model: ModelName = "mnist"
    labels: Annotated[str | None, arg(metavar="7|0-9|1,3,5", help_behavior_hint="(default: every class)")] = None
    per_class: Annotated[int | None, arg(help_behavior_hint="(default: 10)")] = None
    count: Annotated[int | None, Unset] = None
    weights: Annotated[str | None, arg(metavar="0:3,1:1", help_behavior_hint="")] = None
    zero_latent: Flag = False
    seed: int = 0
    truncation: Annotated[float | None, Unset] = None
    min_confidence: Annotated[float | None, arg(metavar="P", help_behavior_hint="")] = None
    unique: Flag = False
    discriminator_rejection: Annotated[float | None, arg(metavar="SHARE", help_behavior_hint="")] = None
    statement: Flag = False
    data: Sources = ()
    data_dir: DataDir = None
    per_class_limit: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: all)")] = None
    format: Annotated[str, arg(metavar="FORMAT")] = "png"
    shard_size: Annotated[int | None, Unset] = None
    workers: int = 1
    out: Out = None
    resume: Flag = False
    overwrite: Overwrite = False
    device: Device = "cpu"


@final
@dataclass(frozen=True)
class WriteOptions(CommandOptions):
    """The options of `digitgan write`.

    Attributes:
        text: text to write, such as 2026 or 2026-11-22
        seed: seed of the styles
        style: number of the style
        truncation: lower values give more typical styles, as in `digitgan sample`
        repeat: write a folder of this number of pictures in consecutive styles, starting at --style, with truth.csv; they have
            the size of the model's images, whereas a single picture is enlarged 3 times
        out: output picture or folder (default: TEXT.png or TEXT, or the next free name)
        device: device to compute on
    """

    text: Positional[str]
    model: ModelName = "mnist"
    seed: int = 0
    style: int = 0
    truncation: Annotated[float | None, Unset] = None
    repeat: Annotated[int | None, Unset] = None
    out: Out = None
    overwrite: Overwrite = False
    device: Device = "cpu"


@final
@dataclass(frozen=True)
class WalkOptions(CommandOptions):
    """The options of `digitgan walk`.

    Attributes:
        kind: kind of walk, one of {digitgan.generation.walking:WALKS}; style-mix is for models with styles
        labels: classes in the order of the walk; neighbours, directions and style-mix use the first one only
        latent: file of the first latent, as written by `digitgan invert` (default: the first latent of the seed)
        steps: number of steps from one stop to the next, or from one end to the other; not for grid and style-mix
        interpolation: interpolation between latents; only for the kind latents
        format: an animation (gif), a picture of at most 24 evenly spaced steps (png), or a folder of frames (frames); default:
            that of --out, else gif, and png for style-mix
        out: output path (default: walk.gif or similar, or the next free name)
        device: device to compute on
    """

    model: ModelName = "mnist"
    kind: Annotated[str, arg(metavar="KIND")] = "latents"
    labels: Annotated[str | None, arg(metavar="7|0-9|1,3,5", help_behavior_hint="(default: every class)")] = None
    seed: Seed = 0
    latent: Annotated[Path | None, Unset] = None
    steps: Annotated[int | None, arg(help_behavior_hint="(default: 20; 8 for a picture)")] = None
    interpolation: Literal["spherical", "linear"] = "spherical"
    format: Annotated[Literal["gif", "png", "frames"] | None, arg(metavar="gif|png|frames", help_behavior_hint="")] = None
    out: Out = None
    overwrite: Overwrite = False
    device: Device = "cpu"


@final
@dataclass(frozen=True)
class InvertOptions(CommandOptions):
    """The options of `digitgan invert`.

    Attributes:
        image: picture, such as a photo or a scan; it is brought to the form of the model's images, which the output shows first
        label: class of the picture
        seed: seed of the latents at which the search starts
        out: output picture of the image, its reconstruction and every class (default: IMAGE-redrawn.png, or the next free
            name); the latent is written beside it as .npy
        device: device to compute on
    """

    image: Positional[Path]
    model: ModelName = "mnist"
    label: Annotated[str | None, arg(metavar="CLASS", help_behavior_hint="(default: try every class)")] = None
    seed: int = 0
    out: Out = None
    overwrite: Overwrite = False
    device: Device = "cpu"

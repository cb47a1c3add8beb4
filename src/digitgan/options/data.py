"""The options of every command that reads a user's own images: their form, their classes, and what is done about faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from tyro.conf import arg

from digitgan.options.base import CommandOptions, Flag, Names, Options, Unset


def _default(value: str, values: str) -> Any:
    """Return the annotation of an option that is None unless it is stated. A stated value replaces that of a record."""
    return arg(metavar=values, help_behavior_hint=f"(default: {value})")


@dataclass(frozen=True, kw_only=True)
class DataOptions(CommandOptions):
    """The options of reading images. A resumed run and an evaluation of a model take them from the record of the run.

    Attributes:
        size: bring all images to this size in pixels, such as 64 or 48x32 (width x height), with anti-aliasing
        fit: bring images of another shape to the size by cutting off the edges (crop), by adding background (pad), or by
            stretching
        colour: number of channels; auto reads images as grey if all their pixels are
        background: colour behind transparent pixels and around padded images
        invert_colours: invert the images, for dark ink on light paper
        classes: use only the images of these classes; quote a name with a comma
        labels_from: read the class of a picture from its outermost folder, its own folder, the beginning of its file name, or a
            table such as labels.csv
        label_column: column, array or variable that holds the labels
        image_shape: shape of the images in an array or a CSV file of flat images, such as 28x28 or 3x32x32
        skip_damaged: leave out images and rows that cannot be used, and count them
        strict: refuse images if something about them is ignored, guessed or converted that no option asks for
    """

    size: Annotated[str | None, arg(metavar="N|WxH", help_behavior_hint="(default: the size of the images)")] = None
    fit: Annotated[Literal["crop", "pad", "stretch"] | None, _default("crop", "crop|pad|stretch")] = None
    colour: Annotated[Literal["auto", "grey", "rgb"] | None, _default("auto", "auto|grey|rgb")] = None
    background: Annotated[str | None, _default("black", "black|white|#rrggbb")] = None
    invert_colours: Flag = False
    classes: Annotated[Names, arg(help_behavior_hint="(default: all)")] = None
    labels_from: Annotated[
        Literal["auto", "outer-folder", "inner-folder", "file-name", "table"] | None,
        _default("auto", "auto|outer-folder|inner-folder|file-name|table"),
    ] = None
    label_column: Annotated[str | None, Unset] = None
    image_shape: Annotated[str | None, arg(metavar="HxW|CxHxW|HxWxC", help_behavior_hint="")] = None
    skip_damaged: Flag = False
    strict: Flag = False


def options_of_data(options: DataOptions) -> dict[str, Any]:
    """Return the values of the options of `DataOptions`, for the options of another command."""
    return {name: getattr(options, name) for name in DataOptions.__dataclass_fields__}


def own_options_first(kind: type[Options]) -> type[Options]:
    """Move the options of `DataOptions` behind the own options of a dataclass, in help texts and lists of options."""
    declared = kind.__dataclass_fields__  # type: ignore[attr-defined]
    shared = {name: declared.pop(name) for name in DataOptions.__dataclass_fields__}
    declared.update(shared)
    return kind

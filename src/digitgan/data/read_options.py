"""The options with which images are read: their form, where their classes are, and which classes are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from digitgan.data.conversion.options import Conversion, parse_background, parse_image_shape, parse_size
from digitgan.data.image_set import ImageSet
from digitgan.data.notes import Notes, counted, listed
from digitgan.errors import DataError, UsageError, nearest

LabelsFrom = Literal["auto", "outer-folder", "inner-folder", "file-name", "table"]
"""The place of the class of a picture: in the outermost folder of its split, in the folder of its file, in its file name
before the number at its end, or in a table beside the pictures. "auto" takes a table if there is one, else the outermost
folder."""


@dataclass(frozen=True)
class ReadOptions:
    """The options with which images are read.

    Attributes:
        conversion: the form to which they are converted.
        image_shape: the shape of a flat image, for arrays (n, values) and CSV files: (height, width), (channels, height, width)
            or (height, width, channels).
        labels_from: where the class of a picture is, see `LabelsFrom`.
        label_column: the name of the column or array of labels; None for the usual names.
        classes: the class names that are kept, in the order of the data; None for all.
        skip_damaged: leave out files and rows that cannot be used.
        strict: refuse images about which there is a note that no option asks for.
        stated: the names of the options that the user stated, though they may have their default value. `completed` keeps
            them.

    Raises:
        UsageError: if a value is not allowed.
    """

    conversion: Conversion = field(default_factory=Conversion)
    image_shape: tuple[int, ...] | None = None
    labels_from: LabelsFrom = "auto"
    label_column: str | None = None
    classes: tuple[str, ...] | None = None
    skip_damaged: bool = False
    strict: bool = False
    stated: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    def __post_init__(self) -> None:
        shape = self.image_shape
        if shape is not None and (
            not isinstance(shape, tuple) or not all(isinstance(side, int) and side > 0 for side in shape)
        ):
            raise UsageError(f"image_shape = {shape!r}: must be a tuple of positive integers, such as (28, 20) or (3, 32, 32)")
        if self.labels_from not in get_args(LabelsFrom):
            raise UsageError(f"--labels-from {self.labels_from}: {nearest(self.labels_from, get_args(LabelsFrom))}")
        if self.classes is not None and (not self.classes or len(set(self.classes)) < len(self.classes)):
            raise UsageError(f"--classes {','.join(self.classes)}: must name at least one class, each once")

    @classmethod
    def of(cls, options: Any) -> ReadOptions:
        """Return the options of a command.

        Args:
            options: an object with the fields of `digitgan.options.DataOptions`. Its type is not named here, because a training
                must not depend on the command line.

        Raises:
            UsageError: if a value is not allowed.
        """
        conversion = Conversion(
            None if options.size is None else parse_size(options.size),
            options.fit or "crop",
            options.colour or "auto",
            parse_background("black" if options.background is None else options.background),
            options.invert_colours,
        )
        shape = None if options.image_shape is None else parse_image_shape(options.image_shape)
        labels: tuple[LabelsFrom, str | None] = options.labels_from or "auto", options.label_column
        stated = frozenset(
            name for name in ("fit", "colour", "background", "labels_from") if getattr(options, name) is not None
        )
        return cls(conversion, shape, *labels, options.classes, options.skip_damaged, options.strict, stated)

    def resolved(self, images: ImageSet) -> ReadOptions:
        """Return the options that read other images in the form of these: with their size and channels."""
        channels, height, width = images.shape
        conversion = replace(self.conversion, size=(width, height), colour="rgb" if channels == 3 else "grey")
        return replace(self, conversion=conversion)

    def completed(self, recorded: ReadOptions) -> ReadOptions:
        """Return the options with recorded ones in place of those that have their default value and were not stated."""

        def chosen(own: Any, other: Any, default: Any) -> dict[str, Any]:
            return {
                name: value if name in self.stated or value != getattr(default, name) else getattr(other, name)
                for name, value in vars(own).items()
            }

        default = ReadOptions()
        conversion = Conversion(**chosen(self.conversion, recorded.conversion, default.conversion))
        return ReadOptions(**{**chosen(self, recorded, default), "conversion": conversion, "stated": self.stated})

    def selected(self, images: ImageSet, notes: Notes) -> ImageSet:
        """Return the images of the classes that are kept.

        Raises:
            DataError: if a class does not exist. The message names the nearest one.
        """
        if self.classes is None or self.classes == images.class_names:
            return images
        if unknown := [name for name in self.classes if name not in images.class_names]:
            problems = "; ".join(f"{name}: {nearest(name, images.class_names)}" for name in unknown)
            raise DataError(f"{images.name}: --classes {problems}")
        kept = [label for label, name in enumerate(images.class_names) if name in self.classes]
        place = np.full(len(images.class_names), -1, dtype=np.int64)
        place[kept] = np.arange(len(kept))
        labels = place[images.labels]
        left_out = [name for name in images.class_names if name not in self.classes]
        if left_out:
            count = counted(int((labels < 0).sum()), "image")
            notes.add(f"left out {count} of other classes: {listed(left_out)}", asked=True)
        names = tuple(images.class_names[label] for label in kept)
        if not (labels >= 0).any():
            raise DataError(f"{images.name}: holds no images of the classes {', '.join(names)}")
        return replace(images, images=images.images[labels >= 0], labels=labels[labels >= 0], class_names=names)

    def record(self) -> dict[str, Any]:
        """Return the options as JSON values, from which `of_record` makes them again. Those of no effect later are omitted."""
        return {
            "conversion": self.conversion.record(),
            "image_shape": self.image_shape and list(self.image_shape),
            "labels_from": self.labels_from,
            "label_column": self.label_column,
            "classes": self.classes and list(self.classes),
            "skip_damaged": self.skip_damaged,
        }

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> ReadOptions:
        """Return the options of a record. Entries of a wrong type, as in a damaged file, have their default value.

        Raises:
            UsageError: if a value is not allowed.
        """

        def of_type(name: str, kind: type[Any]) -> Any:
            value = record.get(name)
            return value if isinstance(value, kind) else None

        shape, classes = of_type("image_shape", list), of_type("classes", list)
        return cls(
            Conversion.of_record(of_type("conversion", Mapping) or {}),
            tuple(shape) if shape and all(type(side) is int and side > 0 for side in shape) else None,
            of_type("labels_from", str) or "auto",
            of_type("label_column", str),
            None if classes is None else tuple(map(str, classes)),
            bool(record.get("skip_damaged", False)),
        )

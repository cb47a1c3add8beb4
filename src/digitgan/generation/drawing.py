"""Pictures of a user's own, such as photos of handwriting, brought to the form of the images that a model generates."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from digitgan.data import Conversion, ReadOptions, open_upright
from digitgan.errors import UsageError
from digitgan.images import Picture
from digitgan.model.file import Model

Numbers = npt.NDArray[np.float64]

SAMPLES: Final = 100
"""Images that are generated to learn the form of a model's images."""

DARK_EDGE: Final = 16
"""Mean level of the border up to which images are taken as ink on a dark ground."""

STEADY: Final = 0.08
"""Standard deviation of the centre of mass, as a share of the side, up to which images are taken as centred."""

INK: Final = 64
"""Level from which a pixel of a generated image counts as ink."""

DARK: Final = 127.5
"""Mean level of the opaque pixels up to which they are placed on white."""

GROUND_SIDE: Final = 100
"""Side in pixels of the small picture by which ink and ground are told apart."""

GROUND_MARGIN: Final = 0.05
"""Share of that picture that is left out at each edge, where a table may be seen beside the paper."""

PAPER_SHARE: Final = 0.25
"""Side of the window in which the paper is the brightest, as a share of the picture: wider than a stroke."""

LARGEST_SIDE: Final = 1000
"""Side in pixels to which larger pictures are reduced first."""

PHOTO_SIDE: Final = 64
"""Side in pixels above which a picture is taken as a photo or a scan, whose paper may be lit unevenly."""

SPECK: Final = 0.02
"""Area of a spot, as a share of the largest, below which it is dust."""

SHIFTED: Final = 1.5
"""Distance in pixels of the centre of mass from the middle up to which a picture of the right size is taken as centred."""


@final
@dataclass(frozen=True)
class Drawing:
    """A picture in the form of a model's images.

    Attributes:
        pixels: uint8 (height, width) or (height, width, 3), as the model's images.
        inverted: whether it was dark ink on light paper.
        steps: what was done to the picture, one entry each.
    """

    pixels: Picture
    inverted: bool
    steps: tuple[str, ...]


@final
@dataclass(frozen=True)
class InkForm:
    """The form of ink on a dark ground, as a model generates it.

    Attributes:
        box: the mean longer side of the box around the ink, in pixels.
        centre: the mean centre of mass (row, column).
        centred: whether the centre of mass is steady.
    """

    box: float
    centre: tuple[float, float]
    centred: bool


def drawing_for(path: Path, model: Model) -> Drawing:
    """Read a picture and bring it to the form of the images that a model generates.

    A model of grey ink on a dark ground, such as one of MNIST, gets what MNIST's authors did to their scans: the box around the
    ink is scaled to the size that the model draws, and its centre of mass is placed where the model places it (LeCun et al.
    1998). The ground of a photo is evened out before. Any other model gets the picture as its training images were read, with
    their fit, background and inversion, see `digitgan.ReadOptions`.

    A picture that has this form already stays as it is.

    Args:
        path: the picture: any format, size, colour and orientation that `digitgan.data.open_upright` reads.
        model: the model.

    Raises:
        DataError: if the picture cannot be read.
    """
    spec = model.generator.spec
    steps: list[str] = []
    form = ink_form(model) if spec.channels == 1 else None
    if form is None:
        conversion = dataclasses.replace(
            _conversion_of_training(model),
            size=(spec.width, spec.height),
            colour="rgb" if spec.channels == 3 else "grey",
        )
        picture = open_upright(path, conversion, steps)
        if conversion.invert_colours:
            picture = 255 - picture
            steps.append("inverted, as the training images were")
        return Drawing(picture, conversion.invert_colours, tuple(steps))
    grey = open_upright(path, Conversion(colour="grey", background=_clear_background(path)), steps)
    if (larger := max(grey.shape) / LARGEST_SIDE) > 1:
        reduced = Image.fromarray(grey).resize(
            (round(grey.shape[1] / larger), round(grey.shape[0] / larger)), Image.Resampling.BOX
        )
        grey = np.asarray(reduced)
    return placed_drawing(grey, form, (spec.height, spec.width), steps)


def placed_drawing(grey: Picture, form: InkForm, shape: tuple[int, int], steps: Sequence[str] = ()) -> Drawing:
    """Bring a grey picture of ink to the form of a model's images; see `drawing_for`.

    Args:
        grey: uint8 (height, width), of any size; dark ink on light paper, or light ink on a dark ground.
        form: form of the model's images.
        shape: height and width of the model's images.
        steps: what was done to the picture before.
    """
    steps = list(steps)
    inverted = _is_dark_on_light(grey)
    light = 255 - grey if inverted else grey
    if inverted:
        steps.append("dark ink on light paper, inverted")
    if grey.shape == shape and _in_place(light, form):
        return Drawing(light, inverted, tuple(steps))
    placed = _placed(_ink(light, inverted), form, shape)
    box = f"{round(form.box)} pixels"
    steps.append(f"ink scaled to {box} and placed by its centre of mass, as in the images that the model was trained on")
    return Drawing(placed, inverted, tuple(steps))


def _conversion_of_training(model: Model) -> Conversion:
    """Return how the training images of a model were converted, as its card states; the default if it does not."""
    data = model.card.get("data")
    read = data.get("read") if isinstance(data, Mapping) else None
    try:
        return ReadOptions.of_record(read).conversion if isinstance(read, Mapping) else Conversion()
    except UsageError:  # a model file may hold anything
        return Conversion()


def ink_form(model: Model) -> InkForm | None:
    """Return the form of the ink that a model draws; None if its images have no dark ground."""
    labels = np.arange(SAMPLES) % len(model.class_names)
    images = model.sample(labels, seed=0)
    if np.mean([_edge(image).mean() for image in images]) > DARK_EDGE:
        return None
    inked = [image for image in images if (image >= INK).any()]
    if not inked:
        return None
    boxes = [max(np.ptp(np.nonzero(image >= INK)[axis]) + 1 for axis in (0, 1)) for image in inked]
    centres = np.array([ndimage.center_of_mass(image.astype(np.float64)) for image in inked])
    side = max(images.shape[1:3])
    centred = bool((centres.std(axis=0) <= STEADY * side).all())
    middle = centres.mean(axis=0)
    return InkForm(float(np.median(boxes)), (float(middle[0]), float(middle[1])), centred)


def _in_place(grey: Picture, form: InkForm) -> bool:
    """Return whether the ink of a picture of the right size lies where the model places it, in about its size."""
    if not (grey >= INK).any():
        return True
    if not form.centred:
        return True
    apart = np.abs(np.array(ndimage.center_of_mass(grey.astype(np.float64))) - form.centre)
    return bool((apart <= SHIFTED).all())


def _edge(image: Picture) -> Numbers:
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]).astype(np.float64)


def _is_dark_on_light(grey: Picture) -> bool:
    """Return whether the few levels that differ most from their surroundings are darker than these.

    The mean level does not tell: a photo of white paper may be darker than half of the range, and have a dark edge.
    """
    picture = Image.fromarray(grey)
    picture.thumbnail((GROUND_SIDE, GROUND_SIDE), Image.Resampling.BOX)
    values = np.asarray(picture, dtype=np.float64)
    margin = round(GROUND_MARGIN * min(values.shape)) if max(grey.shape) > PHOTO_SIDE else 0
    values = values[margin : values.shape[0] - margin, margin : values.shape[1] - margin]
    window = round(max(values.shape) / 2) | 1 if max(grey.shape) > PHOTO_SIDE else 0
    ground = ndimage.median_filter(values, size=window, mode="nearest") if window else np.median(values)
    return bool(((values - ground) ** 3).sum() < 0)


def _clear_background(path: Path) -> tuple[int, int, int]:
    """Return the background that shows the opaque pixels of a picture: white behind dark ones, black behind light ones."""
    levels = [float(open_upright(path, Conversion(colour="grey", background=(level,) * 3), []).mean()) for level in (0, 255)]
    # On a black ground the picture keeps the light of its opaque pixels alone; on white, the clear pixels add theirs.
    clear = (levels[1] - levels[0]) / 255
    if clear <= 0:
        return 0, 0, 0
    opaque = levels[0] / max(1e-6, 1 - clear)
    return (0, 0, 0) if opaque > DARK else (255, 255, 255)


def _ink(light: Picture, inverted: bool) -> Numbers:
    """Return the ink of a light-on-dark picture in [0, 1]: its ground evened out, dust and borders removed.

    Args:
        light: the picture, uint8 (height, width).
        inverted: whether it was dark ink on light paper. The light of a lamp multiplies the levels of both.
    """
    values = light.astype(np.float64)
    if max(light.shape) > PHOTO_SIDE:
        values = ndimage.gaussian_filter(values, max(light.shape) / 400)
        window = max(3, round(PAPER_SHARE * min(light.shape)) // 4)
        ground = ndimage.grey_opening(values[::4, ::4], size=(window, window))
        ground = np.asarray(Image.fromarray(ground.astype(np.float32)).resize(light.shape[::-1], Image.Resampling.BILINEAR))
        values = np.clip(values - ground, 0, None)
        if inverted:
            values *= 255 / np.maximum(255 - ground, 1)
    threshold = _otsu(values)
    marks, count = ndimage.label(values > threshold, structure=np.ones((3, 3)))
    if count:
        areas = ndimage.sum_labels(np.ones_like(values), marks, np.arange(1, count + 1))
        edges = {int(each) for each in np.unique(np.concatenate([marks[0], marks[-1], marks[:, 0], marks[:, -1]])) if each}
        large = [label for label in range(1, count + 1) if areas[label - 1] >= SPECK * areas.max()]
        inside = [label for label in large if label not in edges]
        kept = np.isin(marks, inside or large)
        # The soft rim of the strokes belongs to them.
        values = np.where(ndimage.binary_dilation(kept, iterations=max(1, max(light.shape) // 200)), values, 0)
    white = float(np.quantile(values[values > threshold], 0.9)) if (values > threshold).any() else float(values.max())
    return np.clip(values / max(1e-6, white), 0, 1)


def _otsu(values: Numbers) -> float:
    """Return the threshold that separates two classes of values best (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=256)
    middles = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts), np.cumsum(counts[::-1])[::-1]
    mean_below = np.cumsum(counts * middles) / np.maximum(below, 1)
    mean_above = (np.cumsum((counts * middles)[::-1]) / np.maximum(above[::-1], 1))[::-1]
    between = below[:-1] * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return float(middles[int(between.argmax())])


def _placed(ink: Numbers, form: InkForm, shape: tuple[int, int]) -> Picture:
    """Return ink scaled to the box of the form, with its centre of mass in place."""
    rows, columns = np.nonzero(ink > 0.25)
    if len(rows) == 0:
        return np.zeros(shape, dtype=np.uint8)
    cut = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = form.box / max(cut.shape)
    size = max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale))
    small = np.asarray(Image.fromarray((cut * 255).astype(np.float32)).resize(size, Image.Resampling.LANCZOS), dtype=np.float64)
    small = np.clip(small, 0, 255)
    if (white := float(np.quantile(small[small > INK], 0.9)) if (small > INK).any() else float(small.max())) > 0:
        small = np.clip(small * (255 / white), 0, 255)  # thin strokes fade when they are scaled down
    mass = ndimage.center_of_mass(small) if small.any() else (small.shape[0] / 2, small.shape[1] / 2)
    wanted = form.centre if form.centred else ((shape[0] - 1) / 2, (shape[1] - 1) / 2)
    result = np.zeros(shape, dtype=np.uint8)
    top, left = (round(place - centre) for place, centre in zip(wanted, mass, strict=True))
    # The box stays within the picture.
    top = min(max(top, 0), max(0, shape[0] - small.shape[0]))
    left = min(max(left, 0), max(0, shape[1] - small.shape[1]))
    height, width = min(small.shape[0], shape[0]), min(small.shape[1], shape[1])
    result[top : top + height, left : left + width] = np.rint(small[:height, :width])
    return result

"""Conversion of many encoded pictures to one array, with one size, one number of channels and one list of problems."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple, TypeVar, final

import numpy as np
import numpy.typing as npt
import torch

from digitgan.data.conversion.options import Conversion, how_fitted
from digitgan.data.conversion.pictures import Fact, Header, decoded, deep_values, header_of, opened
from digitgan.data.conversion.values import Extremes, ValueRange
from digitgan.data.image_set import Pixels
from digitgan.data.notes import Notes, Problems, counted
from digitgan.data.progress import ProgressFn, ProgressLines, with_separators
from digitgan.device import available_memory
from digitgan.errors import DataError, OutOfMemoryError

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_OWN_SIDE: Final = 128
"""Images of one size keep it up to this side in pixels. It is the largest that the networks are made for."""

DEFAULT_SIDE: Final = 64
"""Longer side of images that are larger, or of several sizes."""

WINDOW: Final = 64
"""Pictures that are read ahead of the one that is stored, which bounds the memory."""

MAX_THREADS: Final = 8


class Encoded(NamedTuple):
    """An encoded picture.

    Attributes:
        place: its place in the set.
        name: its name in messages.
        content: its path or its content; None if it has none.
    """

    place: int
    name: str
    content: Path | bytes | None


class EncodedPictures(ABC):
    """Encoded pictures in a folder, an archive or a table. They can be iterated over several times."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of pictures."""

    @abstractmethod
    def __iter__(self) -> Iterator[Encoded]:
        """Yield the pictures, in the order in which they can be read fastest."""


@final
@dataclass(frozen=True)
class PictureFiles(EncodedPictures):
    """Picture files.

    Attributes:
        paths: their paths.
    """

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.paths)

    def __iter__(self) -> Iterator[Encoded]:
        """Yield the files in their order."""
        return (Encoded(index, str(path), path) for index, path in enumerate(self.paths))


def read_pictures(
    pictures: EncodedPictures,
    conversion: Conversion,
    notes: Notes,
    name: str,
    *,
    skip_damaged: bool,
    notify: ProgressFn,
    problems: Problems | None = None,
    other_splits: EncodedPictures | None = None,
    background_is_stated: bool = False,
) -> tuple[Pixels, npt.NDArray[np.bool_]]:
    """Decode and convert pictures.

    All headers are read first: they decide on the size and show most problems. Then the pictures are decoded on threads.

    Args:
        pictures: the pictures.
        conversion: the form of the images. Without a size, pictures of one size keep it, up to `MAX_OWN_SIDE`; for others,
            `chosen_size` chooses one.
        notes: the notes, to which each conversion is added with the number of pictures.
        name: the name of the set in messages.
        skip_damaged: leave out pictures that cannot be used.
        notify: a function that receives lines of progress.
        problems: problems found before, which are reported together with those of the pictures.
        other_splits: the pictures of the other splits. The size and the values of black and white are those of all pictures
            together, so that all splits are converted alike.
        background_is_stated: whether the user stated the background of transparent pictures.

    Returns:
        uint8 (kept, height, width) or (kept, height, width, 3), and for each picture whether it was kept.

    Raises:
        DataError: if pictures cannot be used and may not be left out, or if none is left. The message lists them.
    """
    problems = Problems(name, "pictures") if problems is None else problems
    headers = _headers(pictures, problems, ProgressLines(notify, f"{name}, pictures looked at", with_separators))
    kept = np.array([header is not None for header in headers])
    if not kept.any():
        problems.check(skip=False, notes=notes)
        raise DataError(f"{name}: holds no pictures")
    deep = any(each and each.deep for each in headers)
    sets = [(pictures, headers)]
    if other_splits and (deep or conversion.size is None):
        elsewhere = Problems(name, "pictures")  # they are reported when that split is read
        progress = ProgressLines(notify, f"{name}, pictures of the other split looked at", with_separators)
        sets.append((other_splits, _headers(other_splits, elsewhere, progress)))
    sized, sizes = conversion, Counter(each.size for _, of_set in sets for each in of_set if each)
    if conversion.size is None:
        sized = replace(conversion, size=chosen_size(sizes, conversion, notes))
    values = _deep_values(sets, name) if deep else None

    def convert(picture: Encoded) -> tuple[int, tuple[Pixels, set[Fact]] | DataError]:
        try:
            with opened(_content(picture), picture.name) as image:
                return picture.place, decoded(image, sized, values)
        except DataError as error:
            return picture.place, error

    images = _Images(len(headers), sized, name)
    facts: Counter[Fact] = Counter()
    progress = ProgressLines(notify, f"{name}, pictures read", with_separators)
    for done, (index, found) in enumerate(_in_order(convert, (each for each in pictures if headers[each.place]))):
        progress.report(done, int(kept.sum()))
        if isinstance(found, DataError):
            problems.add(str(found))
            kept[index] = False
            continue
        images.store(index, found[0])
        facts.update(found[1])
    problems.check(skip=skip_damaged, notes=notes)
    if not kept.any():
        raise DataError(f"{name}: none of its pictures can be used")
    _add_notes(
        facts,
        values,
        int(kept.sum()),
        sized,
        sizes,
        notes,
        size_is_stated=conversion.size is not None,
        background_is_stated=background_is_stated,
    )
    return images.only(kept), kept


def chosen_size(sizes: Counter[tuple[int, int]], conversion: Conversion, notes: Notes) -> tuple[int, int]:
    """Return the size to which images are converted if the user states none.

    One size of at most `MAX_OWN_SIDE` is kept. A larger one is reduced to `DEFAULT_SIDE` on its longer side. If there are
    several sizes, the one that at least half of the images have is chosen in the same way. Otherwise the images become squares
    whose side is the median of their shorter sides, at most `DEFAULT_SIDE`.
    """
    (common, count), total = sizes.most_common(1)[0], sizes.total()
    if len(sizes) == 1 and max(common) <= MAX_OWN_SIDE:
        return common
    if 2 * count >= total:
        width, height = common
        scale = min(1, DEFAULT_SIDE / max(common)) if max(common) > MAX_OWN_SIDE else 1
        size = max(1, round(width * scale)), max(1, round(height * scale))
    else:
        side = min(DEFAULT_SIDE, round(median(min(each) for each in sizes.elements())))
        size = side, side
    if len(sizes) == 1:
        notes.add(f"the images are {_times(common)}, larger than {MAX_OWN_SIDE}: reduced to {_times(size)} (--size)")
    else:
        by_area = sorted(sizes, key=lambda each: (each[0] * each[1], each))
        low, high = by_area[0], by_area[-1]
        notes.add(
            f"the images have {len(sizes):,} sizes, from {_times(low)} to {_times(high)}: brought to {_times(size)} by "
            f"{how_fitted(sizes, size, conversion.fit)} (--size, --fit)"
        )
    return size


@final
class _Images:
    """An array of images of one size. It is grey until the first colour image is stored, then RGB."""

    def __init__(self, count: int, conversion: Conversion, name: str) -> None:
        self._name = name
        width, height = conversion.size or (0, 0)
        self._array = self._zeros((count, height, width, 3) if conversion.colour == "rgb" else (count, height, width))

    def store(self, index: int, pixels: Pixels) -> None:
        """Store an image, uint8 (height, width) or (height, width, 3)."""
        if pixels.ndim == self._array.ndim:
            grey = self._array
            self._array = self._zeros((*grey.shape, 3))
            self._array[:] = grey[:, :, :, None]
        self._array[index] = pixels if pixels.ndim == self._array.ndim - 1 else pixels[:, :, None]

    def only(self, kept: npt.NDArray[np.bool_]) -> Pixels:
        """Return the images that were kept."""
        return self._array if kept.all() else self._array[kept]

    def _zeros(self, shape: tuple[int, ...]) -> Pixels:
        check_room(shape[0], shape[1:], self._name)
        return np.zeros(shape, dtype=np.uint8)


def check_room(count: int, shape: tuple[int, ...], name: str = "the data") -> None:
    """Check that images fit into the memory, before it is taken.

    Args:
        count: the number of images.
        shape: the shape of an image: (height, width) or (height, width, channels).
        name: the name of the images in messages.

    Raises:
        OutOfMemoryError: if they do not fit.
    """
    needed, available = count * math.prod(shape), available_memory(torch.device("cpu"))
    if needed > (1 << 62) or (available is not None and needed > available):
        raise OutOfMemoryError(
            f"{name}: {count:,} images of {shape[1]}x{shape[0]} take {needed / 1e9:,.1f} GB of memory, and "
            f"{(available or 0) / 1e9:.1f} GB are available; make them smaller with --size, or use fewer"
        )


def _headers(pictures: EncodedPictures, problems: Problems, progress: ProgressLines) -> list[Header | None]:
    """Return the header of each picture, None for those with problems."""
    headers: list[Header | None] = [None] * len(pictures)
    for done, picture in enumerate(pictures):
        progress.report(done, len(pictures))
        try:
            with opened(_content(picture), picture.name) as image:
                headers[picture.place] = header_of(image, picture.name)
        except DataError as error:
            problems.add(str(error))
    return headers


def _deep_values(sets: Sequence[tuple[EncodedPictures, Sequence[Header | None]]], name: str) -> ValueRange:
    """Return the values of black and white of the pictures with more than 8 bits per channel."""
    extremes = Extremes()
    for pictures, headers in sets:
        for picture in pictures:
            header = headers[picture.place]
            if header is None or not header.deep:
                continue
            try:
                with opened(_content(picture), picture.name) as image:
                    extremes.add(deep_values(image))
            except DataError:
                continue  # it is reported when it is decoded
    found_any = np.isfinite(extremes.high) or extremes.not_finite
    return extremes.range(name) if found_any else ValueRange(0, (1 << 16) - 1)


def _content(picture: Encoded) -> Path | bytes:
    if picture.content is None:
        raise DataError(f"{picture.name}: has no content")
    if isinstance(picture.content, Path) and not picture.content.is_file():
        wrong = "is not a regular file" if picture.content.exists() else "does not exist"
        raise DataError(f"{picture.name}: {wrong}")
    return picture.content


def _in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield the results of a function in the order of the items, computed on several threads at most `WINDOW` ahead."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= WINDOW:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


def _add_notes(
    facts: Counter[Fact],
    values: ValueRange | None,
    total: int,
    conversion: Conversion,
    sizes: Collection[tuple[int, int]],
    notes: Notes,
    *,
    size_is_stated: bool,
    background_is_stated: bool,
) -> None:
    """Add a line for each kind of conversion."""

    def are(number: int) -> str:
        return "is" if number == 1 else "are"

    def has(number: int) -> str:
        return "has" if number == 1 else "have"

    of = f"of {counted(total, 'picture')}"
    if count := facts["turned"]:
        notes.add(f"{count:,} {of} turned upright as their EXIF orientation states", asked=True)
    if count := facts["deep"]:
        notes.add(
            f"{count:,} {of} {has(count)} more than 8 bits per channel: scaled to 8 bits{f' from {values}' if values else ''}"
        )
    if count := facts["transparent"]:
        notes.add(
            f"{count:,} {of} {are(count)} transparent: placed on {conversion.background_name} (--background)",
            asked=background_is_stated,
        )
    if count := facts["hidden"]:
        notes.add(
            f"{count:,} {of} cannot be told from the background {conversion.background_name} on which they are placed; choose "
            "another with --background"
        )
    if count := facts["cmyk"]:
        notes.add(f"{count:,} {of} {are(count)} in CMYK: converted to RGB without colour profiles")
    if count := facts["first frame"]:
        notes.add(f"{count:,} {of} {has(count)} several frames: the first one is used")
    if count := facts["made grey"]:
        notes.add(f"{count:,} {of} converted to grey", asked=True)
    grey = facts["grey"]
    if grey == total and (count := facts["stored in colour"]):
        notes.add(f"{count:,} {of} stored in colour, all of them grey: read as grey images (--colour)")
    elif 0 < grey < total:
        notes.add(f"{grey:,} {of} {are(grey)} grey: read as RGB like the others (--colour)")
    if size_is_stated and conversion.size is not None and (count := facts["resized"]):
        how = how_fitted(sizes, conversion.size, conversion.fit)
        notes.add(f"{count:,} {of} brought to {_times(conversion.size)} by {how}", asked=True)


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"

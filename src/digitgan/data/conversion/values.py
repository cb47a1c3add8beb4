"""The range of the values of pictures and arrays, and their scaling to 8 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from digitgan.data.image_set import Pixels
from digitgan.errors import DataError

DEPTHS: Final = (8, 10, 12, 16)
"""Usual numbers of bits per channel. Cameras and scanners store 10 and 12 bits in 16."""

MAX_BYTE: Final = 255

KINDS: Final = {"b": "bool", "u": "uint", "i": "int", "f": "float"}
"""NumPy's names of the kinds of values, without their bits."""

NEAR: Final = 0.1
"""The distance by which floats may lie outside of a range that they are probably meant to have."""

FEW: Final = 0.001
"""Share of values above 255 below which they are errors in images of 8 bits, and no images of more bits."""

NEAR_LOWEST: Final = -0.9
"""Lowest value from which floats are taken as those of -1 to 1. Those of -0.5 to 0.5 do not reach it."""

SLICE_BYTES: Final = 16 << 20
"""Bytes of an array that are scaled at once. Twice as many are needed for their copies as floats."""

TOLERANCE: Final = 1e-3
"""The distance by which a float may lie outside of its range, relative to the width of the range: rounding and resampling."""


@final
@dataclass(frozen=True)
class ValueRange:
    """The values that stand for black and white.

    Attributes:
        low: the value of black.
        high: the value of white.
    """

    low: float
    high: float

    @property
    def is_bytes(self) -> bool:
        """True if the values are those of 8 bits."""
        return (self.low, self.high) == (0, 255)

    def __str__(self) -> str:
        return f"{self.low:,g} to {self.high:,g}"

    def scaled(self, values: npt.NDArray[Any]) -> Pixels:
        """Return the values, rounded to 0 (black) … 255 (white), in an array of the same shape."""
        if values.dtype == np.uint8 and self.is_bytes:
            return values
        result = np.empty(values.shape, dtype=np.uint8)
        at_once = max(1, SLICE_BYTES // max(1, values[:1].nbytes)) if values.ndim else 1
        for start in range(0, len(values), at_once):
            part = values[start : start + at_once].astype(np.float64)
            part = (part - self.low) * (255 / (self.high - self.low))
            result[start : start + at_once] = np.rint(part).clip(0, 255)
        return result


@final
@dataclass
class Extremes:
    """The extreme values of images that are seen one after the other.

    Attributes:
        low: the lowest value.
        high: the highest value.
        kind: NumPy's kind of the values: "b" (booleans), "u" and "i" (integers) or "f" (floats).
        integral: whether all values are integers.
        bits: the size of a value, in bits.
        not_finite: the number of values that are not a number or infinite.
        above_bytes: the number of values above 255.
        count: the number of values.
    """

    low: float = np.inf
    high: float = -np.inf
    kind: str = "u"
    integral: bool = True
    bits: int = 8
    not_finite: int = 0
    above_bytes: int = 0
    count: int = 0

    def add(self, values: npt.NDArray[Any]) -> None:
        """Look at the values of one image, or of many."""
        at_once = max(1, SLICE_BYTES // max(1, values[:1].nbytes))
        self.kind, self.bits = values.dtype.kind, 8 * values.dtype.itemsize
        for start in range(0, len(values), at_once):
            part = values[start : start + at_once]
            if part.size == 0:
                continue
            if self.kind == "f":
                finite = np.isfinite(part)
                self.not_finite += int(finite.size - finite.sum())
                self.integral = self.integral and bool((np.rint(part) == part)[finite].all())
                part = part[finite]
                if part.size == 0:
                    continue
            self.low = min(self.low, float(part.min()))
            self.high = max(self.high, float(part.max()))
            self.count += part.size
            if self.high > MAX_BYTE:
                self.above_bytes += int((part > MAX_BYTE).sum())

    def range(self, name: str) -> ValueRange:
        """Return the range whose ends stand for black and white.

        Args:
            name: the name of the images in messages.

        Raises:
            DataError: if it is ambiguous. The message gives the extreme values and the line that scales the data.
        """
        if self.not_finite:
            raise DataError(
                f"{name}: {self.not_finite:,} of its values are NaN or infinite; replace them, for example by "
                "np.nan_to_num(images)"
            )
        if self.kind == "b" or (self.low >= 0 and self.high == 1 and self.integral):
            return ValueRange(0, 1)
        if self.integral and 0 < self.above_bytes < FEW * self.count:
            raise DataError(
                f"{name}: {self.above_bytes:,} of its {self.count:,} values are above 255, up to {self.high:g}, and would make "
                "all images darker; correct them, for example by np.clip(images, 0, 255)"
            )
        if self.integral and self.low >= 0:
            for bits in DEPTHS:
                if self.high < 1 << bits:
                    return ValueRange(0, (1 << bits) - 1)
        elif self.kind == "f":
            if self.low >= -TOLERANCE and self.high <= 1 + TOLERANCE:
                return ValueRange(0, 1)
            if -1 - 2 * TOLERANCE <= self.low <= NEAR_LOWEST and self.high <= 1 + 2 * TOLERANCE:
                return ValueRange(-1, 1)
            if self.low >= -255 * TOLERANCE and 128 <= self.high <= 255 * (1 + TOLERANCE):
                return ValueRange(0, 255)
        low, high = f"{self.low:g}", f"{self.high:g}"
        for least in (0, -1):
            if self.kind == "f" and abs(self.low - least) < NEAR and abs(self.high - 1) < NEAR:
                raise DataError(
                    f"{name}: its values are from {low} to {high}, a little outside of {least} to 1; cut them off, for example "
                    f"by np.clip(images, {least}, 1)"
                )
        raise DataError(
            f"{name}: its values are {KINDS[self.kind]}{self.bits} from {low} to {high}, and which of them are black and "
            "white is ambiguous; they may be 0 to 255, 0 to 1 or -1 to 1. If they are the two extremes, save "
            f"((images - {f'({low})' if self.low < 0 else low}) * (255 / ({high} - {f'({low})' if self.low < 0 else low})))"
            ".round().astype('uint8')"
        )

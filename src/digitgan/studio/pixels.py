"""Images as JSON values: their raw levels in base64, which a page draws without decoding a picture."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np

from digitgan.errors import UsageError
from digitgan.images import Picture


def as_json(images: Picture) -> dict[str, Any]:
    """Return images (n, height, width[, channels]) as JSON values: the shape and the levels."""
    count, height, width = images.shape[:3]
    channels = images.shape[3] if images.ndim == 4 else 1
    levels = base64.b64encode(np.ascontiguousarray(images).tobytes()).decode()
    return {"count": count, "height": height, "width": width, "channels": channels, "levels": levels}


def grey_picture(levels: str, height: int, width: int) -> Picture:
    """Return a grey picture (height, width) from its levels in base64.

    Raises:
        UsageError: if the number of levels differs from that of the pixels.
    """
    try:
        content = base64.b64decode(levels, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise UsageError(f"levels: are not base64 ({problem})") from problem
    if len(content) != height * width:
        raise UsageError(f"levels: {len(content):,} bytes for {width}x{height} pixels; must be one byte for each pixel")
    return np.frombuffer(content, np.uint8).reshape(height, width)

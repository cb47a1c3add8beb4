"""The declaration of a setting, and the names that several families accept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Any, Final


def setting(
    default: Any, *, low: float | None = None, high: float | None = None, names: Iterable[str] = (), single: bool = False
) -> Any:
    """Return a dataclass field with a default and the values it accepts.

    Args:
        default: the field's default.
        low: the least number accepted.
        high: the largest number accepted.
        names: the names accepted, for a field of text.
        single: whether a field of numbers also accepts a number without brackets.
    """
    return field(default=default, metadata={"low": low, "high": high, "names": tuple(names), "single": single})


GENERATOR_LABELS: Final = ("none", "one-hot", "embedding", "normalised-embedding")
"""The ways to join the label to the latent."""

DISCRIMINATOR_LABELS: Final = ("none", "one-hot", "row-plane", "mask-plane", "projection")
"""The ways to pass the label to the discriminator."""

INITIALISATIONS: Final = ("he", "keras", "torch")
"""The initial weights: He et al. 2015, for the activation that follows, or the defaults of Keras or of PyTorch."""

"""Averages of what the steps report, kept on the device until somebody reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor


@final
class RunningMeans:
    """The mean of every term since the last `clear`; a term that not every step has is averaged over those that have it."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Add a step's terms, scalars; nothing is read from the device."""
        for name, value in terms.items():
            before = self._sums.get(name)
            self._sums[name] = value.float() if before is None else before.to(value.device) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """The means so far, by name."""
        return {name: float(total) / self._counts[name] for name, total in sorted(self._sums.items())}

    def clear(self) -> None:
        """Begin anew."""
        self._sums, self._counts = {}, {}

    def state(self) -> dict[str, tuple[float, int]]:
        """Sum and count of each term, as JSON values."""
        return {name: (float(total), self._counts[name]) for name, total in self._sums.items()}

    def restore(self, state: Mapping[str, tuple[float, int]]) -> None:
        """Go on from what `state` gave."""
        self._sums = {name: torch.tensor(total) for name, (total, _) in state.items()}
        self._counts = {name: count for name, (_, count) in state.items()}

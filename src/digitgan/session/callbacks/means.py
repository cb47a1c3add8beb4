"""Running means of the terms of the steps, which stay on the device until they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor


@final
class RunningMeans:
    """The mean of each term since the last `clear`, over the steps that report the term."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Add the terms of a step (scalars) without reading them from the device."""
        for name, value in terms.items():
            before = self._sums.get(name)
            self._sums[name] = value.float() if before is None else before.to(value.device) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """Return the means so far, by name."""
        return {name: float(total) / self._counts[name] for name, total in sorted(self._sums.items())}

    def clear(self) -> None:
        """Reset the means."""
        self._sums, self._counts = {}, {}

    def state(self) -> dict[str, tuple[float, int]]:
        """Return the sum and the count of each term, as JSON values."""
        return {name: (float(total), self._counts[name]) for name, total in self._sums.items()}

    def restore(self, state: Mapping[str, tuple[float, int]]) -> None:
        """Restore the result of `state`."""
        self._sums = {name: torch.tensor(total) for name, (total, _) in state.items()}
        self._counts = {name: count for name, (_, count) in state.items()}

"""The base class of the callbacks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from digitgan.recipes import Recipe
from digitgan.training import Event


class Callback(ABC):
    """A callback of the training loop. It reads the trainer and never changes it."""

    @abstractmethod
    def on_event(self, event: Event) -> None:
        """Handle an event of the training loop."""

    def length_decided(self, recipe: Recipe) -> None:  # noqa: B027
        """Take over the recipe of the run, whose length was decided during the training."""

    def state(self) -> dict[str, Any]:
        """Return the state that a resumed run needs, as JSON values; it is saved with every checkpoint."""
        return {}

    def restore(self, state: dict[str, Any], images_seen: int) -> None:  # noqa: B027
        """Restore the result of `state` from the checkpoint at this number of images seen."""

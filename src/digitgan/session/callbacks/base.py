"""What everyone is who watches a training: it is shown each event, and may have a state of its own to resume from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from digitgan.training import Event


class Callback(ABC):
    """Watches a training loop. It reads the trainer and never changes it."""

    @abstractmethod
    def on_event(self, event: Event) -> None:
        """Be shown what happened."""

    def state(self) -> dict[str, Any]:
        """What it needs to go on after a resume, as JSON values; saved with every checkpoint."""
        return {}

    def restore(self, state: dict[str, Any], images_seen: int) -> None:  # noqa: B027
        """Go on from a checkpoint made at that count of images, with what `state` gave then."""

"""What the routes share: one shelf, one painter, one list of trainings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import final

from starlette.requests import Request

from digitgan.model.file import Model
from digitgan.studio.batcher import Painter
from digitgan.studio.metrics import Metrics
from digitgan.studio.model_cache import Shelf
from digitgan.studio.process_manager import Trainings
from digitgan.studio.run_monitor import Watch


@final
@dataclass(frozen=True)
class Rooms:
    """What stands behind the page.

    Attributes:
        shelf: runs and models by name.
        painter: draws.
        trainings: under way.
        watch: looks at runs.
        metrics: counts.
    """

    shelf: Shelf
    painter: Painter
    trainings: Trainings
    watch: Watch
    metrics: Metrics

    async def model(self, name: str) -> Model:
        """The model of that name; see `Shelf.model`."""
        at_hand = self.shelf.at_hand(name)
        return at_hand if at_hand is not None else await asyncio.to_thread(self.shelf.model, name)


def rooms_of(request: Request) -> Rooms:
    """Those of the application that a request came to."""
    rooms: Rooms = request.app.state.rooms
    return rooms

"""What the routes share: one library, one painter, one list of trainings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import final

from starlette.requests import Request

from digitgan.model import Model
from digitgan.studio.library import Library
from digitgan.studio.metrics import Metrics
from digitgan.studio.painting import Painter
from digitgan.studio.trainings import Trainings
from digitgan.studio.watching import Watch


@final
@dataclass(frozen=True)
class Rooms:
    """What stands behind the page.

    Attributes:
        library: runs and models by name.
        painter: draws.
        trainings: under way.
        watch: looks at runs.
        metrics: counts.
    """

    library: Library
    painter: Painter
    trainings: Trainings
    watch: Watch
    metrics: Metrics

    async def model(self, name: str) -> Model:
        """The model of that name; see `Library.model`."""
        at_hand = self.library.at_hand(name)
        return at_hand if at_hand is not None else await asyncio.to_thread(self.library.model, name)


def rooms_of(request: Request) -> Rooms:
    """Those of the application that a request came to."""
    rooms: Rooms = request.app.state.rooms
    return rooms

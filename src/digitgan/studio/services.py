"""What the routes share: one shelf, one painter, one list of trainings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import final

from starlette.requests import Request

from digitgan.model.file import Model
from digitgan.studio.batcher import DynamicBatcher
from digitgan.studio.metrics import Metrics
from digitgan.studio.model_cache import ModelCache
from digitgan.studio.process_manager import ProcessManager
from digitgan.studio.run_monitor import RunMonitor


@final
@dataclass(frozen=True)
class Services:
    """What stands behind the page.

    Attributes:
        model_cache: runs and models by name.
        batcher: draws.
        process_manager: under way.
        monitor: looks at runs.
        metrics: counts.
    """

    model_cache: ModelCache
    batcher: DynamicBatcher
    process_manager: ProcessManager
    monitor: RunMonitor
    metrics: Metrics

    async def model(self, name: str) -> Model:
        """The model of that name; see `ModelCache.model`."""
        at_hand = self.model_cache.at_hand(name)
        return at_hand if at_hand is not None else await asyncio.to_thread(self.model_cache.model, name)


def services_of(request: Request) -> Services:
    """Those of the application that a request came to."""
    services: Services = request.app.state.services
    return services

"""The objects that all routes share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import final

from starlette.requests import Request

from digitgan.model.file import Model
from digitgan.studio.batcher import DynamicBatcher
from digitgan.studio.command_runner import CommandRunner
from digitgan.studio.drawing_facts import DrawingFacts
from digitgan.studio.model_cache import ModelCache
from digitgan.studio.neighbours import NeighbourSearch
from digitgan.studio.own_data import OwnData
from digitgan.studio.process_manager import ProcessManager
from digitgan.studio.prometheus import Metrics
from digitgan.studio.run_monitor import RunMonitor


@final
@dataclass(frozen=True)
class Services:
    """The services of one application.

    Attributes:
        model_cache: lookup of runs and models by name.
        batcher: queue that generates images.
        process_manager: manager of the training processes.
        monitor: reader of the state of runs.
        metrics: server metrics.
        own_data: image sets of the user's own.
        neighbours: search for the nearest training images.
        drawing_facts: what the answers to drawings need of a model.
        evaluating: evaluates runs, one at a time.
        downloading: makes downloads, one at a time.
    """

    model_cache: ModelCache
    batcher: DynamicBatcher
    process_manager: ProcessManager
    monitor: RunMonitor
    metrics: Metrics
    own_data: OwnData
    neighbours: NeighbourSearch
    drawing_facts: DrawingFacts
    evaluating: CommandRunner
    downloading: CommandRunner

    async def model(self, name: str) -> Model:
        """Return the model of a name; see `ModelCache.model`."""
        cached = self.model_cache.cached(name)
        return cached if cached is not None else await asyncio.to_thread(self.model_cache.model, name)


def services_of(request: Request) -> Services:
    """Return the services of the application that handles a request."""
    services: Services = request.app.state.services
    return services

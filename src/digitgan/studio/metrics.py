"""What the server has done, for whoever watches over it, in Prometheus' text format."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from digitgan.studio.batcher import DynamicBatcher

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds."""


@final
class Metrics:
    """Counters of one application.

    Args:
        batcher: whose queue is told of.
    """

    def __init__(self, batcher: DynamicBatcher) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("digitgan_requests", "Requests answered.", ("route", "status"), registry=self.registry)
        self.seconds = Histogram(
            "digitgan_request_seconds",
            "From a request to the end of its answer.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.turned_away = Counter(
            "digitgan_requests_turned_away",
            "Requests refused at the door because as many were worked on as may be.",
            registry=self.registry,
        )
        for name, text, value in (
            ("digitgan_images_waiting", "Images asked for and not yet begun.", lambda: batcher.waiting),
            ("digitgan_images_drawn", "Images drawn so far.", lambda: batcher.drawn),
            ("digitgan_batches_drawn", "Batches in which they were drawn.", lambda: batcher.batches),
            (
                "digitgan_draws_refused",
                "Requests refused because too many images waited.",
                lambda: batcher.refused,
            ),
        ):
            Gauge(name, text, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """All of them."""
        return generate_latest(self.registry)


@final
class Counting:
    """Counts every request by its route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noting)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(route, status).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - started)

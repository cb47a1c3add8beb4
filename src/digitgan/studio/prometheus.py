"""Server metrics in the Prometheus text format."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from digitgan.studio.batcher import DynamicBatcher

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of the histogram buckets, in seconds."""


@final
class Metrics:
    """The metrics of one application.

    Args:
        batcher: batcher whose queue is reported.
    """

    def __init__(self, batcher: DynamicBatcher) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "digitgan_requests", "Number of requests answered.", ("route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "digitgan_request_seconds",
            "Time from a request to the end of its response, in seconds.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.turned_away = Counter(
            "digitgan_requests_turned_away",
            "Number of image requests rejected because too many were in progress.",
            registry=self.registry,
        )
        for name, text, value in (
            ("digitgan_images_waiting", "Number of images that wait in the queue.", lambda: batcher.waiting),
            ("digitgan_images_drawn", "Number of generated images.", lambda: batcher.drawn),
            ("digitgan_batches_drawn", "Number of generated batches.", lambda: batcher.batches),
            (
                "digitgan_draws_refused",
                "Number of requests rejected because the queue was full or a timeout expired.",
                lambda: batcher.refused,
            ),
        ):
            Gauge(name, text, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self.registry)


@final
class Counting:
    """ASGI middleware that counts requests and measures their duration by route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request according to the ASGI specification."""
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

"""The studio application: the page, its API and the middleware."""

from __future__ import annotations

import contextlib
import importlib.resources
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from digitgan.device import use_threads
from digitgan.errors import DigitganError, nearest
from digitgan.studio import data_routes, download_routes, drawing_routes, image_routes, lab_routes, run_routes
from digitgan.studio.access import AccessControl, AccessPolicy, Admission, HeadRequests
from digitgan.studio.batcher import DynamicBatcher
from digitgan.studio.command_runner import CommandRunner
from digitgan.studio.drawing_facts import DrawingFacts
from digitgan.studio.errors import BusyError, NotThereError, StateError
from digitgan.studio.model_cache import ModelCache
from digitgan.studio.neighbours import NeighbourSearch
from digitgan.studio.new_runs import NewRun
from digitgan.studio.own_data import OwnData
from digitgan.studio.process_manager import ProcessManager
from digitgan.studio.process_table import STATE
from digitgan.studio.prometheus import Counting, Metrics
from digitgan.studio.run_monitor import RunMonitor
from digitgan.studio.services import Services, services_of
from digitgan.version import __version__

STATUSES: Final[Mapping[type[Exception], int]] = {BusyError: 429, NotThereError: 404, StateError: 409}
"""HTTP statuses by error class. Every other `DigitganError` becomes status 400."""

API_DESCRIPTION: Final = (
    "Generate labelled images, watch trainings and start new ones. Names and errors match those of the command line."
)


def create_app(runs: Path, access_policy: AccessPolicy, device: str = "cpu", data_roots: Sequence[Path] = ()) -> FastAPI:
    """Create the application.

    Args:
        runs: folder that contains the runs.
        access_policy: rules for accepting a request.
        device: device on which models generate images.
        data_roots: folders whose entries are offered for training.

    Returns:
        The application, with routes, error handlers and middleware.
    """
    # One core remains for the server itself.
    model_cache, batcher, process_manager = (
        ModelCache(runs, device),
        DynamicBatcher(max(1, use_threads() - 1)),
        ProcessManager(runs),
    )
    monitor, metrics_of_server = RunMonitor(model_cache, process_manager.table), Metrics(batcher)
    own_data = OwnData(data_roots, runs / STATE / "data")
    services = Services(
        model_cache,
        batcher,
        process_manager,
        monitor,
        metrics_of_server,
        own_data,
        NeighbourSearch(),
        DrawingFacts(),
        CommandRunner("evaluation"),
        CommandRunner("download"),
    )

    @contextlib.asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        process_manager.close()
        batcher.close()

    app = FastAPI(
        title="digitgan", version=__version__, description=API_DESCRIPTION, docs_url=None, redoc_url=None, lifespan=life
    )
    app.state.services = services
    app.include_router(image_routes.routes)
    app.include_router(lab_routes.routes)  # before `POST /runs/{name}/{action}`
    app.include_router(run_routes.routes)
    app.include_router(drawing_routes.routes)
    app.include_router(download_routes.routes)
    app.include_router(data_routes.routes)
    app.add_exception_handler(DigitganError, _refused)
    app.add_exception_handler(RequestValidationError, _misspelt)
    app.add_exception_handler(HTTPException, _otherwise)

    page = Path(str(importlib.resources.files("digitgan") / "studio" / "page"))

    # Monitoring tools also send HEAD requests.
    @app.head("/health", include_in_schema=False)
    @app.get("/health", tags=["server"])
    async def health() -> dict[str, str]:
        """Return the status and version of the server."""
        return {"status": "ok", "version": __version__}

    @app.head("/metrics", include_in_schema=False)
    @app.get("/metrics", tags=["server"], responses={200: {"content": {"text/plain": {}}}})
    async def metrics(request: Request) -> Response:
        """Return the server metrics in the Prometheus text format."""
        return Response(services_of(request).metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.head("/docs", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(page / "docs.html")

    app.mount("/", StaticFiles(directory=page, html=True), name="page")
    app.add_middleware(HeadRequests)
    app.add_middleware(Admission, refused=services.metrics.turned_away.inc)
    app.add_middleware(AccessControl, access_policy=access_policy)
    # The middleware added last runs first, so rejected requests are counted too.
    app.add_middleware(Counting, metrics=services.metrics)
    return app


async def _refused(_request: Request, problem: Exception) -> JSONResponse:
    """Convert a `DigitganError` to a JSON response with the message of the command line."""
    status = STATUSES.get(type(problem), 400)
    headers = {"Retry-After": "1"} if status == 429 else None
    return JSONResponse({"error": str(problem)}, status, headers)


async def _misspelt(_request: Request, problem: Exception) -> JSONResponse:
    """Convert the first validation error (wrong type, out of range or unknown parameter) to a JSON response."""
    assert isinstance(problem, RequestValidationError)
    first = problem.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    words = f"{place}: {first['msg']}"
    if first.get("type") == "extra_forbidden":
        words = f"{place}: unknown setting of a new run; {nearest(place, NewRun.model_fields)}"
    elif first.get("type") == "json_invalid":
        words = f"request body: invalid JSON: {first.get('ctx', {}).get('error', first['msg'])} (character {place})"
    return JSONResponse({"error": words}, 422)


async def _otherwise(_request: Request, problem: Exception) -> JSONResponse:
    """Convert an HTTP exception to a JSON response."""
    assert isinstance(problem, HTTPException)
    return JSONResponse({"error": str(problem.detail)}, problem.status_code, problem.headers)

"""The studio as one application: the page, its API, and what stands before both."""

from __future__ import annotations

import contextlib
import importlib.resources
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from digitgan.device import use_threads
from digitgan.errors import DigitganError, nearest
from digitgan.studio import image_routes as drawing_routes
from digitgan.studio import run_routes
from digitgan.studio.access import AccessControl, AccessPolicy
from digitgan.studio.admission import Admission
from digitgan.studio.batcher import DynamicBatcher
from digitgan.studio.errors import BusyError, NotThereError, StateError
from digitgan.studio.metrics import Counting, Metrics
from digitgan.studio.model_cache import ModelCache
from digitgan.studio.new_runs import NewRun
from digitgan.studio.process_manager import ProcessManager
from digitgan.studio.run_monitor import RunMonitor
from digitgan.studio.services import Services, services_of
from digitgan.version import __version__

STATUSES: Final[Mapping[type[Exception], int]] = {BusyError: 429, NotThereError: 404, StateError: 409}
"""What is no fault of the request's words; everything else that can be put right is 400."""

ABOUT: Final = "Draw labelled digits, watch trainings, start new ones. Names and errors are those of the command line."


def create_app(runs: Path, access_policy: AccessPolicy, device: str = "cpu") -> FastAPI:
    """The application.

    Args:
        runs: the folder in which the runs lie.
        access_policy: who is let in.
        device: where models draw.
    """
    # A core is left to the server itself.
    model_cache, batcher, process_manager = (
        ModelCache(runs, device),
        DynamicBatcher(max(1, use_threads() - 1)),
        ProcessManager(runs),
    )
    services = Services(model_cache, batcher, process_manager, RunMonitor(model_cache, process_manager), Metrics(batcher))

    @contextlib.asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        process_manager.close()
        batcher.close()

    app = FastAPI(title="digitgan", version=__version__, description=ABOUT, docs_url=None, redoc_url=None, lifespan=life)
    app.state.services = services
    app.include_router(drawing_routes.routes)
    app.include_router(run_routes.routes)
    app.add_exception_handler(DigitganError, _refused)
    app.add_exception_handler(RequestValidationError, _misspelt)
    app.add_exception_handler(HTTPException, _otherwise)

    page = Path(str(importlib.resources.files("digitgan") / "studio" / "page"))

    # Those who watch over servers ask by HEAD as well.
    @app.head("/health", include_in_schema=False)
    @app.get("/health", tags=["server"])
    async def health() -> dict[str, str]:
        """Whether the server answers."""
        return {"status": "ok", "version": __version__}

    @app.head("/metrics", include_in_schema=False)
    @app.get("/metrics", tags=["server"], responses={200: {"content": {"text/plain": {}}}})
    async def metrics(request: Request) -> Response:
        """What the server has done, in Prometheus' text format."""
        return Response(services_of(request).metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(page / "docs.html")

    app.mount("/", StaticFiles(directory=page, html=True), name="page")
    app.add_middleware(Admission, refused=services.metrics.turned_away.inc)
    app.add_middleware(AccessControl, access_policy=access_policy)
    app.add_middleware(
        Counting, metrics=services.metrics
    )  # the last is the first to hear: who is refused at the door counts too
    return app


async def _refused(_request: Request, problem: Exception) -> JSONResponse:
    """An error that can be put right, in the command line's words."""
    status = STATUSES.get(type(problem), 400)
    headers = {"Retry-After": "1"} if status == 429 else None
    return JSONResponse({"error": str(problem)}, status, headers)


async def _misspelt(_request: Request, problem: Exception) -> JSONResponse:
    """A parameter that is no number, out of range, or unknown: the first of them, in a sentence."""
    assert isinstance(problem, RequestValidationError)
    first = problem.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    words = f"{place}: {first['msg']}"
    if first.get("type") == "extra_forbidden":
        words = f"{place}: no such setting of a new run; {nearest(place, NewRun.model_fields)}"
    elif first.get("type") == "json_invalid":
        words = f"the body is no JSON: {first.get('ctx', {}).get('error', first['msg'])} (character {place})"
    return JSONResponse({"error": words}, 422)


async def _otherwise(_request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, HTTPException)
    return JSONResponse({"error": str(problem.detail)}, problem.status_code, problem.headers)

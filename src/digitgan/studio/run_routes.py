"""Routes of `/api/v1` for runs: list, state, start and control."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import FileResponse, StreamingResponse

from digitgan.errors import UsageError, nearest
from digitgan.options import arguments_of
from digitgan.runs import RunFolder
from digitgan.studio.errors import ERROR_RESPONSES, BusyError, NotThereError, StateError, known_parameters_only
from digitgan.studio.new_runs import RECIPE_OPTIONS, NewRun, data_sources, options_of, recipe_table
from digitgan.studio.run_monitor import MAX_WATCHERS
from digitgan.studio.services import services_of

routes = APIRouter(prefix="/api/v1", tags=["runs"], responses=ERROR_RESPONSES, dependencies=[Depends(known_parameters_only)])

REPORT_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
"""Content-Security-Policy of a report, which has its style and pictures in the page, and no scripts."""

NEW_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Pattern of the names of new runs, which need no quotes in a shell. Existing runs may have other names."""

RunName = Annotated[str, Path(max_length=100, description="name of the run folder")]


@routes.get("/recipes")
async def recipes() -> dict[str, Any]:
    """List the recipes, the available image sets, and the recipe settings that the page offers."""
    return {
        "recipes": recipe_table(),
        "data": data_sources(),
        "settings": [dataclasses.asdict(each) for each in RECIPE_OPTIONS],
    }


@routes.get("/runs")
async def runs(request: Request) -> dict[str, Any]:
    """List the runs, the newest first, and the runs that are starting or failed to start."""
    services = services_of(request)

    def list_runs() -> dict[str, Any]:
        found = [services.monitor.brief(run) for run in services.model_cache.all_runs()]
        pending = [{"name": name, "problem": words} for name, words in services.process_manager.table.pending().items()]
        return {"runs": found, "pending": pending}

    return await asyncio.to_thread(list_runs)


@routes.post("/runs", status_code=201)
async def start(request: Request, new: NewRun) -> dict[str, str]:
    """Start a training in a separate process."""
    services = services_of(request)

    def begin() -> str:
        own = new.data in services.own_data.names()
        if new.data not in data_sources() and not own:
            known = [*data_sources(), *services.own_data.names()]
            raise UsageError(f"data {new.data!r}: unknown name; {nearest(new.data, known)}. For a path, use `digitgan train`")
        arguments = arguments_of(options_of(new, services.own_data.path(new.data) if own else None))
        if new.name is None:
            return services.process_manager.start_anew(new.recipe, PurePosixPath(new.data).stem, arguments)
        if not NEW_NAME.fullmatch(new.name):
            raise UsageError(
                f"run name {new.name[:120]!r}: must be up to 100 letters, digits, '.', '-' or '_', and start with a letter or "
                "digit"
            )
        if (services.model_cache.runs / new.name).exists():
            raise StateError(f"run name {new.name!r}: already exists; choose another name")
        services.process_manager.start(new.name, arguments)
        return new.name

    return {"name": await asyncio.to_thread(begin)}


@routes.get("/runs/{name}")
async def run(request: Request, name: RunName) -> dict[str, Any]:
    """Return the state of a run: progress, guard alarms and diagnostics."""
    return (await asyncio.to_thread(services_of(request).monitor.view, name)).facts


@routes.get("/runs/{name}/history")
async def history(
    request: Request,
    name: RunName,
    after: Annotated[int, Query(ge=-1, le=10**13, description="return only lines with more images seen")] = -1,
) -> list[dict[str, Any]]:
    """Return the history of a run: losses and scores, averaged over equal intervals."""
    look = await asyncio.to_thread(services_of(request).monitor.view, name)
    return [line for line in look.history if line["images_seen"] > after]


@routes.get("/runs/{name}/previews")
async def previews(request: Request, name: RunName) -> list[int]:
    """List the images seen at each preview."""
    return (await asyncio.to_thread(services_of(request).monitor.view, name)).previews


@routes.get("/runs/{name}/previews/{images}", responses={200: {"content": {"image/png": {}}}}, response_class=FileResponse)
async def preview(request: Request, name: RunName, images: Annotated[int, Path(ge=0, le=10**13)]) -> FileResponse:
    """Return a preview: a grid of generated images, from the same latents at every preview."""
    found = await asyncio.to_thread(services_of(request).monitor.run, name)
    path = found.preview(images)
    if not path.is_file() or path.is_symlink():
        raise NotThereError(f"{name}: has no preview at {images:,} images seen")
    return FileResponse(path, media_type="image/png", headers={"Cache-Control": "private, no-cache"})


@routes.get("/runs/{name}/report", responses={200: {"content": {"text/html": {}}}}, response_class=FileResponse)
async def report(request: Request, name: RunName) -> FileResponse:
    """Return the report of `digitgan evaluate`, a page without scripts."""
    found = await asyncio.to_thread(services_of(request).monitor.run, name)
    page = found.report[1]
    if not page.is_file() or page.is_symlink():
        raise NotThereError(f"{name}: has no report; evaluate it first")
    return FileResponse(page, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})


@routes.post("/runs/{name}/evaluate")
async def evaluate(request: Request, name: RunName) -> dict[str, Any]:
    """Evaluate the model of a run by `digitgan evaluate`, and return its metrics. This takes a minute or more."""
    services = services_of(request)
    found = await asyncio.to_thread(services.monitor.run, name)
    metrics: dict[str, Any] = await services.evaluating.run("evaluate", str(found.path))
    return metrics


@routes.get("/runs/{name}/events", responses={200: {"content": {"text/event-stream": {}}}}, response_class=StreamingResponse)
async def events(request: Request, name: RunName) -> StreamingResponse:
    """Stream the state of a run as server-sent events: `facts`, `history`, `previews`, `again` (after a rollback), `end`."""
    services = services_of(request)
    await asyncio.to_thread(services.monitor.run, name)
    if services.monitor.watchers >= MAX_WATCHERS:
        raise BusyError(f"too many event streams ({MAX_WATCHERS} open); close a page that watches a run, then retry")
    return StreamingResponse(
        services.monitor.follow(name),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@routes.post("/runs/{name}/{action}")
async def act(
    request: Request,
    name: RunName,
    action: Annotated[
        Literal["pause", "continue", "step", "stop", "resume", "forget"],
        Path(
            description="pause: suspend in memory; continue: continue a paused run; step: continue for 1/200 of the run; "
            "stop: end with a checkpoint; resume: restart from the checkpoint; forget: remove a run that failed to start"
        ),
    ],
) -> dict[str, Any]:
    """Control a training."""
    services = services_of(request)
    process_manager, process_table = services.process_manager, services.process_manager.table

    def steer() -> None:
        if action == "forget":
            if not RunFolder(services.model_cache.runs / name).record.is_file() and name in process_table.pending():
                process_table.forget(name)
                return
            raise NotThereError(f"run {name!r}: is not a run that failed to start")
        if action == "stop" and name in process_table.pending():
            process_manager.stop(name)
            return
        run = services.monitor.run(name)
        if action == "resume":
            if process_table.phase(run, run.read_record()) == "finished":
                raise StateError(f"{name}: is finished; to extend it: `digitgan train --resume --images N --out {run.path}`")
            process_manager.start(name, ["--resume"])
            return
        {
            "pause": process_manager.pause,
            "continue": process_manager.unpause,
            "step": process_manager.step,
            "stop": process_manager.stop,
        }[action](name)

    await asyncio.to_thread(steer)
    return {"name": name, "action": action}

"""`/api/v1`: runs, what they come to, and new ones."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import FileResponse, StreamingResponse

from digitgan.errors import UsageError, nearest
from digitgan.runs import RunFolder
from digitgan.studio.errors import ERROR_RESPONSES, BusyError, NotThereError, StateError, known_parameters_only
from digitgan.studio.new_runs import KNOBS, NewRun, arguments_of, data_sources, recipe_table
from digitgan.studio.run_monitor import MAX_WATCHERS
from digitgan.studio.services import services_of

routes = APIRouter(prefix="/api/v1", tags=["runs"], responses=ERROR_RESPONSES, dependencies=[Depends(known_parameters_only)])

RunName = Annotated[str, Path(max_length=100, description="of a run's folder")]


@routes.get("/recipes")
async def recipes() -> dict[str, Any]:
    """The recipes, the data that can be asked for by name, and the settings that teach something."""
    return {"recipes": recipe_table(), "data": data_sources(), "settings": [dataclasses.asdict(knob) for knob in KNOBS]}


@routes.get("/runs")
async def runs(request: Request) -> dict[str, Any]:
    """The runs in the folder, the newest first, and trainings that have no folder yet or could not begin."""
    services = services_of(request)

    def all_of_them() -> dict[str, Any]:
        found = [services.monitor.brief(run) for run in services.model_cache.all_runs()]
        pending = [{"name": name, "problem": words} for name, words in services.process_manager.pending().items()]
        return {"runs": found, "pending": pending}

    return await asyncio.to_thread(all_of_them)


@routes.post("/runs", status_code=201)
async def start(request: Request, new: NewRun) -> dict[str, str]:
    """Begin a training, in a process of its own."""
    services = services_of(request)

    def begin() -> str:
        if new.data not in data_sources():
            raise UsageError(
                f"data {new.data!r}: {nearest(new.data, data_sources())}; folders and files are for `digitgan train`"
            )
        arguments = arguments_of(new)
        if new.name is None:
            return services.process_manager.start_anew(new.recipe, new.data, arguments)
        if (services.model_cache.runs / new.name).exists():
            raise StateError(f"{new.name}: there is a run of that name already; choose another")
        services.process_manager.start(new.name, arguments)
        return new.name

    return {"name": await asyncio.to_thread(begin)}


@routes.get("/runs/{name}")
async def run(request: Request, name: RunName) -> dict[str, Any]:
    """A run as it is now: how far it is, what the guard has found, and what a beginner should notice."""
    return (await asyncio.to_thread(services_of(request).monitor.view, name)).facts


@routes.get("/runs/{name}/history")
async def history(
    request: Request,
    name: RunName,
    after: Annotated[int, Query(ge=-1, le=10**13, description="only lines beyond this count of images")] = -1,
) -> list[dict[str, Any]]:
    """The lines of a run's history: losses and scores, averaged between evenly spread moments."""
    look = await asyncio.to_thread(services_of(request).monitor.view, name)
    return [line for line in look.history if line["images_seen"] > after]


@routes.get("/runs/{name}/previews")
async def previews(request: Request, name: RunName) -> list[int]:
    """The counts of images at which there is a preview."""
    return (await asyncio.to_thread(services_of(request).monitor.view, name)).previews


@routes.get("/runs/{name}/previews/{images}", responses={200: {"content": {"image/png": {}}}}, response_class=FileResponse)
async def preview(request: Request, name: RunName, images: Annotated[int, Path(ge=0, le=10**13)]) -> FileResponse:
    """A preview: a grid of images, the same latents at every count."""
    found = await asyncio.to_thread(services_of(request).monitor.run, name)
    path = found.preview(images)
    if not path.is_file() or path.is_symlink():
        raise NotThereError(f"{name}: has no preview at {images:,} images")
    return FileResponse(path, media_type="image/png", headers={"Cache-Control": "private, no-cache"})


@routes.get("/runs/{name}/events", responses={200: {"content": {"text/event-stream": {}}}}, response_class=StreamingResponse)
async def events(request: Request, name: RunName) -> StreamingResponse:
    """A run while it trains, as server-sent events: `facts`, `history`, `previews`, `again` (it was taken back), `end`."""
    services = services_of(request)
    await asyncio.to_thread(services.monitor.run, name)
    if services.monitor.watchers >= MAX_WATCHERS:
        raise BusyError(f"{MAX_WATCHERS} pages watch already")
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
        Literal["pause", "go-on", "step", "stop", "resume", "forget"],
        Path(
            description="pause and go-on: stand still in memory; step: go on for a two-hundredth; stop: end, with a "
            "checkpoint; resume: begin again from there; forget: a training that could not begin"
        ),
    ],
) -> dict[str, Any]:
    """Steer a training."""
    services = services_of(request)
    process_manager = services.process_manager

    def steer() -> None:
        if action == "forget":
            if not RunFolder(services.model_cache.runs / name).record.is_file() and name in process_manager.pending():
                process_manager.forget(name)
                return
            raise NotThereError(f"no training {name!r} that could not begin")
        if action == "stop" and name in process_manager.pending():
            process_manager.stop(name)
            return
        run = services.monitor.run(name)
        if action == "resume":
            if process_manager.phase(run, run.read_record()) == "finished":
                raise StateError(f"{name}: has finished; `digitgan train --resume --images N --out {run.path}` makes it longer")
            process_manager.start(name, ["--resume"])
            return
        {
            "pause": process_manager.pause,
            "go-on": process_manager.go_on,
            "step": process_manager.step,
            "stop": process_manager.stop,
        }[action](name)

    await asyncio.to_thread(steer)
    return {"name": name, "action": action}

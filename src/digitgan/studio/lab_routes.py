"""Routes of `/api/v1` for a look into a running training: its images, scores and gradients, and its pace."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Body, Depends, Path, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from digitgan.data.data_request import DEFAULT_SOURCE
from digitgan.errors import DigitganError, UsageError, nearest
from digitgan.options import arguments_of
from digitgan.runs import RunFolder, is_locked
from digitgan.runs.lab import MAX_WAIT, SECONDS_ALIVE, Pace
from digitgan.studio.errors import ERROR_RESPONSES, BusyError, NotThereError, StateError, known_parameters_only
from digitgan.studio.experiments import COMMON_SETTINGS, EXPERIMENTS, IMAGES
from digitgan.studio.new_runs import NewRun, data_sources, options_of
from digitgan.studio.pixels import as_json
from digitgan.studio.run_monitor import MAX_WATCHERS
from digitgan.studio.services import Services, services_of

routes = APIRouter(prefix="/api/v1", tags=["lab"], responses=ERROR_RESPONSES, dependencies=[Depends(known_parameters_only)])

BETWEEN_LOOKS: Final = 0.1
"""Interval at which a stream looks for a new snapshot, in seconds."""

_PACES: Final = threading.Lock()
"""Held while a pace is changed, so that two requests for an update count twice."""

MIDDLE: Final = 128
"""The level of a gradient of zero in its picture."""

MAX_LATENT: Final = 64
"""Number of coordinates of a latent that are sent."""

RunName = Annotated[str, Path(max_length=100, description="name of the run folder")]


class NewPace(BaseModel):
    """The body of a request for another pace of a training."""

    model_config = ConfigDict(extra="forbid")

    pace: Literal["full", "slow", "paused"] | None = Field(
        None, description="full: without waits; slow: a wait after each update of a network; paused; default: unchanged"
    )
    seconds: float | None = Field(
        None, ge=0, le=MAX_WAIT, description="wait after each update in slow motion; default: unchanged"
    )
    advance: Literal["update", "step"] | None = Field(
        None, description="of a paused training: update one network, or complete a step of both"
    )


@routes.get("/experiments")
async def experiments() -> list[dict[str, Any]]:
    """List the experiments that break a training: what is changed, what to look for, what happens, and why."""
    return [dataclasses.asdict(experiment) for experiment in EXPERIMENTS.values()]


class NewExperiment(BaseModel):
    """The body of a request for an experiment."""

    model_config = ConfigDict(extra="forbid")

    data: str = Field(DEFAULT_SOURCE, max_length=200, description="name of an image set; GET /api/v1/recipes lists them")
    images: int = Field(IMAGES, ge=100, le=10**7, description="length of each training, in images seen")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of both trainings")
    settings: list[str] = Field(default_factory=list, max_length=50, description="changes to both recipes")


@routes.post("/experiments/{name}", status_code=201)
async def experiment(
    request: Request,
    name: Annotated[str, Path(max_length=100, description="name of the experiment")],
    new: Annotated[NewExperiment, Body(default_factory=NewExperiment)],
) -> dict[str, str]:
    """Start a healthy training and a broken one with the same seed, each on half of the cores."""
    services = services_of(request)
    if name not in EXPERIMENTS:
        raise NotThereError(f"experiment {name!r}: not found; {nearest(name, EXPERIMENTS)}")
    if new.data not in data_sources():
        raise UsageError(f"data {new.data!r}: unknown name; {nearest(new.data, data_sources())}")
    chosen = EXPERIMENTS[name]

    def begin() -> tuple[str, str]:
        both = {"recipe": chosen.recipe, **new.model_dump()}
        arguments = []
        for changes in ((), chosen.settings):
            settings = [*COMMON_SETTINGS, *new.settings, *changes]
            arguments.append(arguments_of(options_of(NewRun.model_validate({**both, "settings": settings}))))
        return services.process_manager.start_pair(f"experiment-{name}", ("healthy", "broken"), arguments)

    healthy, broken = await asyncio.to_thread(begin)
    return {"healthy": healthy, "broken": broken}


@routes.get("/runs/{name}/lab", responses={200: {"content": {"text/event-stream": {}}}}, response_class=StreamingResponse)
async def look(request: Request, name: RunName) -> StreamingResponse:
    """Stream snapshots of a training as server-sent events: `snapshot`, and `end` after its last one.

    The training makes snapshots while a stream is open, in at most 2 % of its time.
    """
    services = services_of(request)
    run = await asyncio.to_thread(services.monitor.run, name)
    if services.monitor.watchers >= MAX_WATCHERS:
        raise BusyError(f"too many event streams ({MAX_WATCHERS} open); close a page that watches a run, then retry")
    return StreamingResponse(
        _snapshots(services, run),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@routes.post("/runs/{name}/lab")
async def set_pace(request: Request, name: RunName, new: NewPace) -> dict[str, Any]:
    """Set the pace of a training, or let a paused one do an update or a step."""
    services = services_of(request)
    run = await asyncio.to_thread(services.monitor.run, name)

    def change() -> Pace:
        if not is_locked(run):
            raise StateError(f"{name}: is not training; start or resume it first")
        if services.process_manager.table.phase(run, {}) == "paused":
            raise StateError(f"{name}: was paused in the section Train; continue it there first")
        found = run.lab.read_snapshot()
        if found is not None and not found[1].get("may_wait", True):
            raise StateError(f"{name}: several processes train it, so it can be watched but not slowed")
        with _PACES:
            return changed()

    def changed() -> Pace:
        before = run.lab.read_pace() or Pace()
        pace = Pace(
            new.pace or before.name,
            before.seconds if new.seconds is None else new.seconds,
            before.updates + (new.advance == "update"),
            before.steps + (new.advance == "step"),
        )
        if new.advance is not None and pace.name != "paused":
            raise StateError(f"{name}: is not paused; pause it before an update or a step")
        run.lab.write_pace(pace)
        return pace

    return dataclasses.asdict(await asyncio.to_thread(change))


async def _snapshots(services: Services, run: RunFolder) -> AsyncIterator[str]:
    """Yield the snapshots of a run until it ends, and keep it making more."""
    services.monitor.watchers += 1
    written, refreshed, sent = 0, -SECONDS_ALIVE, 0.0
    clock = asyncio.get_running_loop().time
    try:
        while True:
            alive = await asyncio.to_thread(is_locked, run)
            if alive and clock() - refreshed > SECONDS_ALIVE / 5:
                refreshed = clock()
                await asyncio.to_thread(_keep_alive, run)
            now = await asyncio.to_thread(_written_at, run)
            if now != written and (told := await asyncio.to_thread(_snapshot, run)) is not None:
                written, sent = now, clock()
                yield f"event: snapshot\ndata: {told}\n\n"
            elif not alive:
                yield "event: end\ndata: {}\n\n"
                return
            elif clock() - sent > 1:
                sent = clock()
                yield ": still here\n\n"  # the write reveals a closed connection
            await asyncio.sleep(BETWEEN_LOOKS)
    except DigitganError as problem:  # such as a full disk
        yield f"event: end\ndata: {json.dumps({'problem': str(problem)})}\n\n"
    finally:
        services.monitor.watchers -= 1


def _keep_alive(run: RunFolder) -> None:
    with _PACES:
        run.lab.keep_alive()


def _written_at(run: RunFolder) -> int:
    try:
        return run.lab.snapshot.stat().st_mtime_ns
    except OSError:
        return 0


def _snapshot(run: RunFolder) -> str | None:
    """Return the latest snapshot as JSON: facts, scores, images and gradients."""
    found = run.lab.read_snapshot()
    if found is None:
        return None
    arrays, facts = found
    pace = run.lab.read_pace() or Pace()
    told = {**facts, "pace": pace.name, "seconds": pace.seconds}
    for name in ("real", "fake"):
        told[f"{name}_scores"] = _rounded(arrays[f"{name}_scores"])
    for name in ("real", "fake", "fixed"):
        told[name] = {
            "images": as_json(arrays[f"{name}_images"]),
            "labels": arrays[f"{name}_labels"].tolist(),
            "scores": _rounded(arrays[f"{name}_shown_scores"]),
        }
        if (gradient := arrays.get(f"{name}_gradient")) is not None:
            told[name]["gradient"] = as_json(_levels(gradient))
        if (earlier := arrays.get(f"{name}_earlier_scores")) is not None:
            told[name]["earlier_scores"] = _rounded(earlier)
        if (latents := arrays.get(f"{name}_latents")) is not None:
            told[name]["latents"] = latents[:, :MAX_LATENT].astype(np.float64).round(2).tolist()
            told[name]["latent_size"] = latents.shape[1]
    return json.dumps(told)


def _rounded(scores: npt.NDArray[Any]) -> list[float | None]:
    return [round(float(score), 4) if np.isfinite(score) else None for score in scores]


def _levels(gradient: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return a gradient as grey levels around `MIDDLE`; that of a colour image is the mean of its channels."""
    grey = gradient.astype(np.float32) if gradient.ndim == 3 else gradient.astype(np.float32).mean(axis=-1)
    return (MIDDLE + grey).round().astype(np.uint8)

"""`/api/v1`: models, and what is drawn from them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import numpy as np
import torch
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from digitgan.errors import UsageError
from digitgan.generation import parse_labels
from digitgan.generation.text import Sheet
from digitgan.generation.walking import REACH
from digitgan.images import grid
from digitgan.model.file import Model
from digitgan.studio.batcher import MAX_IMAGES
from digitgan.studio.errors import ERROR_RESPONSES, known_parameters_only
from digitgan.studio.pictures import Spot, check_label, checked_seed, npz, png
from digitgan.studio.services import services_of

routes = APIRouter(prefix="/api/v1", tags=["drawing"], responses=ERROR_RESPONSES, dependencies=[Depends(known_parameters_only)])

ModelName = Annotated[
    str, Query(max_length=200, description="a shipped model, a run, or one of its models: RUN@51200, RUN@best")
]
Seed = Annotated[int, Query(ge=0, lt=2**63, description="image i is a function of the model, the seed, i and its label")]
Scale = Annotated[int, Query(ge=1, le=16, description="each pixel so many times as large")]

PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}, "description": "a picture"}}


@routes.get("/models")
async def models(request: Request) -> list[dict[str, Any]]:
    """The models there are: shipped ones, then the runs'."""
    services = services_of(request)

    def all_of_them() -> list[dict[str, Any]]:
        return [{"name": name} for name in services.model_cache.names()]

    return await asyncio.to_thread(all_of_them)


@routes.get("/models/{name}")
async def one_model(request: Request, name: Annotated[str, Path(max_length=200)]) -> dict[str, Any]:
    """A model: its classes, the form of its images, where it comes from."""
    return await asyncio.to_thread(services_of(request).model_cache.describe, name)


@routes.get(
    "/sample",
    responses={
        200: {
            "content": {"image/png": {}, "application/x-npz": {}, "application/json": {}},
            "description": "one picture of all, a NumPy archive, or JSON",
        }
    },
)
async def sample(
    request: Request,
    model: ModelName = "mnist",
    labels: Annotated[str | None, Query(max_length=4000, description='"7", "0-9", "1,3,5" or class names; every class')] = None,
    per_class: Annotated[
        int | None, Query(ge=1, le=MAX_IMAGES, description="so many of each; one, where nothing is said")
    ] = None,
    count: Annotated[int | None, Query(ge=1, le=MAX_IMAGES, description="so many in all, the classes taking turns")] = None,
    seed: Seed = 0,
    start: Annotated[int, Query(ge=0, lt=2**53, description="index of the first image in the sequence the seed names")] = 0,
    truncation: Annotated[float | None, Query(gt=0, le=100, description="likelier images, of less variety")] = None,
    format: Literal["png", "npz", "json"] = "png",
    scale: Scale = 1,
) -> Response:
    """Labelled images, as `digitgan sample` draws them: the same ones, to the last bit."""
    services = services_of(request)
    loaded = await services.model(model)
    wanted = _labels(loaded, labels, per_class, count)
    z = loaded.latents(checked_seed(seed), range(start, start + len(wanted)), truncation)
    images = await services.batcher.draw(loaded, z, torch.tensor(wanted), start)
    if format == "json":
        named = [loaded.class_names[label] for label in wanted]
        return JSONResponse(
            {"model": model, "seed": seed, "start": start, "labels": wanted, "class_names": named, "images": images.tolist()}
        )
    if format == "npz":
        archive = await asyncio.to_thread(npz, images, wanted, loaded.class_names)
        kept = {"Content-Disposition": 'attachment; filename="samples.npz"'}
        return Response(archive, media_type="application/x-npz", headers=kept)
    columns = per_class or (len(wanted) if len(wanted) <= 10 else 10)
    return await _picture(images[0] if len(images) == 1 else grid(images, columns=min(columns, 40)), scale)


@routes.get("/write", responses=PNG)
async def written(
    request: Request,
    text: Annotated[str, Query(min_length=1, max_length=100, description="digits, spaces and - / . :")],
    model: ModelName = "mnist",
    seed: Seed = 0,
    style: Annotated[int, Query(ge=0, lt=2**31, description="which of the seed's hands")] = 0,
    x: Annotated[float, Query(ge=-REACH, le=REACH, description="the hand moved along the first main direction")] = 0.0,
    y: Annotated[float, Query(ge=-REACH, le=REACH, description="and along the second")] = 0.0,
    scale: Scale = 3,
) -> Response:
    """A string of digits as one picture, in one hand, as `digitgan write` draws it."""
    services = services_of(request)
    loaded = await services.model(model)
    sheet = Sheet(loaded, text)
    images = await services.batcher.draw(loaded, sheet.latents(checked_seed(seed), style, (x, y)), sheet.labels)
    return await _picture(sheet.joined(images), scale)


@routes.get("/morph", responses=PNG)
async def morph(
    request: Request,
    model: ModelName = "mnist",
    seed: Seed = 0,
    index: Annotated[int, Query(ge=0, lt=2**53, description="which latent of the seed's")] = 0,
    x: Annotated[float | None, Query(ge=-2 * REACH, le=2 * REACH, description="how far along the first main direction")] = None,
    y: Annotated[float | None, Query(ge=-2 * REACH, le=2 * REACH, description="how far along the second")] = None,
    first: Annotated[str, Query(max_length=200, description="a class")] = "0",
    second: Annotated[str | None, Query(max_length=200, description="the class to go to")] = None,
    share: Annotated[float, Query(ge=0, le=1, description="how far on the way there")] = 0.0,
    every_class: Annotated[bool, Query(description="the same latent as each of the classes instead")] = False,
    scale: Scale = 1,
) -> Response:
    """One image at a place among all there are: a latent moved along its two main directions, between two classes."""
    services = services_of(request)
    loaded = await services.model(model)
    begin = check_label(loaded, first)
    end = begin if second is None else check_label(loaded, second)
    spot = Spot(checked_seed(seed), index, x, y, begin, end, share)
    if every_class:
        images = await services.batcher.draw(loaded, *spot.every_class(loaded))
        return await _picture(grid(images, columns=min(len(images), 10)), scale)
    if begin != end and not loaded.recipe.conditional:
        raise UsageError("this model is unconditional: there is no way from class to class")
    between = spot.shares(loaded) if 0 < share < 1 and begin != end else torch.tensor([end if share == 1 else begin])
    images = await services.batcher.draw(loaded, spot.latent(loaded), between)
    return await _picture(images[0], scale)


@routes.get("/spot")
async def spot(
    request: Request,
    model: ModelName = "mnist",
    seed: Seed = 0,
    index: Annotated[int, Query(ge=0, lt=2**53, description="which latent of the seed's")] = 0,
) -> dict[str, float]:
    """Where a latent lies along the two main directions, in standard deviations."""
    loaded = await services_of(request).model(model)
    x, y = Spot(checked_seed(seed), index, None, None, 0, 0, 0.0).where(loaded)
    return {"x": x, "y": y}


def _labels(model: Model, labels: str | None, per_class: int | None, count: int | None) -> list[int]:
    """Which label each image has, as `digitgan sample` spreads them."""
    if per_class is not None and count is not None:
        raise UsageError("per_class and count exclude each other; give one")
    classes = list(range(len(model.class_names))) if labels is None else parse_labels(labels, model.class_names, "labels")
    if count is not None:
        wanted = [classes[n % len(classes)] for n in range(count)]
    else:
        wanted = np.repeat(classes, per_class or 1).tolist()
    if len(wanted) > MAX_IMAGES:
        raise UsageError(f"{len(wanted):,} images: {MAX_IMAGES:,} at most in one request; `digitgan sample` draws any number")
    return wanted


async def _picture(picture: Any, scale: int) -> Response:
    # A few images are packed faster than a thread is asked to.
    packed = png(picture, scale) if picture.size * scale**2 < 20_000 else await asyncio.to_thread(png, picture, scale)
    return Response(packed, media_type="image/png", headers={"Cache-Control": "private, max-age=60"})

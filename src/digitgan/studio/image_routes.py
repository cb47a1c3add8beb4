"""Routes of `/api/v1` for models and generated images."""

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
from digitgan.studio.batcher import MAX_IMAGES_PER_REQUEST
from digitgan.studio.errors import ERROR_RESPONSES, known_parameters_only
from digitgan.studio.rendering import Spot, check_label, checked_seed, npz, png
from digitgan.studio.services import services_of

routes = APIRouter(prefix="/api/v1", tags=["images"], responses=ERROR_RESPONSES, dependencies=[Depends(known_parameters_only)])

ModelName = Annotated[
    str, Query(max_length=200, description="name of a shipped model, a run, or a model of a run: RUN@51200, RUN@best")
]
Seed = Annotated[
    int, Query(ge=0, lt=2**63, description="random seed; image i depends only on the model, the seed, i and its label")
]
Scale = Annotated[int, Query(ge=1, le=16, description="integer factor that enlarges each pixel")]

TRUNCATION = (
    "bound on the latent or, for a model with styles, share of the distance from the average style, at most 1; smaller: "
    "typical images, less variety"
)

PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}, "description": "a PNG image"}}


@routes.get("/models")
async def models(request: Request) -> list[dict[str, Any]]:
    """List the available models: the shipped models, then those of the runs."""
    services = services_of(request)

    def list_models() -> list[dict[str, Any]]:
        return [{"name": name} for name in services.model_cache.names()]

    return await asyncio.to_thread(list_models)


@routes.get("/models/{name}")
async def one_model(request: Request, name: Annotated[str, Path(max_length=200)]) -> dict[str, Any]:
    """Describe a model: its class names, image shape and origin."""
    return await asyncio.to_thread(services_of(request).model_cache.describe, name)


@routes.get(
    "/sample",
    responses={
        200: {
            "content": {"image/png": {}, "application/x-npz": {}, "application/json": {}},
            "description": "a PNG grid of all images, a NumPy archive, or JSON",
        }
    },
)
async def sample(
    request: Request,
    model: ModelName = "mnist",
    labels: Annotated[
        str | None, Query(max_length=4000, description='labels: "7", "0-9", "1,3,5" or class names; default: all')
    ] = None,
    per_class: Annotated[
        int | None, Query(ge=1, le=MAX_IMAGES_PER_REQUEST, description="images per class; default: 1, without count")
    ] = None,
    count: Annotated[
        int | None, Query(ge=1, le=MAX_IMAGES_PER_REQUEST, description="total number of images; labels alternate")
    ] = None,
    seed: Seed = 0,
    start: Annotated[int, Query(ge=0, lt=2**53, description="index of the first image in the sequence of the seed")] = 0,
    truncation: Annotated[float | None, Query(gt=0, le=100, description=TRUNCATION)] = None,
    format: Literal["png", "npz", "json"] = "png",
    scale: Scale = 1,
) -> Response:
    """Generate labelled images. They are bit-identical to those of `digitgan sample`."""
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
    text: Annotated[str, Query(min_length=1, max_length=100, description="text of digits, spaces and - / . :")],
    model: ModelName = "mnist",
    seed: Seed = 0,
    style: Annotated[int, Query(ge=0, lt=2**31, description="index of the style")] = 0,
    x: Annotated[float, Query(ge=-REACH, le=REACH, description="style: first principal direction")] = 0.0,
    y: Annotated[float, Query(ge=-REACH, le=REACH, description="style: second principal direction")] = 0.0,
    truncation: Annotated[float | None, Query(gt=0, le=100, description=TRUNCATION)] = None,
    scale: Scale = 3,
) -> Response:
    """Generate a text of digits as one image in one style, as `digitgan write` does."""
    services = services_of(request)
    loaded = await services.model(model)
    sheet = Sheet(loaded, text)
    images = await services.batcher.draw(loaded, sheet.latents(checked_seed(seed), style, (x, y), truncation), sheet.labels)
    return await _picture(sheet.joined(images), scale)


@routes.get("/morph", responses=PNG)
async def morph(
    request: Request,
    model: ModelName = "mnist",
    seed: Seed = 0,
    index: Annotated[int, Query(ge=0, lt=2**53, description="index of the latent")] = 0,
    x: Annotated[
        float | None, Query(ge=-2 * REACH, le=2 * REACH, description="coordinate on the first principal direction")
    ] = None,
    y: Annotated[float | None, Query(ge=-2 * REACH, le=2 * REACH, description="coordinate on the second")] = None,
    first: Annotated[str | None, Query(max_length=200, description="first class; default: the first of the model")] = None,
    second: Annotated[str | None, Query(max_length=200, description="second class")] = None,
    share: Annotated[float, Query(ge=0, le=1, description="share of the second class")] = 0.0,
    every_class: Annotated[bool, Query(description="generate a grid with one image per class instead")] = False,
    scale: Scale = 1,
) -> Response:
    """Generate one image at a position in the latent space, interpolated between two classes."""
    services = services_of(request)
    loaded = await services.model(model)
    begin = 0 if first is None else check_label(loaded, first)
    end = begin if second is None else check_label(loaded, second)
    spot = Spot(checked_seed(seed), index, x, y, begin, end, share)
    if every_class:
        images = await services.batcher.draw(loaded, *spot.every_class(loaded))
        return await _picture(grid(images, columns=min(len(images), 10)), scale)
    if begin != end and not loaded.recipe.conditional:
        raise UsageError("`second`: this model is unconditional, so its classes cannot be interpolated; omit `second`")
    between = spot.shares(loaded) if 0 < share < 1 and begin != end else torch.tensor([end if share == 1 else begin])
    images = await services.batcher.draw(loaded, spot.latent(loaded), between)
    return await _picture(images[0], scale)


@routes.get("/spot")
async def spot(
    request: Request,
    model: ModelName = "mnist",
    seed: Seed = 0,
    index: Annotated[int, Query(ge=0, lt=2**53, description="index of the latent")] = 0,
) -> dict[str, float]:
    """Return the coordinates of a latent on the first two principal directions, in standard deviations."""
    loaded = await services_of(request).model(model)
    x, y = Spot(checked_seed(seed), index, None, None, 0, 0, 0.0).where(loaded)
    return {"x": x, "y": y}


def _labels(model: Model, labels: str | None, per_class: int | None, count: int | None) -> list[int]:
    """Return the label of each image, in the order of `digitgan sample`."""
    if per_class is not None and count is not None:
        raise UsageError("`per_class` and `count`: cannot be combined; give only one")
    classes = list(range(len(model.class_names))) if labels is None else parse_labels(labels, model.class_names, "labels")
    if count is not None:
        wanted = [classes[n % len(classes)] for n in range(count)]
    else:
        wanted = np.repeat(classes, per_class or 1).tolist()
    if len(wanted) > MAX_IMAGES_PER_REQUEST:
        raise UsageError(
            f"{len(wanted):,} images: must be at most {MAX_IMAGES_PER_REQUEST:,} in one request; for more, use "
            "`digitgan sample`"
        )
    return wanted


async def _picture(picture: Any, scale: int) -> Response:
    # For small images, encoding is faster than the switch to another thread.
    packed = png(picture, scale) if picture.size * scale**2 < 20_000 else await asyncio.to_thread(png, picture, scale)
    return Response(packed, media_type="image/png", headers={"Cache-Control": "private, max-age=60"})

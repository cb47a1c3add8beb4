"""Routes of `/api/v1` for models and generated images."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Literal, final

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
from digitgan.studio.drawing_routes import style_of
from digitgan.studio.errors import ERROR_RESPONSES, known_parameters_only
from digitgan.studio.pixels import as_json
from digitgan.studio.rendering import Spot, check_label, checked_seed, npz, png
from digitgan.studio.services import Services, services_of

routes = APIRouter(prefix="/api/v1", tags=["images"], responses=ERROR_RESPONSES, dependencies=[Depends(known_parameters_only)])

ModelName = Annotated[
    str, Query(max_length=200, description="name of a shipped model, a run, or a model of a run: RUN@51200, RUN@best")
]
Seed = Annotated[
    int, Query(ge=0, lt=2**63, description="random seed; image i depends only on the model, the seed, i and its label")
]
Scale = Annotated[int, Query(ge=1, le=16, description="integer factor that enlarges each pixel")]
Index = Annotated[int, Query(ge=0, lt=2**53, description="index of the latent")]
Coordinate = Annotated[
    float, Query(ge=-2 * REACH, le=2 * REACH, description="coordinate on a principal direction, in standard deviations")
]
OptionalCoordinate = Annotated[
    float | None,
    Query(ge=-2 * REACH, le=2 * REACH, description="coordinate on the first (x) or second (y) principal direction"),
]
ClassName = Annotated[str | None, Query(max_length=200, description="name of a class; default: the first of the model")]
Further = Annotated[str, Query(max_length=200, description='coordinates on the following principal directions: "0.5,-1,,2"')]
Code = Annotated[
    str | None,
    Query(
        max_length=40_000,
        pattern="^[A-Za-z0-9_-]*$",
        description="latent code in place of the seed: the `style` of a drawing",
    ),
]

MAX_MAP_SIDE = 40
"""Largest number of images in a row and in a column of a map."""

MAX_DIRECTIONS = 8
"""Largest number of principal directions."""

TRUNCATION = (
    "bound on the latent or, for a model with styles, share of the distance from the average style, at most 1; smaller: "
    "typical images, less variety"
)

PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}, "description": "a PNG image"}}


@final
@dataclass(frozen=True)
class LatentPosition:
    """The parameters that name a latent of a model, and a class or a mixture of two; see `_position` for each."""

    model: str
    seed: int
    index: int
    first: str | None
    second: str | None
    share: float
    further: str
    code: str | None

    async def spot(self, services: Services, x: float | None = None, y: float | None = None) -> tuple[Model, Spot]:
        """Return the model, and the position with the first two coordinates.

        Raises:
            NotThereError: if there is no such model.
            UsageError: if a class or a number is invalid, or the model has no classes to interpolate.
        """
        model = await services.model(self.model)
        coordinates = (x, y, *_coordinates(self.further))
        return model, _spot(model, self.seed, self.index, coordinates, (self.first, self.second, self.share), self.code)


def _position(
    model: ModelName = "mnist",
    seed: Seed = 0,
    index: Index = 0,
    first: ClassName = None,
    second: ClassName = None,
    share: Annotated[float, Query(ge=0, le=1, description="share of the second class")] = 0.0,
    further: Further = "",
    code: Code = None,
) -> LatentPosition:
    return LatentPosition(model, seed, index, first, second, share, further, code)


Position = Annotated[LatentPosition, Depends(_position)]


@routes.get("/models")
async def models(request: Request) -> list[dict[str, Any]]:
    """List the available models: the shipped models, then those of the runs. `channels` is null if a file is damaged."""
    services = services_of(request)

    def list_models() -> list[dict[str, Any]]:
        return [{"name": name, "channels": services.model_cache.channels(name)} for name in services.model_cache.names()]

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
    code: Code = None,
    scale: Scale = 3,
) -> Response:
    """Generate a text of digits as one image in one style, as `digitgan write` does."""
    services = services_of(request)
    loaded = await services.model(model)
    sheet = Sheet(loaded, text)
    if code is None:
        latents = sheet.latents(checked_seed(seed), style, (x, y), truncation)
    else:
        latents = sheet.latents_near(style_of(code, loaded), checked_seed(seed), (x, y))
    images = await services.batcher.draw(loaded, latents, sheet.labels)
    return await _picture(sheet.joined(images), scale)


@routes.get("/morph", responses=PNG)
async def morph(
    request: Request,
    position: Position,
    x: OptionalCoordinate = None,
    y: OptionalCoordinate = None,
    every_class: Annotated[bool, Query(description="generate a grid with one image per class instead")] = False,
    scale: Scale = 1,
) -> Response:
    """Generate one image at a position in the latent space, interpolated between two classes."""
    services = services_of(request)
    loaded, spot = await position.spot(services, x, y)
    if every_class:
        images = await services.batcher.draw(loaded, *spot.every_class(loaded))
        return await _picture(grid(images, columns=min(len(images), 10)), scale)
    images = await services.batcher.draw(loaded, spot.latent(loaded), _between(loaded, spot))
    return await _picture(images[0], scale)


@routes.get("/map", responses=PNG)
async def latent_map(
    request: Request,
    position: Position,
    left: Coordinate,
    right: Coordinate,
    bottom: Coordinate,
    top: Coordinate,
    columns: Annotated[int, Query(ge=1, le=MAX_MAP_SIDE, description="images in a row")] = 12,
    rows: Annotated[int, Query(ge=1, le=MAX_MAP_SIDE, description="rows of images")] = 12,
) -> Response:
    """Generate a map of the latent space: images at equal distances in a part of the plane of two principal directions.

    The images lie side by side without gaps. The first row is at `top`, and the first column at `left`.
    """
    services = services_of(request)
    loaded, spot = await position.spot(services)
    places = [(float(x), float(y)) for y in np.linspace(top, bottom, rows) for x in np.linspace(left, right, columns)]
    between = _between(loaded, spot)
    labels = between.repeat(len(places), *([1] * (between.ndim - 1)))
    images = await services.batcher.draw(loaded, spot.moved(loaded, places), labels)
    return await _picture(grid(images, columns=columns, gap=0), 1)


@routes.get("/nearest")
async def nearest_images(
    request: Request,
    position: Position,
    x: OptionalCoordinate = None,
    y: OptionalCoordinate = None,
    count: Annotated[int, Query(ge=1, le=20, description="number of training images")] = 5,
) -> dict[str, Any]:
    """Find the training images that are nearest to the image at a position in the latent space; see `/morph`.

    A distance is the root mean squared difference of the pixels, in levels of 255. `typical` is the median distance between a
    training image and the nearest other one. A model that copies its training images has distances far below it.
    """
    services = services_of(request)
    loaded, spot = await position.spot(services, x, y)
    images = await services.batcher.draw(loaded, spot.latent(loaded), _between(loaded, spot))
    record = await asyncio.to_thread(services.model_cache.data_record, position.model)
    found = await asyncio.to_thread(services.neighbours.nearest, loaded, record, images[0], count)
    return {
        "images": as_json(found.images),
        "labels": found.labels,
        "distances": found.distances,
        "typical": found.typical,
    }


@routes.get("/spot")
async def spot(
    request: Request,
    model: ModelName = "mnist",
    seed: Seed = 0,
    index: Index = 0,
    code: Code = None,
    count: Annotated[int, Query(ge=2, le=MAX_DIRECTIONS, description="number of coordinates")] = 2,
) -> dict[str, Any]:
    """Return the coordinates of a latent on the first principal directions, in standard deviations.

    `x`, `y` and, with more than two coordinates, `further` are parameters of `GET /api/v1/morph`.
    """
    loaded = await services_of(request).model(model)
    found = _spot(loaded, seed, index, (), (None, None, 0.0), code).where(loaded, count)
    further = {"further": ",".join(f"{each:.4f}" for each in found[2:])} if count > 2 else {}
    return {"x": found[0], "y": found[1], **further}


def _spot(
    model: Model,
    seed: int,
    index: int,
    coordinates: tuple[float | None, ...],
    classes: tuple[str | None, str | None, float],
    code: str | None,
) -> Spot:
    """Return the position that the parameters of a request name."""
    first, second, share = classes
    begin = 0 if first is None else check_label(model, first)
    end = begin if second is None else check_label(model, second)
    if begin != end and not model.recipe.conditional:
        raise UsageError("`second`: this model is unconditional, so its classes cannot be interpolated; omit `second`")
    given = None if code is None else style_of(code, model)
    return Spot(checked_seed(seed), index, coordinates, begin, end, share, given)


def _between(model: Model, spot: Spot) -> torch.Tensor:
    """Return the label (1,) of a position, or its class shares (1, classes)."""
    if 0 < spot.share < 1 and spot.first != spot.second:
        return spot.shares(model)
    return torch.tensor([spot.second if spot.share == 1 else spot.first])


def _coordinates(text: str) -> tuple[float | None, ...]:
    """Return the coordinates of the parameter `further`."""
    if not text:
        return ()
    try:
        found = tuple(float(each) if each else None for each in text.split(","))
    except ValueError as problem:
        raise UsageError(f"further {text[:100]!r}: must be numbers with commas between; an empty one is unchanged") from problem
    if len(found) > MAX_DIRECTIONS - 2 or any(each is not None and not abs(each) <= 2 * REACH for each in found):
        raise UsageError(
            f"further {text[:100]!r}: must be at most {MAX_DIRECTIONS - 2} numbers from {-2 * REACH:g} to {2 * REACH:g}"
        )
    return found


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

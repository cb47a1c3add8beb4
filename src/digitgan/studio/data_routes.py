"""Routes of `/api/v1` for image sets of the user's own: upload, summary, pictures."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from digitgan.data import ReadOptions
from digitgan.options import DataOptions, help_of
from digitgan.studio.errors import ERROR_RESPONSES, known_parameters_only
from digitgan.studio.services import services_of

routes = APIRouter(prefix="/api/v1", tags=["data"], responses=ERROR_RESPONSES, dependencies=[Depends(known_parameters_only)])

HELP = help_of(DataOptions)

UPLOAD_BODY = {
    "requestBody": {
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "required": True,
    }
}
"""The description of the body of an upload in the OpenAPI document. The route reads the body piece by piece."""

DataName = Annotated[str, Query(max_length=200, description="name of an image set; GET /api/v1/data lists them")]


def read_options(
    size: Annotated[str | None, Query(max_length=20, description=HELP["size"])] = None,
    fit: Annotated[Literal["crop", "pad", "stretch"], Query(description=HELP["fit"])] = "crop",
    colour: Annotated[Literal["auto", "grey", "rgb"], Query(description=HELP["colour"])] = "auto",
    background: Annotated[str, Query(max_length=20, description=HELP["background"])] = "black",
    invert_colours: Annotated[bool, Query(description=HELP["invert_colours"])] = False,
    skip_damaged: Annotated[bool, Query(description=HELP["skip_damaged"])] = False,
) -> ReadOptions:
    """Return the options of a query with which images are read."""
    return ReadOptions.of(
        DataOptions(
            size=size or None,
            fit=fit,
            colour=colour,
            background=background,
            invert_colours=invert_colours,
            skip_damaged=skip_damaged,
        )
    )


Read = Annotated[ReadOptions, Depends(read_options)]


@routes.get("/data")
async def names(request: Request) -> dict[str, list[str]]:
    """List the image sets of the user's own: uploads, and the entries of the folders of `--data-root`."""
    return {"data": await asyncio.to_thread(services_of(request).own_data.names)}


@routes.put("/data/upload", status_code=201, openapi_extra=UPLOAD_BODY)
async def upload(
    request: Request, file: Annotated[str, Query(max_length=100, description="name of the file")]
) -> dict[str, str]:
    """Upload a ZIP archive of pictures, as the request body. It is stored and checked, and never unpacked."""
    return {"name": await services_of(request).own_data.receive(file, request.stream())}


@routes.get("/data/summary")
async def summary(request: Request, name: DataName, read: Read) -> dict[str, Any]:
    """Return the classes, counts, conversions and warnings of an image set, and what a training on it would do."""
    return await asyncio.to_thread(services_of(request).own_data.summary, name, read)


@routes.get("/data/classes.png", responses={200: {"content": {"image/png": {}}}}, response_class=Response)
async def classes(request: Request, name: DataName, read: Read) -> Response:
    """Draw ten images of every class, as a training would see them."""
    content = await asyncio.to_thread(services_of(request).own_data.sheet, name, read)
    return Response(content, media_type="image/png", headers={"Cache-Control": "private, no-cache"})


@routes.post("/data/remove")
async def remove(request: Request, name: DataName) -> dict[str, str]:
    """Remove an uploaded archive."""
    await asyncio.to_thread(services_of(request).own_data.remove, name)
    return {"name": name}

"""Routes of `/api/v1` for downloads: images and models, in every format of `digitgan sample` and `digitgan export`."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from digitgan.exporters import EXPORT_FORMATS
from digitgan.generation import WRITERS
from digitgan.studio.errors import ERROR_RESPONSES, NotThereError, known_parameters_only
from digitgan.studio.image_routes import ModelName, Seed
from digitgan.studio.services import services_of

routes = APIRouter(
    prefix="/api/v1/downloads", tags=["downloads"], responses=ERROR_RESPONSES, dependencies=[Depends(known_parameters_only)]
)

MAX_PER_CLASS: Final = 1000
"""Largest number of images of each class in one download; `digitgan sample` makes more."""

FILE: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"application/octet-stream": {}, "application/zip": {}}}}


MODEL_FILE: Final = "safetensors"
"""The format of the model file itself, which every command reads."""


@routes.get("/formats")
async def formats() -> dict[str, Any]:
    """List the formats of images, and those of models with the values of `quantize`."""
    exported = [{"name": each.name, "quantize": list(each.quantisations)} for each in EXPORT_FORMATS.values()]
    return {"images": list(WRITERS), "models": [{"name": MODEL_FILE, "quantize": []}, *exported]}


@routes.get("/images", responses=FILE, response_class=FileResponse)
async def images(
    request: Request,
    model: ModelName = "mnist",
    format: Annotated[
        str, Query(max_length=20, description="a format of `digitgan sample`; a folder comes as a ZIP file")
    ] = "npz",
    per_class: Annotated[int, Query(ge=1, le=MAX_PER_CLASS, description="number of images of each class")] = 10,
    seed: Seed = 0,
) -> FileResponse:
    """Generate labelled images by `digitgan sample`, in one of its formats."""
    writer = WRITERS.find(format)
    options = (f"--format={writer.name}", f"--per-class={per_class}", f"--seed={seed}")
    return await _file_of(request, "sample", model, f"{_plain(model)}-images", writer.ending, options)


@routes.get("/model", responses=FILE, response_class=FileResponse)
async def model(
    request: Request,
    model: ModelName = "mnist",
    format: Annotated[
        str, Query(max_length=20, description='a format of `digitgan export`, a folder as a ZIP file; or "safetensors"')
    ] = "onnx",
    quantize: Annotated[str | None, Query(max_length=20, description="a smaller type of the weights")] = None,
) -> FileResponse:
    """Export a model by `digitgan export`, in one of its formats, or return the model file itself ("safetensors")."""
    if format == MODEL_FILE and quantize is None:
        path = await asyncio.to_thread(services_of(request).model_cache.path, model)
        if path.is_symlink():  # it could lead to any file of this machine
            raise NotThereError(f"{model}: its model file is a link, which is not sent")
        return FileResponse(path, filename=f"{_plain(model)}.{MODEL_FILE}")
    form = EXPORT_FORMATS.find(format)
    options = (f"--format={form.name}", *(() if quantize is None else (f"--quantize={quantize}",)))
    return await _file_of(request, "export", model, f"{_plain(model)}-{form.name}", form.ending, options)


async def _file_of(
    request: Request, command: str, model: str, name: str, ending: str, options: tuple[str, ...]
) -> FileResponse:
    """Return the file that a command writes, or the folder as a ZIP file. It is removed after it has been sent."""
    services = services_of(request)
    source = await asyncio.to_thread(services.model_cache.path, model)
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="digitgan-download-"))
    out = folder / f"{name}{ending}"
    try:
        await services.downloading.run(command, str(source), f"--out={out}", *options)
        if out.is_dir():
            out = await asyncio.to_thread(_zipped, out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return FileResponse(out, filename=out.name, background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True))


def _zipped(folder: Path) -> Path:
    """Pack a folder as a ZIP file beside it, with the folder as its only entry at the top."""
    packed = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                file.write(path, Path(folder.name) / path.relative_to(folder))
    return packed


def _plain(name: str) -> str:
    """Return a model's name as part of a file name."""
    return "".join(
        character if character.isascii() and (character.isalnum() or character in "-_.") else "-" for character in name
    )

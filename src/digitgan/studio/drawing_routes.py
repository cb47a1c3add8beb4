"""Routes of `/api/v1` for a visitor's own drawing: recognise it, find it in the latent space, and use its style."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from digitgan.errors import UsageError
from digitgan.evaluation import classify_images
from digitgan.generation.drawing import placed_drawing
from digitgan.generation.inversion import invert
from digitgan.model.file import Model
from digitgan.studio.drawing_facts import DrawingFacts
from digitgan.studio.errors import ERROR_RESPONSES, known_parameters_only
from digitgan.studio.pixels import as_json, grey_picture
from digitgan.studio.services import services_of

routes = APIRouter(prefix="/api/v1", tags=["drawing"], responses=ERROR_RESPONSES, dependencies=[Depends(known_parameters_only)])

MAX_SIDE: Final = 512
"""Largest side of a drawing in pixels."""

DESCENT_STEPS: Final = 100
"""Steps of an inversion, which then takes less than half a second: a drawing should be answered in a second."""


class NewDrawing(BaseModel):
    """The body of a request with a drawing."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field("mnist", max_length=200, description="name of the model")
    width: int = Field(ge=8, le=MAX_SIDE, description="width in pixels")
    height: int = Field(ge=8, le=MAX_SIDE, description="height in pixels")
    levels: str = Field(max_length=4 * MAX_SIDE**2 // 3 + 8, description="grey levels, one byte for each pixel, in base64")


@routes.post("/draw")
async def draw(request: Request, drawing: NewDrawing) -> dict[str, Any]:
    """Recognise a drawing, find the latent that redraws it best, and draw that latent in every class.

    The drawing is centred and scaled as the images of the model. `style` is the latent, for `GET /api/v1/write` and
    `GET /api/v1/morph`. `probabilities` is empty if no classifier of the model's data is shipped or cached. The class is then
    the one that the latent reconstructs best.
    """
    services = services_of(request)
    model = await services.model(drawing.model)
    return await asyncio.to_thread(_answer, model, services.drawing_facts, drawing)


def _answer(model: Model, facts: DrawingFacts, drawing: NewDrawing) -> dict[str, Any]:
    started = time.monotonic()
    form, classifier = facts.of(model)
    if form is None:
        raise UsageError(f"{drawing.model}: does not generate light ink on a dark ground, so it cannot take a drawing")
    grey = grey_picture(drawing.levels, drawing.height, drawing.width)
    if not grey.any():
        raise UsageError("levels: the drawing is empty")
    spec = model.generator.spec
    placed = placed_drawing(grey, form, (spec.height, spec.width)).pixels
    probabilities: list[float] = []
    label = None
    if classifier is not None:
        chances = classify_images(classifier, placed[None])[1][0]
        probabilities, label = [round(float(chance), 4) for chance in chances], int(chances.argmax())
    found = invert(model, placed, label, steps=DESCENT_STEPS)
    classes = len(model.class_names)
    codes = torch.from_numpy(found.z)[None].repeat(classes, 1)
    every = model.draw_many(codes, torch.arange(classes))
    return {
        "class_names": list(model.class_names),
        "placed": as_json(placed[None]),
        "probabilities": probabilities,
        "label": found.label,
        "redrawn": as_json(found.image[None]),
        "error": round(found.error, 2),
        "every_class": as_json(every),
        "style": style_text(found.z),
        "seconds": round(time.monotonic() - started, 3),
    }


def style_text(code: npt.NDArray[np.float32]) -> str:
    """Return a latent code as text for a URL."""
    return base64.urlsafe_b64encode(code.astype("<f4").tobytes()).decode().rstrip("=")


def style_of(text: str, model: Model) -> torch.Tensor:
    """Return the latent code (1, code) of the result of `style_text`.

    Raises:
        UsageError: if the text is not a latent code of this model.
    """
    try:
        values = np.frombuffer(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "<f4")
    except (binascii.Error, ValueError) as problem:
        raise UsageError(f"code: is not a latent ({problem}); take the `style` of a drawing") from problem
    expected = model.generator.extended(model.latents(0, range(1))).shape[1]
    if len(values) != expected or not np.isfinite(values).all():
        raise UsageError(f"code: has {len(values)} numbers, and this model takes {expected}; take the `style` of a drawing")
    return torch.from_numpy(values.copy())[None]

"""Pictures of a user's own, brought to the form of the images of a model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from digitgan.data import Conversion, ReadOptions
from digitgan.generation.drawing import drawing_for
from digitgan.images import Picture
from digitgan.model.file import Model
from digitgan.model.registry import load

POINTS = [(0.3, 0.25), (0.7, 0.25), (0.45, 0.78)]
"""A seven, in shares of the sides of the picture."""


def seven(
    size: tuple[int, int], ink: tuple[int, ...], paper: tuple[int, ...], shift: tuple[float, float] = (0, 0)
) -> Image.Image:
    """Draw a seven with smooth edges."""
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[len(paper)]
    large = Image.new(mode, (size[0] * 4, size[1] * 4), paper)
    side = min(large.size)
    left, top = (large.size[0] - side) / 2, (large.size[1] - side) / 2
    points = [(left + (x + shift[0]) * side, top + (y + shift[1]) * side) for x, y in POINTS]
    ImageDraw.Draw(large).line(points, fill=ink, width=round(side * 0.08), joint="curve")
    return large.resize(size, Image.Resampling.BOX)


def photo(size: tuple[int, int] = (600, 800)) -> Image.Image:
    """Draw a seven on paper that is lit from one side, with a dark edge, dust and noise."""
    picture = np.asarray(seven(size, (40, 40, 70), (235, 232, 225)).filter(ImageFilter.GaussianBlur(1.5)), dtype=np.float64)
    rows, columns = np.mgrid[: size[1], : size[0]]
    light = 1 - 0.45 * columns / size[0] - 0.15 * rows / size[1]
    picture = picture * light[:, :, None] + np.random.default_rng(0).normal(0, 4, picture.shape)
    picture[:, :8] = 20  # the table beside the paper
    picture[100:104, 500:505] = 90  # dust
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


FORMS: dict[str, Image.Image] = {
    "light on dark": seven((28, 28), (255,), (0,)),
    "dark on light": seven((28, 28), (20,), (240,)),
    "RGB": seven((28, 28), (20, 20, 60), (240, 240, 230)),
    "large": seven((280, 280), (20, 20, 60), (240, 240, 230)),
    "wide": seven((400, 150), (10,), (250,)),
    "black on clear": seven((64, 64), (0, 0, 0, 255), (0, 0, 0, 0)),
    "white on clear": seven((64, 64), (255, 255, 255, 255), (0, 0, 0, 0)),
    "off centre": seven((28, 28), (20,), (240,), (0.2, 0.12)),
    "small in a corner": seven((280, 280), (20,), (240,), (0, 0)).resize((90, 90)),
    "16 bits": Image.fromarray(np.asarray(seven((56, 56), (255,), (0,))).astype(np.uint16) * 257),
    "a photo": photo(),
}


@pytest.fixture(scope="module")
def shipped() -> Model:
    return load("mnist")


@pytest.fixture(scope="module")
def expected(shipped: Model, tmp_path_factory: pytest.TempPathFactory) -> Picture:
    path = tmp_path_factory.mktemp("seven") / "a.png"
    seven((112, 112), (255,), (0,)).save(path)
    return drawing_for(path, shipped).pixels


@pytest.mark.parametrize("name", FORMS)
def test_a_picture_in_any_form_becomes_the_same_drawing(tmp_path: Path, shipped: Model, expected: Picture, name: str) -> None:
    FORMS[name].save(tmp_path / "a.png")
    drawing = drawing_for(tmp_path / "a.png", shipped)
    assert drawing.pixels.shape == (28, 28)
    assert drawing.pixels.dtype == np.uint8
    apart = np.array(ndimage.center_of_mass(drawing.pixels)) - ndimage.center_of_mass(expected)
    assert np.abs(apart).max() < 1.2
    ink, wanted = drawing.pixels > 100, expected > 100
    if name != "light on dark":  # it has the form of the model already, and stays as it is
        assert (ndimage.binary_dilation(ink, iterations=1) & wanted).sum() > 0.9 * wanted.sum()
        assert (ndimage.binary_dilation(wanted, iterations=2) & ink).sum() > 0.95 * ink.sum()
        assert drawing.steps
    assert drawing.pixels.max() > 200


def test_an_image_of_the_models_form_stays_as_it_is(tmp_path: Path, shipped: Model) -> None:
    for number, image in enumerate(shipped.sample(list(range(10)), seed=3)):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
        drawing = drawing_for(tmp_path / f"{number}.png", shipped)
        np.testing.assert_array_equal(drawing.pixels, image)
        assert drawing.steps == ()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_picture_is_no_problem(tmp_path: Path, shipped: Model, level: int) -> None:
    Image.new("L", (50, 70), level).save(tmp_path / "a.png")
    assert drawing_for(tmp_path / "a.png", shipped).pixels.shape == (28, 28)


@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_a_picture_for_another_model_is_read_as_its_training_images(new_model: Any, tmp_path: Path, fit: str) -> None:
    conversion = Conversion((28, 28), fit=fit, colour="grey", background=(90, 90, 90), invert_colours=True)  # type: ignore[arg-type]
    model = new_model()  # untrained: its images have no dark ground
    card = {"data": {"read": ReadOptions(conversion).record()}}
    model = dataclasses.replace(model, card=card)
    Image.new("L", (20, 60), 200).save(tmp_path / "a.png")
    drawing = drawing_for(tmp_path / "a.png", model)
    assert drawing.pixels.shape == (28, 28)
    assert drawing.pixels[14, 14] == 255 - 200
    assert drawing.pixels[14, 0] == (255 - 90 if fit == "pad" else 255 - 200)
    assert drawing.inverted
    assert any(f"by {'scaling and padding' if fit == 'pad' else 'stretching'}" in step for step in drawing.steps)
    assert "inverted, as the training images were" in drawing.steps
    for damaged in ({}, {"data": 3}, {"data": {"read": {"conversion": {"fit": "?"}}}}):
        assert not drawing_for(tmp_path / "a.png", dataclasses.replace(model, card=damaged)).inverted

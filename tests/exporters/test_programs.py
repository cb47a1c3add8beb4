"""ONNX and torch.export: the same images with onnxruntime, and in a Python process without this package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from digitgan.exporters import EXPORT_FORMATS, ExportedModel, largest_difference
from digitgan.recipes import RECIPES
from tests.exporters.networks import RESIDUAL, VARIANTS, inputs_of, model_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


RESIDUALS = [pytest.param(name, marks=[] if "sum" in name or "attention" in name else pytest.mark.long) for name in RESIDUAL]
LEVELS = [pytest.param(0.0, marks=pytest.mark.long), 0.6, pytest.param(1.0, marks=pytest.mark.long)]


def exported(name: str, path: Path, format_name: str, quantize: str | None = None) -> ExportedModel:
    source = ExportedModel(model_of(VARIANTS[name]), None, "0" * 64, name)
    EXPORT_FORMATS[format_name].write(source, path, quantize)
    return source


@pytest.mark.parametrize(
    "name",
    [
        "fast",
        "lstm-cgan",
        "onehot-cgan",
        "mask-cgan",
        "plain-gan",
        "dcgan",
        *RESIDUALS,
        "style",
        pytest.param("autoregressive", marks=pytest.mark.long),
    ],
)
def test_onnx_draws_the_same_images_in_any_number(name: str, tmp_path: Path) -> None:
    import onnxruntime

    path = tmp_path / "generator.onnx"
    model = exported(name, path, "onnx").model
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    conditional = model.recipe.conditional
    assert [given.name for given in session.get_inputs()] == (["z", "labels"] if conditional else ["z"])
    assert session.get_outputs()[0].shape == ["batch", 1, 28, 28]
    for count in (1, 2, 257):
        z, labels = inputs_of(model.generator, count)
        with torch.no_grad():
            images = model.generator(z, labels).numpy()
        given = {"z": z.numpy(), "labels": labels.numpy()} if conditional else {"z": z.numpy()}
        np.testing.assert_allclose(session.run(["images"], given)[0], images, atol=5e-5)
    told = session.get_modelmeta().custom_metadata_map
    assert told["recipe"] == model.recipe.name
    assert json.loads(told["class_names"]) == list(model.class_names)
    assert told["images"] == "float32 NCHW in [-1, 1]"
    assert "/" not in str(sorted(told)), "no path of this machine"


@pytest.mark.parametrize("format_name", ["onnx", "torch", "web"])
@pytest.mark.parametrize("level", LEVELS)
def test_a_generator_in_the_middle_of_its_growth_keeps_its_level(level: float, format_name: str, tmp_path: Path) -> None:
    model = model_of(RESIDUAL["residual, bottlenecks, sum"])
    assert model.generator.growth is not None
    model.generator.growth.set(level)
    path = tmp_path / f"generator{EXPORT_FORMATS[format_name].ending}"
    if not EXPORT_FORMATS[format_name].ending:
        path.mkdir()
    EXPORT_FORMATS[format_name].write(ExportedModel(model, None, "0" * 64, "growing"), path, None)
    assert largest_difference(EXPORT_FORMATS[format_name], path, model) < 1e-5


@pytest.mark.parametrize("name", RESIDUALS)
def test_the_page_draws_what_residual_networks_draw(name: str, tmp_path: Path) -> None:
    model = model_of(RESIDUAL[name])
    EXPORT_FORMATS["web"].write(ExportedModel(model, None, "0" * 64, name), tmp_path, None)
    assert largest_difference(EXPORT_FORMATS["web"], tmp_path, model) < 1e-5


@pytest.mark.parametrize("name", RESIDUALS)
def test_a_program_of_residual_networks_takes_any_number(name: str, tmp_path: Path) -> None:
    path = tmp_path / "generator.pt2"
    generator = exported(name, path, "torch").model.generator
    for count in (1, 3, 257):
        z, labels = inputs_of(generator, count)
        with torch.no_grad():
            images = generator(z, labels).numpy()
        np.testing.assert_allclose(EXPORT_FORMATS["torch"].draw(path, z.numpy(), labels.numpy()), images, atol=5e-5)


@pytest.mark.parametrize("name", ["fast", pytest.param("style", marks=pytest.mark.long)])
@pytest.mark.parametrize(("quantize", "most"), [pytest.param("fp16", 0.02, marks=pytest.mark.long), ("int8", 1.0)])
def test_smaller_numbers_make_smaller_files_of_much_the_same_images(
    tmp_path: Path, name: str, quantize: str, most: float
) -> None:
    whole, small = tmp_path / "whole.onnx", tmp_path / "small.onnx"
    source = exported(name, whole, "onnx")
    exported(name, small, "onnx", quantize)
    # The operations of the modulation are a third of the file of a small style generator.
    assert small.stat().st_size < (0.6 if name == "fast" else 0.75) * whole.stat().st_size
    z, labels = (values.numpy() for values in inputs_of(source.model.generator, 64))
    drawn, exact = (EXPORT_FORMATS["onnx"].draw(path, z, labels) for path in (small, whole))
    assert 0 < np.abs(drawn - exact).max() < most
    assert np.corrcoef(drawn.ravel(), exact.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    "name",
    [
        "fast",
        pytest.param("style", marks=pytest.mark.long),
        pytest.param("plain-gan", marks=pytest.mark.long),
        pytest.param("autoregressive", marks=pytest.mark.long),
    ],
)
def test_a_torch_program_runs_without_this_package(name: str, tmp_path: Path) -> None:
    path = tmp_path / "generator.pt2"
    model = exported(name, path, "torch").model
    assert largest_difference(EXPORT_FORMATS["torch"], path, model) < 1e-5
    program = f"""
import sys, torch
sys.modules["digitgan"] = None  # importing it would fail
torch.manual_seed(0)
z = torch.randn(3, {model.generator.latent})
program = torch.export.load({str(path)!r}).module()
with torch.no_grad():
    images = program(z, torch.tensor([1, 2, 3])) if {model.recipe.conditional} else program(z)
print(images.shape, float(images.double().sum()))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    torch.manual_seed(0)
    z = torch.randn(3, model.generator.latent)
    with torch.no_grad():
        images = model.generator(z, torch.tensor([1, 2, 3]))
    assert done.stdout.startswith("torch.Size([3, 1, 28, 28])")
    assert float(done.stdout.split()[-1]) == pytest.approx(float(images.double().sum()), abs=1e-2)


@pytest.mark.parametrize("name", ["onehot-cgan", "plain-gan", "residual, patches of 2, attention"])
def test_half_precision_takes_every_label_vector(tmp_path: Path, name: str) -> None:
    path = tmp_path / "half.onnx"
    assert largest_difference(EXPORT_FORMATS["onnx"], path, exported(name, path, "onnx", "fp16").model) < 0.05


def test_the_model_is_as_before(tmp_path: Path) -> None:
    """The export works on a copy: the memory format and the precision of the model do not change."""
    model = model_of(RECIPES["fast"])
    before = model.sample([1, 2, 3])
    EXPORT_FORMATS["onnx"].write(ExportedModel(model, None, "", ""), tmp_path / "small.onnx", "fp16")
    np.testing.assert_array_equal(model.sample([1, 2, 3]), before)
    assert next(model.generator.parameters()).dtype == torch.float32

"""The folder of the web export, without a browser; see tests/scenarios/test_web_export.py for the page itself."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

import digitgan
from digitgan.errors import UsageError
from digitgan.exporters import EXPORT_FORMATS, ExportedModel, largest_difference, web_page
from digitgan.recipes import RECIPES
from tests.exporters.networks import RESIDUAL, VARIANTS, model_of

WEB = files("digitgan") / "exporters" / "web"


def exported(name: str, path: Path, quantize: str | None = None) -> Path:
    model = digitgan.load("mnist") if name == "mnist" else model_of(VARIANTS[name])
    path.mkdir()
    EXPORT_FORMATS["web"].write(ExportedModel(model, None, "0" * 64, name), path, quantize)
    return path


def size_of(path: Path) -> int:
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())


def test_all_but_the_networks_is_small(tmp_path: Path) -> None:
    path = exported("mnist", tmp_path / "page")
    networks = sum(each.stat().st_size for each in path.glob("*.onnx"))
    assert size_of(path) - networks < 150_000
    assert networks < 3_700_000


def test_half_the_size_draws_much_the_same(tmp_path: Path) -> None:
    whole, half = exported("mnist", tmp_path / "whole"), exported("mnist", tmp_path / "half", "fp16")
    for name in ("generator.onnx", "classifier.onnx"):
        assert (half / name).stat().st_size < 0.55 * (whole / name).stat().st_size
    assert 0 < largest_difference(EXPORT_FORMATS["web"], half, digitgan.load("mnist")) < 0.02


def test_the_product_of_matrices_is_what_its_source_says() -> None:
    import wasmtime

    assert wasmtime.wat2wasm((WEB / "runtime" / "matmul.wat").read_text()) == (WEB / "runtime" / "matmul.wasm").read_bytes()


def test_a_model_of_photos_brings_no_drawing(tmp_path: Path) -> None:
    known = json.loads((exported("colour", tmp_path / "page") / "model.json").read_text())
    assert (known["ink"], known["classifier"]) == (None, False)
    assert not (tmp_path / "page" / "classifier.onnx").exists()


@pytest.mark.parametrize("name", ["fast", "style"])
def test_the_page_knows_how_variables_become_codes(name: str) -> None:
    generator = model_of(RECIPES[name]).generator
    known = web_page._inversion(model_of(RECIPES[name]))
    variables = torch.randn(2, known["width"])
    found = np.tile(np.array(known["base"]), (2, 1))
    for row, column, weight in known["entries"] or [(n, n, 1) for n in range(known["width"])]:
        found[:, column] += weight * variables[:, row].numpy()
    np.testing.assert_allclose(found, generator.inverted(variables).detach(), atol=5e-5)


def test_a_network_beyond_the_runtime_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(RESIDUAL["residual"])
    forward = type(model.generator).forward
    monkeypatch.setattr(type(model.generator), "forward", lambda self, z, labels: torch.erf(forward(self, z, labels)))
    with pytest.raises(UsageError, match=r"Erf.*--format onnx"):
        EXPORT_FORMATS["web"].write(ExportedModel(model, None, "0" * 64, "odd"), tmp_path, None)
    assert list(tmp_path.iterdir()) == []

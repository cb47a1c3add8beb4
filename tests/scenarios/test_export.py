"""Export and import from the command line: Keras files read by TensorFlow, discriminators, and round trips."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from digitgan.exporters import EXPORT_FORMATS, ExportedModel
from digitgan.model.file import load_model
from digitgan.model.registry import find_model
from tests.exporters.networks import VARIANTS, discriminator_of, inputs_of, model_of
from tests.processes import PATIENCE
from tests.scenarios.conftest import Digitgan

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tensorflow_python() -> str:
    """The Python of an environment with TensorFlow. Without it the test is skipped, or fails in CI."""
    python = ROOT / ".venv-tensorflow" / "bin" / "python"
    if python.exists():
        return str(python)
    if os.environ.get("CI"):
        pytest.fail("TensorFlow is needed in CI: make tensorflow")
    pytest.skip("needs TensorFlow: make tensorflow")


READ = """
import json, sys
import keras
import numpy as np
import tensorflow as tf

assert keras.backend.backend() == "tensorflow"
found = {}
for folder in sys.argv[1:]:
    given = np.load(f"{folder}/given.npz")
    z, labels = given["z"], given["labels"].astype("int32").reshape(-1, 1)
    with open(f"{folder}/generator.json") as file:
        generator = keras.models.model_from_json(file.read())
    generator.load_weights(f"{folder}/generator.weights.h5")
    conditional = len(generator.inputs) == 2
    images = generator.predict([z, labels] if conditional else z, verbose=0)
    whole = keras.saving.load_model(f"{folder}/generator.keras")
    again = whole.predict([z, labels] if conditional else z, verbose=0)
    judge = keras.saving.load_model(f"{folder}/discriminator.keras")
    pixels = given["images"].transpose(0, 2, 3, 1)
    scores = judge.predict([pixels, labels] if len(judge.inputs) == 2 else pixels, verbose=0)
    scores = scores[0] if isinstance(scores, list) else scores
    found[folder] = {
        "largest": float(np.abs(images - pixels).max()),
        "largest_of_keras_file": float(np.abs(again - pixels).max()),
        "largest_score": float(np.abs(scores[:, 0] - given["scores"]).max()),
        "range": [float(images.min()), float(images.max())],
    }
print(json.dumps(found))
"""


@pytest.mark.long
def test_tensorflow_draws_the_same_images_for_every_recipe(tmp_path: Path, tensorflow_python: str) -> None:
    folders = []
    for number, (name, recipe) in enumerate(VARIANTS.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        model, discriminator = model_of(recipe), discriminator_of(recipe)
        EXPORT_FORMATS["keras"].write(ExportedModel(model, discriminator, "", name), folder, None)
        z, labels = inputs_of(model.generator, 9)
        with torch.no_grad():
            images = model.generator(z, labels)
            scores = discriminator(images, labels).logits
        np.savez(folder / "given.npz", z=z.numpy(), labels=labels.numpy(), images=images.numpy(), scores=scores.numpy())
        folders.append(str(folder))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("KERAS", "PYTHON"))}
    done = subprocess.run(
        [tensorflow_python, "-c", READ, *folders], env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for folder, name in zip(folders, VARIANTS, strict=True):
        for key in ("largest", "largest_of_keras_file", "largest_score"):
            assert found[folder][key] <= 1e-4, (name, key)
        low, high = found[folder]["range"]
        assert -1 <= low < high <= 1


def test_the_shipped_model_in_every_format(here: Digitgan, tmp_path: Path) -> None:
    for name, spec in EXPORT_FORMATS.items():
        done = here("export", "--format", name, "--out", f"out-{name}{spec.ending}", "--json")
        assert done.returncode == 0, done.stderr
        facts = json.loads(done.stdout)
        assert facts["largest_difference"] <= 1e-5
        assert facts["bytes"] > 1_000_000
        assert (tmp_path / f"out-{name}{spec.ending}").is_dir() == (not spec.ending)
        again = here("export", "--format", name, "--out", f"out-{name}{spec.ending}")
        assert again.returncode == 2
        assert "--overwrite" in again.stderr
    for name in ("torch", "web"):  # a file and a folder
        out = f"out-{name}{EXPORT_FORMATS[name].ending}"
        assert here("export", "--format", name, "--out", out, "--overwrite").returncode == 0


def test_there_and_back(here: Digitgan, tmp_path: Path) -> None:
    assert here("export", "--format", "keras", "--out", "keras").returncode == 0
    done = here("import", "keras/generator.keras", "--out", "back.safetensors")
    assert done.returncode == 0, done.stderr
    assert (
        here("import", "keras/generator.json", "--weights", "keras/generator.weights.h5", "--out", "two.safetensors").returncode
        == 0
    )
    for model in ("mnist", "back.safetensors", "two.safetensors"):
        assert here("sample", model, "--per-class", "20", "--format", "npz", "--out", f"{model}.npz").returncode == 0
    drawn = [
        np.load(tmp_path / f"{model}.npz")["images"].astype(int) for model in ("mnist", "back.safetensors", "two.safetensors")
    ]
    np.testing.assert_array_equal(drawn[1], drawn[2])
    assert np.abs(drawn[0] - drawn[1]).max() <= 1, "one level of 255, from rounding"
    # An imported model works with every command.
    for arguments in (
        ["write", "2026", "back.safetensors"],
        ["walk", "back.safetensors", "--kind", "classes", "--steps", "3"],
        ["walk", "back.safetensors", "--kind", "directions", "--steps", "3", "--format", "png"],
        ["export", "back.safetensors", "--out", "back.onnx"],
    ):
        done = here(*arguments)
        assert done.returncode == 0, done.stderr
    again = here("export", "back.safetensors", "--format", "keras", "--out", "again", "--json")
    assert json.loads(again.stdout)["largest_difference"] <= 1e-5


def test_a_runs_discriminator_goes_along(here: Digitgan, tiny_run: Path, tmp_path: Path) -> None:
    done = here("export", str(tiny_run), "--format", "keras", "--with-discriminator", "--out", "keras")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "keras").iterdir() if not path.name.startswith(".")}
    assert names == {
        f"{network}.{end}" for network in ("generator", "discriminator") for end in ("json", "weights.h5", "keras")
    } | {"draw.py"}
    shipped = here("export", "--format", "keras", "--with-discriminator", "--out", "other")
    assert shipped.returncode == 2
    assert "--with-discriminator: mnist " in shipped.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "onyx"], "--format 'onyx': .*'onnx'"),
        (["--format", "keras", "--quantize", "int8"], "--quantize int8: .*--format keras.*--format onnx with fp16 or int8"),
        (["--quantize", "int4"], "--quantize .int4.: .*fp16, int8"),
        (["--format", "onnx", "--with-discriminator"], "--with-discriminator: .*--format onnx.*--format keras"),
        (["nothing"], "'nothing'"),
        (["--out", "/proc/nothing/x.onnx"], r"/proc/nothing/x\.onnx: "),
    ],
)
def test_what_cannot_be_exported_is_refused(here: Digitgan, tmp_path: Path, arguments: list[str], message: str) -> None:
    done = here("export", *arguments)
    assert done.returncode == 2
    assert re.search(message, done.stderr)
    assert {path.name for path in tmp_path.iterdir()} <= {"home"}


def test_a_newer_model_is_refused(here: Digitgan, tmp_path: Path) -> None:
    from digitgan.model import registry

    content = registry.find_model("mnist").read_bytes().replace(b'"version":"1"', b'"version":"9"', 1)
    (tmp_path / "newer.safetensors").write_bytes(content)
    done = here("export", "newer.safetensors")
    assert done.returncode == 2
    assert "version 9" in done.stderr


@pytest.mark.parametrize(("format_name", "package"), [("keras", "keras"), ("onnx", "onnxscript")])
def test_what_is_not_installed_is_named(tmp_path: Path, format_name: str, package: str) -> None:
    program = f"""
import importlib.util, sys
sys.modules[{package!r}] = None
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == {package!r} else found(name, *rest)
from digitgan.cli import main
main(["export", "--format", {format_name!r}, "--out", "x"])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 2, done.stderr
    assert "pip install 'digitgan[export]'" in done.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.long
def test_what_quantising_costs_is_told(here: Digitgan, monkeypatch: pytest.MonkeyPatch) -> None:
    done = here("export", "--quantize", "int8", "--out", "small.onnx", "--json")
    assert done.returncode == 0, done.stderr
    quality = json.loads(done.stdout)["quality"]
    assert quality["float32"]["class_accuracy"] > 0.99
    assert 0.9 < quality["quantised"]["class_accuracy"] <= 1
    assert quality["quantised"]["frechet_distance"] < 1


def test_a_huggingface_folder_says_what_it_holds(here: Digitgan, tmp_path: Path) -> None:
    assert here("export", "--format", "huggingface", "--out", "hub").returncode == 0
    card = (tmp_path / "hub" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlibrary_name: digitgan\n")
    assert "- ylecun/mnist" in card
    shipped = load_model(find_model("mnist")).card["metrics"]
    assert f"| class accuracy | {shipped['class_accuracy']} |" in card
    assert shipped["protocol"] in card
    assert load_model(tmp_path / "hub" / "model.safetensors").class_names == tuple("0123456789")
    assert hashlib.sha256((tmp_path / "hub" / "model.safetensors").read_bytes()).hexdigest() in card
    config = json.loads((tmp_path / "hub" / "config.json").read_text(encoding="utf-8"))
    assert config["latent"] == 64

"""A program with every name of `import digitgan`, for type checkers. It states their types and is never run.

`assert_type` fails if a type is another one, and also if it is `Any`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt
import torch

import digitgan

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


def package() -> None:
    assert_type(digitgan.__version__, str)


def recipes() -> digitgan.Recipe:
    recipe = digitgan.RECIPES["fast"]
    assert_type(recipe, digitgan.Recipe)
    assert_type(digitgan.RECIPES.find("fast"), digitgan.Recipe)
    assert_type(list(digitgan.RECIPES), list[str])
    assert_type(recipe.name, str)
    assert_type(recipe.training.images, int)
    assert_type(recipe.penalty.gamma, float)
    return recipe


def images() -> digitgan.ImageSet:
    read = digitgan.ReadOptions(digitgan.Conversion(size=(28, 28), fit="pad", colour="grey"), labels_from="inner-folder")
    assert_type(read.conversion, digitgan.Conversion)
    assert_type(read.classes, tuple[str, ...] | None)
    assert_type(read.conversion.background, tuple[int, int, int])
    found = digitgan.load_image_set("FOLDER", "test", data_dir=Path("data"), read=read)
    assert_type(found, digitgan.ImageSet)
    assert_type(found.images, Pixels)
    assert_type(found.labels, Labels)
    assert_type(found.class_names, tuple[str, ...])
    assert_type(found.shape, tuple[int, int, int])
    assert_type(found.counts, list[int])
    assert_type(len(found), int)
    assert_type(digitgan.load_data("mnist", data_dir="data"), tuple[tuple[Pixels, Pixels], tuple[Pixels, Pixels]])
    return found.limited(100)


def training() -> digitgan.TrainingResult:
    result = digitgan.train("fast", progress="plain", images=20_000, out="runs/mine", settings=["penalty.gamma=0.3"])
    assert_type(result, digitgan.TrainingResult)
    assert_type(result.run, Path)
    assert_type(result.model, Path)
    assert_type(result.images_seen, int)
    assert_type(result.seconds, float)
    assert_type(result.finished, bool)
    assert_type(result.rollbacks, int)
    assert_type(result.warnings, tuple[str, ...])
    return result


def generation() -> digitgan.Model:
    model = digitgan.load("mnist", device="cpu")
    assert_type(model, digitgan.Model)
    assert_type(model.recipe, digitgan.Recipe)
    assert_type(model.class_names, tuple[str, ...])
    assert_type(model.card, dict[str, Any])
    drawn = model.sample(labels=[7] * 10, seed=0, truncation=1.5)
    assert_type(drawn.dtype, np.dtype[np.uint8])
    pixels: Pixels = drawn
    assert_type(model.sample_blocks(np.arange(10), seed=1), Iterator[Pixels])
    assert_type(digitgan.write(model, "2026", style=3), Pixels)
    found = digitgan.invert(model, pixels[0], label=7)
    assert_type(found.z, npt.NDArray[np.float32])
    assert_type(found.label, int)
    assert_type(found.image, Pixels)
    assert_type(found.error, float)
    return model.to(torch.device("cpu"))


def sets(model: digitgan.Model) -> None:
    drawn = digitgan.sample_to_files("mnist", notify=print, per_class=1000, format="npz", out="set.npz")
    assert_type(drawn, digitgan.SampleResult)
    assert_type(drawn.path, Path)
    assert_type(drawn.count, int)
    assert_type(drawn.counts, dict[str, int])
    assert_type(drawn.accepted, dict[str, float | None])
    assert_type(drawn.manifest, dict[str, Any] | None)
    generated = digitgan.GeneratedDataset(model, count=60_000, seed=5)
    assert_type(generated[0], tuple[torch.Tensor, int])
    assert_type(len(generated), int)
    assert_type(generated.batches(64), Iterator[tuple[Pixels, Labels]])
    dataset: torch.utils.data.Dataset[tuple[torch.Tensor, int]] = generated
    assert_type(dataset[0], tuple[torch.Tensor, int])


def quality(run: Path) -> None:
    found = digitgan.evaluate(run, notify=print, images=5_000, reference="train")
    assert_type(found, digitgan.EvaluationResult)
    assert_type(found.record, dict[str, Any])
    assert_type(found.json, Path)
    assert_type(found.html, Path)
    compared = digitgan.compare(["fast", "wgan-gp"], progress="none", seeds=3, minutes=1.0)
    assert_type(compared, digitgan.Comparison)
    assert_type(compared.table, str)
    assert_type(compared.sentences, tuple[str, ...])
    assert_type(compared.folder, Path)
    assert_type(compared.entries[0].seed, int)
    assert_type(compared.entries[0].metric("coverage"), float | None)


def exchange(run: Path) -> None:
    exported = digitgan.export(run, notify=print, format="onnx", out="generator.onnx")
    assert_type(exported, digitgan.ExportResult)
    assert_type(exported.path, Path)
    assert_type(exported.files, tuple[Path, ...])
    assert_type(exported.size, int)
    assert_type(exported.largest_difference, float)
    assert_type(exported.quality, dict[str, dict[str, float]])
    imported = digitgan.import_keras("generator.keras", class_names=["cat", "dog"])
    assert_type(imported, digitgan.ImportResult)
    assert_type(imported.path, Path)
    assert_type(imported.model, digitgan.Model)


def errors() -> int:
    try:
        digitgan.load("runs/missing")
    except digitgan.DigitganError as problem:
        assert_type(problem, digitgan.DigitganError)
        assert_type(problem.exit_code, int)
        return problem.exit_code
    return 0

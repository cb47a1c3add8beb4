"""Checks that a run can be resumed, and that the options leave its recipe, seed and data unchanged."""

from __future__ import annotations

import dataclasses
from typing import Any

from digitgan.data import ImageSet
from digitgan.errors import RunError
from digitgan.options import TrainOptions
from digitgan.recipes import ALIASES, Recipe, differences
from digitgan.runs import RunFolder
from digitgan.session.recipe import requested_recipe
from digitgan.training import checkpoints


def check_resumable(run: RunFolder, record: dict[str, Any]) -> None:
    """Check that a record has the entries that a resumed run needs, and that a finished run has a checkpoint.

    Raises:
        RunError: if an entry or the checkpoint is missing.
    """
    data = record.get("data")
    whole = isinstance(record.get("seed"), int) and isinstance(data, dict)
    if not whole or not {"source", "name", "images", "content_hash"} <= set(data or {}):
        raise RunError(f"{run.record}: damaged: the seed or the data of the run is missing; start a new run with another --out")
    if record.get("status") == "finished" and not checkpoints(run.checkpoints):
        raise RunError(f"{run.path}: is finished and has no checkpoint to continue from; start a new run with another --out")


def check_unchanged(run: RunFolder, recipe: Recipe, record: dict[str, Any], options: TrainOptions, image_set: ImageSet) -> None:
    """Check that the options request the recipe, seed and data with which the run was started; the length may differ.

    Args:
        run: folder of the run.
        recipe: recipe of the run.
        record: record of the run.
        options: options of the resumed training; those that are not given are not compared.
        image_set: training images of the resumed training.

    Raises:
        RunError: if the recipe, the seed or the data differs; the message lists the differences.
        UsageError: if the options request no valid recipe.
        RecipeError: if the options request no valid recipe.
    """
    named = options.recipe, options.config, options.evaluate_every
    if any(value is not None for value in named) or options.settings or options.pretrain_discriminator:
        _refuse(run, "recipe", differences(recipe, _comparable(requested_recipe(options, recipe), recipe)))
    if options.seed is not None and options.seed != record["seed"]:
        _refuse(run, "seed", [f"{record['seed']} -> {options.seed}"])
    before, now = record["data"], image_set
    if now.content_hash != before["content_hash"]:
        change = (
            f"{before['name']}, {before['images']:,} images, SHA-256 {before['content_hash'][:12]}… -> "
            f"{now.name}, {len(now):,} images, SHA-256 {now.content_hash[:12]}…"
        )
        _refuse(run, "data", [change])


def _comparable(requested: Recipe, recipe: Recipe) -> Recipe:
    """Return the requested recipe with the length, the former name and, if it is open, the precision of another recipe."""
    if ALIASES.get(recipe.name) == requested.name:
        requested = dataclasses.replace(requested, name=recipe.name)
    precision = recipe.training.precision if requested.training.precision == "auto" else requested.training.precision
    training = dataclasses.replace(requested.training, images=recipe.training.images, precision=precision)
    return dataclasses.replace(requested, training=training)


def _refuse(run: RunFolder, what: str, changes: list[str]) -> None:
    if changes:
        listed = "\n  ".join(changes)
        raise RunError(
            f"{run.path}: the run was started with another {what}:\n  {listed}\n"
            "Resume it without these options, or start a new run with another --out"
        )

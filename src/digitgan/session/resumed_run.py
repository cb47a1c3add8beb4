"""Checks that a run can be resumed as it was started: its record, its length, its recipe, its seed and its data."""

from __future__ import annotations

import dataclasses
from typing import Any

from digitgan.data import ImageSet
from digitgan.errors import RunError
from digitgan.options import TrainOptions
from digitgan.recipes import ALIASES, Recipe, differences, without_labels
from digitgan.runs import RunFolder
from digitgan.session.recipe import requested_recipe
from digitgan.session.short_run import with_what_length_changes
from digitgan.session.start import started_recipe
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


def check_length(run: RunFolder, recipe: Recipe, images_seen: int) -> None:
    """Check that a run has not seen more images than its recipe requests.

    Raises:
        RunError: if it has seen a whole batch more.
    """
    if images_seen >= recipe.training.images + recipe.training.batch_size:
        raise RunError(
            f"{run.path}: the run has already seen {images_seen:,} images, more than the {recipe.training.images:,} requested; "
            "--images, --epochs and --minutes give the length of the whole run"
        )


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
    flags = options.pretrain_discriminator or options.unconditional
    if any(value is not None for value in named) or options.settings or flags:
        requested = requested_recipe(options, recipe)
        if requested.conditional and len(image_set.class_names) == 1 and not recipe.conditional:
            requested = without_labels(requested)  # as when the run was started, on images without labels
        if record.get("from") is not None and options.recipe is not None:
            requested = started_recipe(requested)
        requested = with_what_length_changes(_comparable(requested, recipe), recipe, options)
        _refuse(run, "recipe", differences(recipe, requested))
    if options.seed is not None and options.seed != record["seed"]:
        _refuse(run, "seed", [f"{record['seed']} -> {options.seed}"])
    before, now = record["data"], image_set
    if now.content_hash != before["content_hash"]:
        sizes = [
            f"{name}, {count:,} images {_size(shape)}, SHA-256 {digest[:12]}…"
            for name, count, shape, digest in (
                (before["name"], before["images"], before.get("shape"), before["content_hash"]),
                (now.name, len(now), now.shape, now.content_hash),
            )
        ]
        _refuse(run, "data", [" -> ".join(sizes)])


def _size(shape: Any) -> str:
    """Return a shape (channels, height, width) as text; that of a damaged record as it is."""
    return f"{shape[2]}x{shape[1]}x{shape[0]}" if isinstance(shape, (list, tuple)) and len(shape) == 3 else str(shape)


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
            f"{run.path}: the run was started with {'other' if what == 'data' else 'another'} {what}:\n  {listed}\n"
            + (
                "Name the earlier images with --data, or go on with the new ones in a run of their own: digitgan train --from "
                f"{run.path} --data … --out …"
                if what == "data"
                else "Resume it without these options, or start a new run with another --out"
            )
        )

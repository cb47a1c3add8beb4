"""The runs of a comparison: existing runs, or runs trained one after another, each evaluated in the same way."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from rich.console import Console

from digitgan.data import ProgressFn
from digitgan.errors import DivergenceError, ModelFileError, RunError, StoppedError, UsageError
from digitgan.evaluation.run import evaluate
from digitgan.files import check_output_name, replacing
from digitgan.model.registry import load
from digitgan.options import EvaluateOptions, TrainOptions, options_of_data
from digitgan.recipes import Recipe
from digitgan.runs import RunFolder, open_run
from digitgan.session.callbacks.progress import ProgressKind
from digitgan.session.plan import plan_training
from digitgan.session.recipe import check_lengths, requested_recipe
from digitgan.session.session import run_training
from digitgan.session.short_run import with_usual_batch
from digitgan.training import Control

SCORED: Final = 6
"""The number of evaluations during each training, for the curves."""

OPTIONS_FILE: Final = "options.json"
"""The file in the comparison folder that holds the arguments of the comparison."""


@final
@dataclass(frozen=True)
class Entry:
    """A trained and evaluated run.

    Attributes:
        name: the name of the recipe, or the path of the run.
        seed: the seed of the training.
        run: the run folder.
        status: "finished", "stopped" or "failed".
        images_seen: the length of the training in images seen.
        seconds: the duration of the training in seconds.
        record: the report of its evaluation; None if the run has no model.
    """

    name: str
    seed: int
    run: Path
    status: str
    images_seen: int
    seconds: float
    record: dict[str, Any] | None

    @staticmethod
    def of(name: str, run: RunFolder, record: dict[str, Any] | None) -> Entry:
        """Return the entry of a run, with the values in its run folder.

        Raises:
            RunError: if the run record has no seed.
        """
        told = run.read_record()
        if not isinstance(told.get("seed"), int):
            raise RunError(f"{run.record}: damaged: the seed is missing; leave this run out of the comparison")
        seen, seconds = told.get("images_seen", 0), told.get("seconds", 0.0)
        return Entry(name, told["seed"], run.path, told.get("status", "stopped"), seen, seconds, record)

    def metric(self, name: str) -> float | None:
        """Return the value of a metric; None if it was not computed."""
        value: float | None = None if self.record is None else self.record["metrics"].get(name, {}).get("value")
        return value  # a report of an earlier version may lack the metric


def groups(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Group entries by name, in the order of first appearance."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.name, []).append(entry)
    return found


def finished(
    paths: Sequence[Path],
    *,
    asked: EvaluateOptions,
    folder: Path,
    control: Control,
    notify: ProgressFn,
) -> list[Entry]:
    """Evaluate finished runs.

    Runs of the same recipe that differ only in their seed share a name.

    Args:
        paths: the run folders.
        asked: the options of each evaluation. Without data, these are the images that each run was trained on.
        folder: the comparison folder, which receives the reports. The run folders are not changed.
        control: an object that can stop the evaluations early.
        notify: a function that receives progress messages.

    Raises:
        DigitganError: if a path is not a run, or a run is damaged or has no model; raised before the first evaluation, so that
            nothing is written. Also if the runs have different real images.
        StoppedError: if `control` stopped the comparison.
    """
    if len(set(path.resolve() for path in paths)) < max(2, len(paths)):
        named = ", ".join(map(str, paths)) or "none"
        raise UsageError(f"a comparison needs two or more different runs, not {named}; name each run once")
    opened = [open_run(path) for path in paths]
    for run in opened:
        _check_readable(run, needs_model=True)
    names = [_run_name(run, opened) for run in opened]
    if not asked.data:
        _check_same_data(opened)
    wanted = {"runs": [str(path.resolve()) for path in paths], "draw": asked.images}
    claim(folder, {**wanted, **_data_of(asked)})
    entries: list[Entry] = []
    for number, (name, run) in enumerate(zip(names, opened, strict=True), start=1):
        _check_stop_request(control, folder)
        report = folder / "reports" / f"{number}-{run.path.resolve().name}"
        found = evaluate(dataclasses.replace(asked, source=str(run.path), report=report), notify, reuse=True)
        if entries and entries[0].record and found.record["inputs"]["training_sha256"] != _training(entries[0]):
            raise _different_data(entries[0].run, run.path)
        entries.append(Entry.of(name, run, found.record))
    return entries


def trained(
    recipes: Sequence[str],
    *,
    seeds: Sequence[int],
    budget: TrainOptions,
    draw: int,
    folder: Path,
    console: Console,
    progress: ProgressKind,
    control: Control,
    notify: ProgressFn,
) -> list[Entry]:
    """Train recipes with several seeds under the same budget, one run after another, and evaluate each run.

    Runs of an interrupted comparison are continued. If the guard stops a training, its last healthy model is evaluated, if any.

    Args:
        recipes: the names of at least two recipes.
        seeds: the seeds of each recipe.
        budget: the length, data, settings and device of each training.
        draw: the number of images generated by each model.
        folder: the comparison folder; the runs are in its subfolder `runs`.
        console: the console for the progress of the trainings.
        progress: the kind of progress display.
        control: an object that can stop the comparison early; it can then be continued.
        notify: a function that receives progress messages.

    Raises:
        DigitganError: if a recipe or the budget is invalid, or the folder's runs have another budget; raised before training.
        StoppedError: if `control` stopped the comparison.
    """
    check_lengths(budget)
    if len(recipes) < 2 or len(set(recipes)) < len(recipes):
        named = ", ".join(recipes) or "none"
        raise UsageError(f"a comparison needs two or more different recipes, not {named}; name each recipe once")
    if budget.images is None and budget.minutes is None:
        _check_own_lengths(recipes, budget)
    for name in recipes:
        # All recipes are checked before the first training, so that errors appear at once.
        plan_training(
            dataclasses.replace(budget, recipe=name, images=1 if budget.images is None else budget.images, minutes=None),
            lambda line: None,
        )
    wanted = {"recipes": list(recipes), "seeds": list(seeds), "draw": draw, "settings": list(budget.settings)}
    # Seeds are outermost, so that an interrupted comparison has equally many runs of each recipe.
    runs = [(recipe, seed, RunFolder(folder / "runs" / f"{recipe}-{seed}")) for seed in seeds for recipe in recipes]
    for _, _, run in runs:
        if run.record.is_file():  # of an interrupted comparison
            _check_readable(run)
    claim(folder, {**wanted, "images": budget.images, "minutes": budget.minutes, **_data_of(budget)})
    entries = []
    for number, (recipe, seed, run) in enumerate(runs, start=1):
        _check_stop_request(control, folder)
        notify(f"run {number} of {len(runs)}: {recipe}, seed {seed}")
        try:
            _train(run, recipe, seed, budget, console, progress, control, notify)
        except DivergenceError as problem:
            notify(str(problem))
        _check_stop_request(control, folder)
        found = None
        if run.model.is_file():
            asked = EvaluateOptions(str(run.path), data_dir=budget.data_dir, images=draw, report=run.path)
            found = evaluate(asked, notify, reuse=True).record
        entries.append(Entry.of(recipe, run, found))
    return entries


def _data_of(options: TrainOptions | EvaluateOptions) -> dict[str, Any]:
    """Return the options of the data as JSON values."""
    named = {"data": list(options.data), "per_class_limit": options.per_class_limit}
    return named | {
        name: list(value) if isinstance(value, tuple) else value for name, value in options_of_data(options).items()
    }


def _check_own_lengths(recipes: Sequence[str], budget: TrainOptions) -> None:
    """Check that recipes without a common budget have the same length of their own."""
    lengths = {name: requested_recipe(dataclasses.replace(budget, recipe=name)).training.images for name in recipes}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {images:,}" for name, images in lengths.items())
        raise UsageError(
            f"the recipes train for different numbers of images ({listed}); give all the same budget with --images or --minutes"
        )


def claim(folder: Path, wanted: dict[str, Any]) -> None:
    """Write the arguments of a comparison into its folder.

    Raises:
        RunError: if the folder contains another comparison or other files.
        UsageError: if the name of a new folder has the ending of a file.
    """
    if not folder.exists():
        check_output_name(folder, "")
    path = folder / OPTIONS_FILE
    if path.is_file():
        begun = any(each != path for each in folder.iterdir())
        there = _read_options(path)
        if there != wanted and begun:
            keys = [key for key in dict.fromkeys([*there, *wanted]) if there.get(key) != wanted.get(key)]
            other = [f"{key}: {_as_text(there.get(key))} -> {_as_text(wanted.get(key))}" for key in keys]
            listed = "\n  ".join(other)
            raise RunError(f"{folder}: contains another comparison; choose another --out\n  {listed}")
    elif folder.is_dir() and any(folder.iterdir()):
        raise RunError(f"{folder}: contains files that are not part of a comparison; choose another --out")
    with replacing(path) as file:
        file.write((json.dumps(wanted, indent=1) + "\n").encode())


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _read_options(path: Path) -> dict[str, Any]:
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise RunError(f"{path}: damaged ({problem}); choose another --out") from problem
    if not isinstance(there, dict):
        raise RunError(f"{path}: damaged: not a JSON object; choose another --out")
    return there


def _check_stop_request(control: Control, folder: Path) -> None:
    if control.stop_requested:
        raise StoppedError(f"{folder}: stopped; run the same command again to continue")


def _training(entry: Entry) -> str | None:
    """Return the hash of the training images that an entry was evaluated against."""
    return None if entry.record is None else entry.record["inputs"]["training_sha256"]


def _train(
    run: RunFolder,
    recipe: str,
    seed: int,
    budget: TrainOptions,
    console: Console,
    progress: ProgressKind,
    control: Control,
    notify: ProgressFn,
) -> None:
    begun = run.record.is_file()
    status = run.read_record().get("status") if begun else None
    if status == "failed" or (status == "finished" and run.model.is_file()):  # else --resume writes the model again
        notify(f"{run.path}: already trained")
        return
    options = dataclasses.replace(budget, out=run.path, seed=seed, recipe=recipe)
    if begun:
        # The run has its length, or the one that was expected, so that the speed is not measured again.
        options = TrainOptions(out=run.path, resume=True, device=budget.device, data_dir=budget.data_dir)
    plan = plan_training(options, notify)
    if not begun and not plan.recipe.training.evaluate_every:
        training = dataclasses.replace(plan.recipe.training, evaluate_every=-(-plan.recipe.training.images // SCORED))
        plan = dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, training=training))
    run_training(plan, console, progress, control)


def _check_readable(run: RunFolder, *, needs_model: bool = False) -> None:
    """Check everything that a comparison reads from a run, so that no evaluation is lost to a damaged run after it.

    Raises:
        DigitganError: if the record, the recipe or the model is damaged.
    """
    run.read_recipe()
    Entry.of("", run, None)
    if needs_model or run.model.is_file():
        try:
            load(run.path)
        except ModelFileError as problem:
            again = f"; or remove it and write it again from the checkpoints: digitgan train --resume --out {run.path}"
            raise ModelFileError(f"{problem}{again if run.checkpoints.is_dir() else ''}") from problem


def _check_same_data(runs: Sequence[RunFolder]) -> None:
    """Check that runs were trained on the same images, as far as their records say; an evaluation compares the images."""
    first = runs[0]
    for other in runs[1:]:
        # The hash of an unconditional run leaves out the labels.
        alike = first.read_recipe().conditional == other.read_recipe().conditional
        keys = ("images", "shape", *(["content_hash"] if alike else []))
        one, two = (run.read_record().get("data") for run in (first, other))
        if isinstance(one, dict) and isinstance(two, dict) and any(one.get(key) != two.get(key) for key in keys):
            raise _different_data(first.path, other.path)


def _different_data(first: Path, other: Path) -> UsageError:
    return UsageError(
        f"{first} and {other} were trained on different data; choose the data to evaluate both, such as --data mnist"
    )


SAME_LENGTH: Final = 1.25
"""The greatest ratio of lengths that count as equal, as the measured length of a budget in minutes varies by this much."""


def _run_name(run: RunFolder, runs: Sequence[RunFolder]) -> str:
    """Return the recipe's name if its runs differ only in seed and, by up to `SAME_LENGTH`, in length; otherwise the path."""
    recipe = run.read_recipe()
    clash = [other for other in runs if other.read_recipe().name == recipe.name]
    lengths = [other.read_recipe().training.images for other in clash]
    alike = all(_recipe_and_data(other) == _recipe_and_data(run) for other in clash) and max(lengths) <= SAME_LENGTH * min(
        lengths
    )
    return recipe.name if alike else str(run.path)


def _recipe_and_data(run: RunFolder) -> tuple[Recipe, Any]:
    """Return a run's recipe without its length and what follows from it, and the hash of its data."""
    recipe = with_usual_batch(run.read_recipe())
    training = dataclasses.replace(recipe.training, images=1, evaluate_every=0)
    return dataclasses.replace(recipe, training=training), run.read_record().get("data", {}).get("content_hash")

"""The runs of a comparison: found, or trained one after another, and each evaluated in the same way."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from rich.console import Console

from digitgan.data import ProgressFn
from digitgan.errors import DivergenceError, RunError, StoppedError, UsageError
from digitgan.evaluation.run import evaluate
from digitgan.files import replacing
from digitgan.recipes import Recipe
from digitgan.runs import RunFolder, open_run
from digitgan.session.options import TrainOptions, check_lengths
from digitgan.session.plan import plan_training
from digitgan.session.session import ProgressKind, run_training
from digitgan.training import Control

SCORED: Final = 6
"""Times that each training is scored on its way, for the curves."""

ASKED: Final = "asked.json"
"""In a comparison's folder: what it is of."""


@final
@dataclass(frozen=True)
class Entry:
    """One trained and evaluated run.

    Attributes:
        name: of what it is an instance: a recipe, or the run itself.
        seed: it was trained with.
        run: its folder.
        status: what became of it: "finished", "stopped" or "failed".
        images_seen: how far it came.
        seconds: that it took.
        record: of its evaluation; None where it left no model.
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
        """A run, with what its folder says of it."""
        told = run.read_record()
        if not isinstance(told.get("seed"), int):
            raise RunError(f"{run.record}: damaged: it doesn't say which seed the run was started with; it can't be compared")
        seen, seconds = told.get("images_seen", 0), told.get("seconds", 0.0)
        return Entry(name, told["seed"], run.path, told.get("status", "stopped"), seen, seconds, record)

    def metric(self, name: str) -> float | None:
        """The value of one figure."""
        value: float | None = None if self.record is None else self.record["metrics"][name]["value"]
        return value


def groups(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """The entries of each name, in the order of their first."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.name, []).append(entry)
    return found


def finished(
    paths: Sequence[Path],
    *,
    data: str | None,
    data_dir: Path | None,
    draw: int,
    folder: Path,
    control: Control,
    notify: ProgressFn,
) -> list[Entry]:
    """Evaluate finished runs.

    Runs of one recipe that differ in nothing but their seed count as one entry.

    Args:
        paths: of the runs.
        data: the real images to judge by; what each was trained on, if None.
        data_dir: where downloaded data sets lie.
        draw: images from each model.
        folder: of the comparison, where the reports are kept; the runs are left as they are.
        control: ends it early when asked.
        notify: takes a line now and then.

    Raises:
        DigitganError: for what is no run, or has no model; or if they can't be judged by the same real images.
    """
    if len(set(path.resolve() for path in paths)) < max(2, len(paths)):
        raise UsageError("a comparison needs two different runs at least, each named once")
    opened = [open_run(path) for path in paths]
    claim(folder, {"runs": [str(path.resolve()) for path in paths], "data": data})
    entries: list[Entry] = []
    for number, run in enumerate(opened, start=1):
        _go_on(control, folder)
        report = folder / "reports" / f"{number}-{run.path.resolve().name}"
        found = evaluate(run.path, data=data, data_dir=data_dir, images=draw, report=report, reuse=True, notify=notify)
        if entries and entries[0].record and found.record["inputs"]["training_sha256"] != _training(entries[0]):
            raise UsageError(
                f"{entries[0].run} and {run.path} were trained on different data; judge them by the same, such as --data mnist"
            )
        entries.append(Entry.of(_run_name(run, opened), run, found.record))
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
    """Train recipes over seeds under one budget, one run after another, and evaluate each.

    What is there from an interrupted comparison is gone on with.

    Args:
        recipes: two at least.
        seeds: of each.
        budget: length, data, settings and device of every training.
        draw: images from each model.
        folder: of the comparison; the runs are in `runs` there.
        console: where progress of the trainings is shown.
        progress: how.
        control: ends it early when asked; what is there by then is gone on with the next time.
        notify: takes a line now and then.

    Raises:
        DigitganError: where a recipe or the budget makes no sense, or the folder's runs have another, before anything is
            trained. A training that the guard gives up is no reason to stop: its last healthy model counts, if there is one.
        StoppedError: where `control` has ended it.
    """
    check_lengths(budget)
    if len(recipes) < 2 or len(set(recipes)) < len(recipes):
        raise UsageError("a comparison needs two different recipes at least")
    for name in recipes:
        # What can be refused is refused before anything is trained.
        plan_training(
            dataclasses.replace(budget, recipe=name, images=1 if budget.images is None else budget.images, minutes=None),
            lambda line: None,
        )
    wanted = {name: getattr(budget, name) for name in ("images", "epochs", "minutes", "data")}
    claim(folder, {**wanted, "settings": list(budget.settings)})
    entries = []
    # Seeds outermost: an interrupted comparison has as many runs of each.
    runs = list(itertools.product(seeds, recipes))
    for number, (seed, recipe) in enumerate(runs, start=1):
        _go_on(control, folder)
        notify(f"run {number} of {len(runs)}: {recipe}, seed {seed}")
        run = RunFolder(folder / "runs" / f"{recipe}-{seed}")
        try:
            _train(run, recipe, seed, budget, console, progress, control, notify)
        except DivergenceError as problem:
            notify(str(problem))
        _go_on(control, folder)
        found = None
        if run.model.is_file():
            found = evaluate(run.path, data_dir=budget.data_dir, images=draw, report=run.path, reuse=True, notify=notify).record
        entries.append(Entry.of(recipe, run, found))
    return entries


def claim(folder: Path, wanted: dict[str, Any]) -> None:
    """Write down what a comparison is of; refuse a folder that holds another, or other things.

    Raises:
        RunError: for such a folder.
    """
    path = folder / ASKED
    if path.is_file():
        begun = any((folder / name).exists() for name in ("runs", "comparison.json"))
        there = _read_asked(path)
        if there != wanted and begun:
            keys = [key for key in dict.fromkeys([*there, *wanted]) if there.get(key) != wanted.get(key)]
            other = [f"{key}: {_told(there.get(key))} -> {_told(wanted.get(key))}" for key in keys]
            listed = "\n  ".join(other)
            raise RunError(f"{folder}: holds another comparison; choose another --out\n  {listed}")
    elif folder.is_dir() and any(folder.iterdir()):
        raise RunError(f"{folder}: holds other things than a comparison, and is left as it is; choose another --out")
    with replacing(path) as file:
        file.write((json.dumps(wanted, indent=1) + "\n").encode())


def _told(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _read_asked(path: Path) -> dict[str, Any]:
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise RunError(f"{path}: damaged ({problem}); choose another --out") from problem
    if not isinstance(there, dict):
        raise RunError(f"{path}: damaged: it does not say what the comparison is of; choose another --out")
    return there


def _go_on(control: Control, folder: Path) -> None:
    if control.stop_requested:
        raise StoppedError(f"{folder}: stopped; the same words go on with it")


def _training(entry: Entry) -> str | None:
    """The hash of the training images that an entry was judged by."""
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
    if begun and run.read_record().get("status") in ("finished", "failed"):
        notify(f"{run.path} is there already")
        return
    options = dataclasses.replace(budget, out=run.path, seed=seed, recipe=recipe)
    if begun:
        # The length was decided at its start, and is not measured anew.
        options = TrainOptions(out=run.path, resume=True, device=budget.device, data_dir=budget.data_dir)
    plan = plan_training(options, notify)
    if not begun and not plan.recipe.training.evaluate_every:
        training = dataclasses.replace(plan.recipe.training, evaluate_every=-(-plan.recipe.training.images // SCORED))
        plan = dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, training=training))
    run_training(plan, console, progress, control)


SAME_LENGTH: Final = 1.25
"""Runs whose lengths differ by less count as of one length: as much as a budget in minutes may come to by chance."""


def _run_name(run: RunFolder, runs: Sequence[RunFolder]) -> str:
    """The recipe's name where all runs of that name differ in seed and length alone, otherwise the run's path."""
    recipe = run.read_recipe()
    clash = [other for other in runs if other.read_recipe().name == recipe.name]
    lengths = [other.read_recipe().training.images for other in clash]
    alike = all(_what_it_is(other) == _what_it_is(run) for other in clash) and max(lengths) <= SAME_LENGTH * min(lengths)
    return recipe.name if alike else str(run.path)


def _what_it_is(run: RunFolder) -> tuple[Recipe, Any]:
    """A run's recipe without its length, and its data."""
    recipe = run.read_recipe()
    training = dataclasses.replace(recipe.training, images=1, evaluate_every=0)
    return dataclasses.replace(recipe, training=training), run.read_record().get("data", {}).get("content_hash")

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

from digitgan.assessing import evaluate
from digitgan.data import Report
from digitgan.errors import RunError, UsageError
from digitgan.images import replacing
from digitgan.planning import Wish, make_plan
from digitgan.runs import RunFolder, open_run
from digitgan.sitting import ProgressKind, run_plan
from digitgan.training import Control

SCORED: Final = 6
"""Times that each training is scored on its way, for the curves."""

BUDGET: Final = "budget.json"
"""In a comparison's folder: what its runs have in common."""


@final
@dataclass(frozen=True)
class Entry:
    """One trained and evaluated run.

    Attributes:
        name: of what it is an instance: a recipe, or the run itself.
        seed: it was trained with.
        run: its folder.
        record: of its evaluation.
    """

    name: str
    seed: int
    run: Path
    record: dict[str, Any]

    def figure(self, name: str) -> float | None:
        """The value of one figure."""
        value: float | None = self.record["figures"][name]["value"]
        return value


def groups(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """The entries of each name, in the order of their first."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.name, []).append(entry)
    return found


def finished(
    paths: Sequence[Path], *, data: str | None, data_dir: Path | None, draw: int, folder: Path, say: Report
) -> list[Entry]:
    """Evaluate finished runs.

    Runs of one recipe that differ in nothing but their seed count as one entry.

    Args:
        paths: of the runs.
        data: the real images to judge by; what each was trained on, if None.
        data_dir: where downloaded data sets lie.
        draw: images from each model.
        folder: of the comparison, where the reports are kept; the runs are left as they are.
        say: takes a line now and then.

    Raises:
        DigitganError: for what is no run, or has no model; or if they can't be judged by the same real images.
    """
    if len(set(path.resolve() for path in paths)) < max(2, len(paths)):
        raise UsageError("a comparison needs two different runs at least, each named once")
    opened = [open_run(path) for path in paths]
    entries = []
    for number, run in enumerate(opened, start=1):
        name, seed = _run_name(run, opened), run.read_record()["seed"]
        report = folder / "reports" / f"{number}-{run.path.resolve().name}"
        found = evaluate(run.path, data=data, data_dir=data_dir, images=draw, report=report, reuse=True, say=say)
        entries.append(Entry(name, seed, run.path, found.record))
    for entry in entries[1:]:
        if entry.record["inputs"]["training_sha256"] != entries[0].record["inputs"]["training_sha256"]:
            raise UsageError(
                f"{entries[0].run} and {entry.run} were trained on different data; judge them by the same, such as --data mnist"
            )
    return entries


def trained(
    recipes: Sequence[str],
    *,
    seeds: Sequence[int],
    budget: Wish,
    draw: int,
    folder: Path,
    console: Console,
    progress: ProgressKind,
    say: Report,
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
        say: takes a line now and then.

    Raises:
        DigitganError: where a recipe or the budget makes no sense, or the folder's runs have another, before anything is
            trained.
    """
    if len(recipes) < 2 or len(set(recipes)) < len(recipes):
        raise UsageError("a comparison needs two different recipes at least")
    for name in recipes:
        # What can be refused is refused before anything is trained.
        make_plan(
            dataclasses.replace(budget, recipe=name, images=1 if budget.images is None else budget.images, minutes=None),
            lambda line: None,
        )
    _claim(folder, budget)
    entries = []
    # Seeds outermost: an interrupted comparison has as many runs of each.
    runs = list(itertools.product(seeds, recipes))
    for number, (seed, recipe) in enumerate(runs, start=1):
        say(f"run {number} of {len(runs)}: {recipe}, seed {seed}")
        run = RunFolder(folder / "runs" / f"{recipe}-{seed}")
        _train(run, recipe, seed, budget, console, progress, say)
        found = evaluate(run.path, data_dir=budget.data_dir, images=draw, report=run.path, reuse=True, say=say)
        entries.append(Entry(recipe, seed, run.path, found.record))
    return entries


def _claim(folder: Path, budget: Wish) -> None:
    """Write down what all runs of a comparison have in common; refuse a folder whose runs have something else."""
    wanted = {
        "images": budget.images,
        "epochs": budget.epochs,
        "minutes": budget.minutes,
        "data": budget.data,
        "settings": list(budget.settings),
    }
    path = folder / BUDGET
    if not path.is_file():
        with replacing(path) as file:
            file.write((json.dumps(wanted, indent=1) + "\n").encode())
        return
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise RunError(f"{path}: damaged ({problem}); choose another --out") from problem
    if there != wanted:
        other = ", ".join(f"{key} {there.get(key)}, not {value}" for key, value in wanted.items() if there.get(key) != value)
        raise RunError(f"{folder}: its runs have another budget: {other}. Choose another --out")


def _train(run: RunFolder, recipe: str, seed: int, budget: Wish, console: Console, progress: ProgressKind, say: Report) -> None:
    begun = run.record.is_file()
    if begun and run.read_record().get("status") == "finished":
        say(f"{run.path} is there already")
        return
    wish = dataclasses.replace(budget, out=run.path, seed=seed, recipe=recipe)
    if begun:
        # The length was decided at its start, and is not measured anew.
        wish = Wish(out=run.path, resume=True, device=budget.device, data_dir=budget.data_dir)
    plan = make_plan(wish, say)
    if not begun and not plan.recipe.training.evaluate_every:
        training = dataclasses.replace(plan.recipe.training, evaluate_every=-(-plan.recipe.training.images // SCORED))
        plan = dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, training=training))
    run_plan(plan, console, progress, Control())


def _run_name(run: RunFolder, runs: Sequence[RunFolder]) -> str:
    recipe = run.read_recipe()
    alike = [other for other in runs if other.read_recipe() == recipe]
    clash = [other for other in runs if other.read_recipe().name == recipe.name]
    return recipe.name if len(alike) == len(clash) else str(run.path)

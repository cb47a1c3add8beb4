"""`digitgan compare`: which of several recipes, or runs, is better, and whether that is more than luck."""

from __future__ import annotations

import dataclasses
import itertools
import json
import statistics
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from rich.console import Console
from scipy import stats

from digitgan.api import load
from digitgan.assessing import assess
from digitgan.data import Report
from digitgan.errors import UsageError, nearest
from digitgan.evaluation import FEWEST, METRICS
from digitgan.images import Picture, enlarged, grid, replacing, save_png
from digitgan.planning import Wish, make_plan
from digitgan.recipes import RECIPES
from digitgan.runs import RunFolder, open_run
from digitgan.sitting import run_plan, teller
from digitgan.training import Control

COMPARED: Final = ("class_accuracy", "frechet_distance", "coverage")
"""Of all figures, those of the table; the reports have the others."""

LUCK: Final = 0.05
"""A difference that comes about more often than this where there is none is called luck."""

COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#e69f00")
"""Okabe and Ito's palette, told apart by people with any colour vision; the line styles differ too."""

STYLES: Final = ("-", "--", "-.", ":")

SCORED: Final = 6
"""Times that each training is scored on its way, for the curves."""

SHOWN: Final = 20
"""Images of each entry in the picture."""


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


@final
@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        entries: every run.
        table: Markdown: a line each, means and standard deviations over seeds.
        words: what can be said of the differences.
        report: all of it as JSON values.
        folder: where comparison.json, comparison.md, samples.png and curves.png are.
    """

    entries: tuple[Entry, ...]
    table: str
    words: tuple[str, ...]
    report: dict[str, Any]
    folder: Path


def compare_named(
    what: Sequence[str], *, seeds: int, first_seed: int, budget: Wish, images: int, folder: Path, console: Console
) -> Comparison:
    """Compare what is named: recipes, which are trained, or runs. See `compare_recipes` and `compare_runs`.

    Raises:
        DigitganError: where it is neither, or makes no sense.
    """
    say = teller(console)
    if seeds < 1 or first_seed < 0:
        raise UsageError(f"--seeds {seeds} --first-seed {first_seed}: at least one seed, and none below 0, is right")
    if images < FEWEST:
        raise UsageError(f"--draw {images}: at least {FEWEST} are needed to say anything")
    named = [name in RECIPES for name in what]
    if all(named):
        return compare_recipes(
            what, seeds=seeds, first_seed=first_seed, budget=budget, images=images, folder=folder, console=console, say=say
        )
    if any(named):
        raise UsageError(
            "a comparison is of recipes or of runs, not of both; a run whose folder is called like a recipe is ./NAME"
        )
    if budget.images is not None or budget.minutes is not None or budget.settings:
        raise UsageError(
            f"--images, --minutes and --set are for recipes, which are trained; {what[0]} is none: {nearest(what[0], RECIPES)}"
        )
    return compare_runs([Path(name) for name in what], images=images, folder=folder, say=say)


def compare_runs(runs: Sequence[Path], *, images: int, folder: Path, say: Report) -> Comparison:
    """Put finished runs side by side.

    Runs of one recipe that differ in nothing but their seed count as one entry.

    Raises:
        DigitganError: for what is no run, or has no model.
    """
    if len(runs) < 2:
        raise UsageError("a comparison needs two runs at least")
    opened = [open_run(path) for path in runs]
    entries = [_entry(run, _run_name(run, opened), images, say) for run in opened]
    return _compared(entries, folder)


def compare_recipes(
    recipes: Sequence[str],
    *,
    seeds: int,
    first_seed: int,
    budget: Wish,
    images: int,
    folder: Path,
    console: Console,
    say: Report,
) -> Comparison:
    """Train recipes over seeds under one budget, one run after another, and put them side by side.

    What is there from an interrupted comparison is gone on with.

    Args:
        recipes: two at least.
        seeds: how many for each.
        first_seed: the first of them.
        budget: length, data, settings and device of every training.
        images: drawn from each model.
        folder: of the runs and the result.
        console: where progress of the trainings is shown.
        say: takes a line now and then.

    Raises:
        DigitganError: where a recipe or the budget makes no sense, before anything is trained.
    """
    if len(recipes) < 2 or len(set(recipes)) < len(recipes):
        raise UsageError("a comparison needs two different recipes at least")
    for name in recipes:
        # What can be refused is refused before anything is trained.
        make_plan(
            dataclasses.replace(budget, recipe=name, images=1 if budget.images is None else budget.images, minutes=None),
            lambda line: None,
        )
    entries = []
    # Seeds outermost: an interrupted comparison has as many runs of each.
    for seed, recipe in itertools.product(range(first_seed, first_seed + seeds), recipes):
        run = RunFolder(folder / "runs" / f"{recipe}-{seed}")
        _train(run, recipe, seed, budget, console, say)
        entries.append(_entry(run, recipe, images, say))
    return _compared(entries, folder)


def _train(run: RunFolder, recipe: str, seed: int, budget: Wish, console: Console, say: Report) -> None:
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
    run_plan(plan, console, "auto", Control())


def _entry(run: RunFolder, name: str, images: int, say: Report) -> Entry:
    record = run.read_record()
    kept = run.path / "report.json"
    if kept.is_file():
        found = json.loads(kept.read_text(encoding="utf-8"))
        if found["subject"]["images"] == images and found["subject"].get("images_seen") == record.get("images_seen"):
            return Entry(name, record["seed"], run.path, found)
    return Entry(name, record["seed"], run.path, assess(str(run.path), images=images, say=say).record)


def _run_name(run: RunFolder, runs: Sequence[RunFolder]) -> str:
    recipe = run.read_recipe()
    alike = [other for other in runs if other.read_recipe() == recipe]
    clash = [other for other in runs if other.read_recipe().name == recipe.name]
    return recipe.name if len(alike) == len(clash) else str(run.path)


def _compared(entries: Sequence[Entry], folder: Path) -> Comparison:
    table, words = _table(entries), tuple(_words(entries))
    report = {
        "entries": [
            {
                "name": entry.name,
                "seed": entry.seed,
                "run": str(entry.run),
                "seconds": RunFolder(entry.run).read_record().get("seconds"),
                "images_seen": entry.record["subject"].get("images_seen"),
                **{name: entry.figure(name) for name in (metric.name for metric in METRICS)},
            }
            for entry in entries
        ],
        "floor": {name: entries[0].record["figures"][name]["floor"] for name in COMPARED},
        "words": list(words),
        "protocol": entries[0].record["protocol"],
    }
    with replacing(folder / "comparison.json") as file:
        file.write((json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    with replacing(folder / "comparison.md") as file:
        file.write(("\n".join([table, "", *words]) + "\n").encode())
    save_png(folder / "samples.png", _samples(entries))
    _draw_curves(entries, folder / "curves.png")
    return Comparison(tuple(entries), table, words, report, folder)


def _groups(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.name, []).append(entry)
    return groups


def _table(entries: Sequence[Entry]) -> str:
    titles = {metric.name: metric.title for metric in METRICS}
    rows = [
        "| | seeds | seconds | " + " | ".join(titles[name] for name in COMPARED) + " |",
        "|---" * (3 + len(COMPARED)) + "|",
    ]
    for name, group in _groups(entries).items():
        seconds = [RunFolder(entry.run).read_record().get("seconds") for entry in group]
        cells = [_spread([value for value in seconds if value is not None])]
        cells += [_spread([value for entry in group if (value := entry.figure(figure)) is not None]) for figure in COMPARED]
        rows.append(f"| {name} | {len(group)} | {' | '.join(cells)} |")
    floors = [entries[0].record["figures"][name]["floor"] for name in COMPARED]
    rows.append("| real images | | | " + " | ".join("–" if floor is None else f"{floor:.4g}" for floor in floors) + " |")
    return "\n".join(rows)


def _spread(values: list[float]) -> str:
    if not values:
        return "–"
    mean = statistics.mean(values)
    return f"{mean:.4g} ± {statistics.stdev(values):.2g}" if len(values) > 1 else f"{mean:.4g}"


def _words(entries: Sequence[Entry]) -> list[str]:
    """What can be said of each pair and figure: Welch's t-test over the seeds."""
    metrics = {metric.name: metric for metric in METRICS}
    words = []
    for one, other in itertools.combinations(_groups(entries).items(), 2):
        for name in COMPARED:
            pair = [[value for entry in group if (value := entry.figure(name)) is not None] for _, group in (one, other)]
            if not all(pair):
                continue
            means = [statistics.mean(values) for values in pair]
            first_better = (means[0] > means[1]) == (metrics[name].better == "higher")
            better, worse = (one[0], other[0]) if first_better else (other[0], one[0])
            title = metrics[name].title
            if means[0] == means[1]:
                words.append(f"{title}: {one[0]} and {other[0]} come out the same.")
            elif min(map(len, pair)) < 2:
                words.append(
                    f"{title}: {better} comes out better than {worse}, by one seed, which does not tell luck from more."
                )
            else:
                chance = _chance(*pair)
                verdict = (
                    "more than the spread over seeds explains" if chance < LUCK else "which the spread over seeds may explain"
                )
                words.append(
                    f"{title}: {better} comes out better than {worse} by {abs(means[0] - means[1]):.3g}, {verdict} "
                    f"(Welch's t-test, p = {chance:.2g})."
                )
    return words


def _chance(first: list[float], second: list[float]) -> float:
    """The p-value of Welch's t-test; without any spread, a difference is none of chance."""
    if max(map(statistics.pvariance, (first, second))) < 1e-24:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # one of them without spread, which the test can take
        return float(stats.ttest_ind(first, second, equal_var=False).pvalue)


def _samples(entries: Sequence[Entry]) -> Picture:
    """A row for each entry, in the order of the table."""
    rows = []
    for entry in (entry for group in _groups(entries).values() for entry in group):
        model = load(entry.run)
        labels = np.arange(SHOWN) % len(model.class_names)
        rows.append(model.sample(labels, seed=0))
    return enlarged(grid(np.concatenate(rows), columns=SHOWN), 2)


def _draw_curves(entries: Sequence[Entry], path: Path) -> None:
    """Fréchet distance over images seen, a line for each run that was scored while it trained; nothing where none was."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scored = [(entry, _scores(entry.run)) for entry in entries]
    scored = [(entry, lines) for entry, lines in scored if lines]
    if not scored:
        return
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    names = list(_groups(entries))
    for entry, lines in scored:
        number = names.index(entry.name)
        first = next(other for other in entries if other.name == entry.name) is entry
        axes.plot(
            [line["images_seen"] for line in lines],
            [line["frechet_distance"] for line in lines],
            color=COLOURS[number % len(COLOURS)],
            linestyle=STYLES[number % len(STYLES)],
            label=entry.name if first else None,
        )
    axes.set_yscale("log")
    axes.set_xlabel("images seen")
    axes.set_ylabel("Fréchet distance to training images")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=100)


def _scores(run: Path) -> list[dict[str, Any]]:
    path = RunFolder(run).scores
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []

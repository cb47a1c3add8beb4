"""The implementation of `digitgan compare`: check the arguments, train or evaluate, and write the comparison folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from rich.console import Console

from digitgan.comparison.differences import baseline, compared_metrics, difference_sentences, table
from digitgan.comparison.entries import Entry, finished, groups, trained
from digitgan.errors import UsageError, nearest
from digitgan.evaluation import METRICS, MIN_IMAGES
from digitgan.evaluation.run import MAX_IMAGES
from digitgan.files import replacing
from digitgan.images import enlarged, grid, save_png
from digitgan.model.registry import load
from digitgan.options import CompareOptions, EvaluateOptions, TrainOptions, arguments_of, options_of_data
from digitgan.recipes import ALIASES, RECIPES
from digitgan.runs import RunFolder
from digitgan.session.callbacks.progress import ProgressKind, console_printer
from digitgan.training import Control

COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#e69f00")
"""The colours of the curves, from Okabe and Ito's palette for all types of colour vision. The line styles differ too."""

STYLES: Final = ("-", "--", "-.", ":")

IMAGES_PER_ENTRY: Final = 20
"""The number of images of each entry in the picture."""

SCORE: Final = "frechet_distance"
"""The metric of the curves."""

ONLY_RECIPES: Final = ("seeds", "first_seed", "images", "minutes", "settings", "device")
"""The options of the trainings. Finished runs refuse them."""


@final
@dataclass(frozen=True)
class Comparison:
    """The result of `compare`.

    Attributes:
        entries: the runs.
        table: a Markdown table of the means and standard deviations over seeds, one row for each recipe or run.
        sentences: a sentence for each difference, with its significance.
        report: the content of comparison.json, as JSON values.
        folder: the folder of comparison.json, comparison.md, samples.png and curves.png.
    """

    entries: tuple[Entry, ...]
    table: str
    sentences: tuple[str, ...]
    report: dict[str, Any]
    folder: Path


def compare(options: CompareOptions, progress: ProgressKind = "none", control: Control | None = None) -> Comparison:
    """Compare finished runs, or train recipes with several seeds under the same budget and compare them.

    An interrupted comparison continues when it is called again with the same options.

    Args:
        options: the options of `digitgan compare`.
        progress: the progress display: "none", "plain" lines, "live", or "auto", which is live on a terminal.
        control: an object that can stop the comparison early. A stopped comparison can be continued.

    Returns:
        The runs, the table and the significance of the differences.

    Raises:
        DigitganError: if an option is invalid; raised before any training.
        StoppedError: if `control` stopped the comparison.
    """
    names, first = options.what, options.first_seed
    if options.seeds < 1 or first < 0:
        raise UsageError(f"--seeds {options.seeds} --first-seed {first}: must be 1 or more seeds, starting at 0 or more")
    if not MIN_IMAGES <= options.draw <= MAX_IMAGES:
        raise UsageError(f"--draw {options.draw}: must be {MIN_IMAGES} to {MAX_IMAGES:,}")
    console = Console(stderr=True, quiet=progress == "none", soft_wrap=True)
    notify = console_printer(console)
    control = control or Control()
    are_recipes = [ALIASES.get(name, name) in RECIPES for name in names]
    if all(are_recipes):
        budget = TrainOptions(
            images=options.images,
            minutes=options.minutes,
            data=options.data,
            data_dir=options.data_dir,
            per_class_limit=options.per_class_limit,
            settings=options.settings,
            device=options.device,
            **options_of_data(options),
        )
        entries = trained(
            names,
            seeds=range(first, first + options.seeds),
            budget=budget,
            draw=options.draw,
            folder=options.out,
            console=console,
            progress=progress,
            control=control,
            notify=notify,
        )
        return _compared(entries, options.out)
    _check_runs(options, are_recipes)
    asked = EvaluateOptions(
        data=options.data,
        data_dir=options.data_dir,
        per_class_limit=options.per_class_limit,
        images=options.draw,
        **options_of_data(options),
    )
    entries = finished([Path(name) for name in names], asked=asked, folder=options.out, control=control, notify=notify)
    return _compared(entries, options.out)


def _check_runs(options: CompareOptions, are_recipes: Sequence[bool]) -> None:
    """Check names that are not all recipes, and the options that go with runs."""
    for name, is_recipe in zip(options.what, are_recipes, strict=True):
        if not is_recipe and Path(name).name == name and not Path(name).exists():  # a path is meant as a run
            raise UsageError(f"{name!r}: neither a recipe nor the folder of a run; {nearest(name, RECIPES)}")
    if any(are_recipes):
        raise UsageError(
            "recipes and runs cannot be compared with each other; write ./NAME for a run whose folder has the name of a recipe"
        )
    given = arguments_of(CompareOptions((), **{name: getattr(options, name) for name in ONLY_RECIPES}))
    if given:
        name = options.what[0]
        raise UsageError(
            f"{' '.join(given)}: applies only to recipes; omit it to compare finished runs. {name} is not a recipe: "
            f"{nearest(name, RECIPES)}"
        )


def _compared(entries: Sequence[Entry], folder: Path) -> Comparison:
    text, sentences = table(entries), tuple(difference_sentences(entries))
    report = {
        "entries": [
            {
                "name": entry.name,
                "seed": entry.seed,
                "run": str(entry.run),
                "status": entry.status,
                "seconds": entry.seconds,
                "images_seen": entry.images_seen,
                **{name: entry.metric(name) for name in (metric.name for metric in METRICS.values())},
            }
            for entry in entries
        ],
        "baseline": {name: baseline(entries, name) for name in compared_metrics(entries)},
        "sentences": list(sentences),
        "protocol": next((entry.record["protocol"] for entry in entries if entry.record is not None), None),
    }
    with replacing(folder / "comparison.json") as file:
        file.write((json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    with replacing(folder / "comparison.md") as file:
        file.write(("\n".join([text, "", *sentences]) + "\n").encode())
    draw_samples(entries, folder / "samples.png")
    draw_curves(entries, folder / "curves.png")
    return Comparison(tuple(entries), text, sentences, report, folder)


def draw_samples(entries: Sequence[Entry], path: Path) -> None:
    """Save a picture of samples, one row for each entry with a model, in the order of the table; none without a model."""
    rows = []
    for entry in (entry for group in groups(entries).values() for entry in group if entry.record is not None):
        model = load(entry.run)
        labels = np.arange(IMAGES_PER_ENTRY) % len(model.class_names)
        rows.append(model.sample(labels, seed=0))
    path.unlink(missing_ok=True)
    if rows:
        save_png(path, enlarged(grid(np.concatenate(rows), columns=IMAGES_PER_ENTRY), 2))


def draw_curves(entries: Sequence[Entry], path: Path) -> None:
    """Save a plot of the Fréchet distance over images seen, with a line for each run with scores; none without scores."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scored = [(entry, lines) for entry in entries if (lines := _scored_lines(entry.run))]
    path.unlink(missing_ok=True)
    if not scored:
        return
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    names = list(groups(entries))
    for entry, lines in scored:
        number = names.index(entry.name)
        first = next(other for other in entries if other.name == entry.name) is entry
        axes.plot(
            [line["images_seen"] for line in lines],
            [line[SCORE] for line in lines],
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


def _scored_lines(run: Path) -> list[dict[str, Any]]:
    """Return the evaluations of a run that the curves can show: their axis is logarithmic."""
    lines = RunFolder(run).read_scores()
    return [line for line in lines if isinstance(line.get(SCORE), int | float) and line[SCORE] > 0]

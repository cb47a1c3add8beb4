"""A comparison from its words to its folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from rich.console import Console

from digitgan.comparison.differences import COMPARED, baseline, table, words_about
from digitgan.comparison.entries import Entry, finished, trained
from digitgan.comparison.pictures import draw_curves, draw_samples
from digitgan.errors import UsageError, nearest
from digitgan.evaluation import METRICS, MIN_IMAGES
from digitgan.evaluation.run import MAX_IMAGES
from digitgan.files import replacing
from digitgan.recipes import ALIASES, RECIPES
from digitgan.session.options import TrainOptions
from digitgan.session.session import ProgressKind, console_printer
from digitgan.training import Control

FOLDER: Final = Path("comparison")


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


def compare(
    what: Sequence[Path | str],
    *,
    seeds: int = 3,
    first_seed: int = 0,
    images: int | None = None,
    minutes: float | None = None,
    data: str | None = None,
    data_dir: Path | str | None = None,
    settings: Sequence[str] = (),
    draw: int = 10_000,
    out: Path | str = FOLDER,
    device: str = "auto",
    progress: ProgressKind = "none",
    control: Control | None = None,
) -> Comparison:
    """Put runs side by side; or train recipes over seeds under one budget, and say which is better beyond luck.

    Interrupted and called again with the same words, it goes on where it was.

    Args:
        what: finished runs, two at least; or recipes, two at least, which are then trained.
        seeds: of recipes: how many runs of each.
        first_seed: of recipes: the first seed.
        images: of recipes: length of every training in images seen; or
        minutes: in minutes. Without either each recipe has its own length.
        data: of recipes: what to train on; of runs: the real images to judge by.
        data_dir: where downloaded data sets lie.
        settings: of recipes: changes to all of them, each "section.key=value".
        draw: images that are drawn from each model.
        out: the folder for the table, the pictures and the runs.
        device: of recipes: "auto", "cpu", "cuda" or "mps".
        progress: "none", "plain" lines, a "live" display, or "auto": live on a terminal.
        control: ends it early when asked; it can then be gone on with.

    Raises:
        DigitganError: where something makes no sense, before anything is trained.
        StoppedError: where `control` has ended it.
    """
    if seeds < 1 or first_seed < 0:
        raise UsageError(f"--seeds {seeds} --first-seed {first_seed}: at least one seed, and none below 0, is right")
    if not MIN_IMAGES <= draw <= MAX_IMAGES:
        raise UsageError(f"--draw {draw}: {MIN_IMAGES} to {MAX_IMAGES:,} is right")
    names, folder = [str(name) for name in what], Path(out)
    console = Console(stderr=True, quiet=progress == "none")
    notify = console_printer(console)
    data_folder = None if data_dir is None else Path(data_dir)
    control = control or Control()
    are_recipes = [ALIASES.get(name, name) in RECIPES for name in names]
    if all(are_recipes):
        budget = TrainOptions(images=images, minutes=minutes, data=data, data_dir=data_folder, settings=settings, device=device)
        entries = trained(
            names,
            seeds=range(first_seed, first_seed + seeds),
            budget=budget,
            draw=draw,
            folder=folder,
            console=console,
            progress=progress,
            control=control,
            notify=notify,
        )
        return _compared(entries, folder)
    if any(are_recipes):
        raise UsageError(
            "a comparison is of recipes or of runs, not of both; a run whose folder is called like a recipe is ./NAME"
        )
    if images is not None or minutes is not None or settings:
        raise UsageError(
            f"--images, --minutes and --set are for recipes, which are trained; {names[0]} is none: "
            f"{nearest(names[0], RECIPES)}"
        )
    runs = [Path(name) for name in names]
    return _compared(
        finished(runs, data=data, data_dir=data_folder, draw=draw, folder=folder, control=control, notify=notify), folder
    )


def _compared(entries: Sequence[Entry], folder: Path) -> Comparison:
    text, words = table(entries), tuple(words_about(entries))
    report = {
        "entries": [
            {
                "name": entry.name,
                "seed": entry.seed,
                "run": str(entry.run),
                "status": entry.status,
                "seconds": entry.seconds,
                "images_seen": entry.images_seen,
                **{name: entry.metric(name) for name in (metric.name for metric in METRICS)},
            }
            for entry in entries
        ],
        "baseline": {name: baseline(entries, name) for name in COMPARED},
        "words": list(words),
        "protocol": next((entry.record["protocol"] for entry in entries if entry.record is not None), None),
    }
    with replacing(folder / "comparison.json") as file:
        file.write((json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    with replacing(folder / "comparison.md") as file:
        file.write(("\n".join([text, "", *words]) + "\n").encode())
    draw_samples(entries, folder / "samples.png")
    draw_curves(entries, folder / "curves.png")
    return Comparison(tuple(entries), text, words, report, folder)

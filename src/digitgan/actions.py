"""What the subcommands do besides training: each function here is one of them, from names and paths to files and facts."""

from __future__ import annotations

import csv
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch

from digitgan import rng
from digitgan.data import ImageSet, Split, data_folder, load_image_set
from digitgan.device import choose_device, choose_precision, use_threads
from digitgan.drawing import claim_output, free_path, write, written_rows
from digitgan.drawing.writers import whole_folder
from digitgan.errors import DataError, UsageError
from digitgan.finding import load, shipped_models
from digitgan.images import enlarged, grid, save_gif, save_png, stacked
from digitgan.model import file_hash
from digitgan.networks import Discriminator, Generator, ImageForm, build_discriminator, build_generator, trained_parameters
from digitgan.networks.describing import diagram as draw_network
from digitgan.networks.describing import layer_table
from digitgan.observers import animate, plot
from digitgan.planning import versions
from digitgan.recipes import DEFAULT_RECIPE, find_recipe
from digitgan.runs import open_run

SHOWN = 25
WRITING_ENLARGEMENT = 3

MOST_WRITINGS = 100_000
TRUTH = "truth.csv"
"""In a folder of writings: what is written in each picture."""


def write_to_file(
    text: str,
    model: str,
    *,
    seed: int,
    style: int,
    repeat: int | None,
    out: Path | None,
    overwrite: bool,
    device: str,
) -> Path:
    """`digitgan write`: a string as one picture; or with `repeat` a folder of so many, each in another hand, and the truth.

    Raises:
        DigitganError: of the kind that fits, where the text, the model or the path can't be.
    """
    rng.check_seed(seed)
    if repeat is not None and not 1 <= repeat <= MOST_WRITINGS:
        raise UsageError(f"--repeat {repeat}: 1 to {MOST_WRITINGS:,} pictures is right")
    loaded = load(model, device)
    first = enlarged(write(loaded, text, seed, style), WRITING_ENLARGEMENT if repeat is None else 1)
    plain = "".join(character if character.isalnum() else "-" for character in text)[:40]
    path = out or free_path(Path(plain if repeat else f"{plain}.png"))
    claim_output(path, overwrite=overwrite, folder=repeat is not None)
    if repeat is None:
        save_png(path, first)
        return path
    with whole_folder(path) as folder, (folder / TRUTH).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("file", "text", "seed", "style"))
        for number in range(repeat):
            name = f"{number:05d}.png"
            save_png(folder / name, write(loaded, text, seed, style + number) if number else first)
            rows.writerow((name, text, seed, style + number))
    return path


def animate_run(folder: Path, *, out: Path | None, rows: bool, milliseconds: int, overwrite: bool) -> tuple[Path, int]:
    """`digitgan animate`: a run's previews, or its model's rows, as a GIF; its path, and how many it shows.

    Raises:
        DigitganError: where it is no run, has no previews yet, or the path can't be used.
    """
    if not 20 <= milliseconds <= 60_000:
        raise UsageError(f"--milliseconds {milliseconds}: 20 to 60000 is right; browsers slow down what is faster")
    run = open_run(folder)
    path = out or (run.rows_animation if rows else run.animation)
    claim_output(path, overwrite=overwrite or out is None)
    if rows:
        frames = written_rows(load(str(folder)))
        save_gif(path, [enlarged(frame, 2) for frame in frames], milliseconds)
        return path, len(frames) - 1
    return path, animate(run, path, milliseconds)


def plot_run(folder: Path, *, out: Path | None, overwrite: bool) -> Path:
    """`digitgan plot`: a run's curves as a PNG.

    Raises:
        DigitganError: where it is no run, has no history yet, or the path can't be used.
    """
    run = open_run(folder)
    path = out or run.curves
    claim_output(path, overwrite=overwrite or out is None)
    plot(run, path)
    return path


def show_data(source: str, *, split: Split, data_dir: Path | None, out: Path | None, overwrite: bool) -> tuple[Path, ImageSet]:
    """`digitgan data show`: the first 25 images in reversed grey, five in a row.

    Raises:
        DigitganError: where the data can't be had, or the path can't be used.
    """
    image_set = load_image_set(source, split, data_dir)
    path = out or free_path(Path(f"first-{SHOWN}.png"))
    claim_output(path, overwrite=overwrite)
    first = image_set.images[:SHOWN]
    paper = 255 if first.ndim == 3 else 0  # colours have no reverse that would be easier to look at
    save_png(path, enlarged(grid(255 - first if paper else first, columns=5, background=paper), 3))
    return path, image_set


def examine(device: str) -> dict[str, Any]:
    """`digitgan doctor`: what this machine has, and what will be used of it.

    Raises:
        UsageError: for a device that isn't there.
    """
    chosen, threads = choose_device(device), use_threads()
    return {
        **versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu_cores": os.cpu_count(),
        "cpu_instructions": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "mps": torch.backends.mps.is_available(),
        "device": chosen.type,
        "threads": threads,
        "precision": choose_precision(chosen),
        "data_folder": str(data_folder()),
        "mnist": _has_mnist(),
        **{f"model_{name}": f"SHA-256 {file_hash(path)}" for name, path in shipped_models().items()},
    }


@final
@dataclass(frozen=True)
class Described:
    """What `describe_recipe` tells of a recipe's networks.

    Attributes:
        tables: a table of layers for each network, where one was asked for.
        picture: where the picture of both is, where one was asked for.
        parameters: how many trained numbers each network has.
    """

    tables: list[str]
    picture: Path | None
    parameters: dict[str, int]


def describe_recipe(name: str | None, *, summary: bool, diagram: bool, out: Path | None, overwrite: bool) -> Described:
    """`digitgan recipes NAME --summary` or `--diagram`: its networks for images like MNIST's.

    Raises:
        DigitganError: without a recipe's name, for an unknown one, or if the picture can't be written.
    """
    if name is None:
        raise UsageError(
            f"--{'summary' if summary else 'diagram'} is of one recipe: digitgan recipes {DEFAULT_RECIPE} --summary"
        )
    recipe = find_recipe(name)
    form = ImageForm(1, 28, 28, 10)
    networks: dict[str, Generator | Discriminator] = {
        "generator": build_generator(recipe, form),
        "discriminator": build_discriminator(recipe, form),
    }
    counts = {kind: trained_parameters(network) for kind, network in networks.items()}
    tables = [f"{kind} of {name}\n{layer_table(network)}" for kind, network in networks.items()] if summary else []
    path = None
    if diagram:
        path = out or free_path(Path(f"{name}.png"))
        claim_output(path, overwrite=overwrite)
        save_png(path, stacked([np.asarray(draw_network(network)) for network in networks.values()]))
    return Described(tables, path, counts)


def judge_untrained(recipe_name: str, seed: int = 0) -> dict[str, float]:
    """`digitgan doctor --untrained RECIPE`: what its untrained discriminator says of one image of its untrained generator.

    Returns:
        `score`, and `probability`, its sigmoid: near 0 and a half, for it has no idea yet.

    Raises:
        RecipeError: for an unknown recipe.
    """
    recipe = find_recipe(recipe_name)
    form = ImageForm(1, 28, 28, 10)
    labels = torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        z = torch.from_numpy(rng.normals(seed, "drawn latents", 0, 1, recipe.generator.latent))
        image = build_generator(recipe, form, seed).eval()(z, labels)
        score = build_discriminator(recipe, form, seed).eval()(image, labels).scores
    return {"score": round(float(score), 6), "probability": round(float(score.sigmoid()), 6)}


def _has_mnist() -> str:
    try:
        found = load_image_set("mnist", allow_download=False)
    except DataError as problem:
        return f"not usable: {problem}"
    return f"{len(found):,} training images"

"""Make the pictures of the documentation's section Learn, and measure the numbers beside them.

    python benchmarks/learn_pictures.py

A training of `fast` on MNIST is watched from its first step. It has the non-saturating loss, the classic one, and no
pretraining of the generator, so the pictures show only what the generator learns from the discriminator:

    digitgan train --set loss.name=non-saturating --set training.generator_pretraining=0 --images 100000

Two further trainings have no penalty and a hundred times its weight, and end after 20,000 images. The pictures of labels and
latents are by the shipped model.
Metrics compare 2,000 images with every fifth test image of MNIST, a smaller sample than `digitgan evaluate` takes: distances
are larger and coverages lower than its own.

The program of docs/learn/what-is-a-gan.md is run as it stands there, for its picture.

Write the pictures to docs/images/learn, and the numbers to benchmarks/results/learn_pictures.json. With `--dcgan 50000`,
train `dcgan` for so many images instead, and save its last preview.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import tyro
from common import RESULTS, Pixels, metrics, the_classifier, train
from machine import machine
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from PIL import Image
from scipy.ndimage import gaussian_filter

import digitgan
from digitgan.data import Batches
from digitgan.device import prepare
from digitgan.evaluation import FeatureClassifier, evenly
from digitgan.files import replacing
from digitgan.generation.walking import spherical
from digitgan.images import enlarged, grid, save_png, to_network
from digitgan.networks import ImageSpec
from digitgan.recipes import find_recipe, with_settings
from digitgan.runs import RunFolder
from digitgan.training import Control, NoiseSource, Stepped, Trainer, train_loop
from digitgan.training.inspection import Inspection, ScoredImages, inspect
from digitgan.training.losses import LOSSES
from digitgan.training.penalties import LabelledImages

Floats = npt.NDArray[np.float32]

DOCS = Path(__file__).parents[1] / "docs"

IMAGES = 100_000
SETTINGS = (
    "loss.name=non-saturating",
    "training.generator_pretraining=0",
    f"training.images={IMAGES}",
    "training.precision=float32",
)
MOMENTS = (0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, IMAGES)
"""Numbers of images seen at which the training is looked at; the first step that ends there or later counts."""

SHOWN = (0, 1_000, 5_000, 20_000, IMAGES)
"""The moments whose digits are shown."""

SCORED = (1_000, 5_000, IMAGES)
"""The moments whose scores are shown."""

PENALISED = (1_000, 2_000, 3_500, 5_000, 7_500, 10_000, 12_500, 15_000, 17_500, 20_000)
"""Moments at which the gradients of discriminators with different penalties are measured."""

WEIGHTS = {"no penalty": "penalty.name=none", "R1, weight 0.05": "penalty.gamma=0.05", "R1, weight 5": "penalty.gamma=5"}
"""The penalties that are compared: name -> setting. The second is that of the watched training."""

RECENT = 40
"""Number of steps over which losses and accuracies are averaged for the JSON."""

EVALUATED = 2_000
"""Number of generated images, and of real images, of each evaluation."""

SCORED_BATCHES = 8
"""Batches of 128 real and 128 fake images whose scores are shown."""

GRADIENT, FAKES_PER_CLASS, BLUR = 3_000, 100, 1.5
"""Moment of the shown gradients, number of fakes of each class over which they are averaged, and the blur in pixels.

The gradient at a single image differs from pixel to pixel; its mean shows what all fakes of a class lack.
"""

REAL, FAKE, OTHER = "#0072b2", "#d55e00", "#009e73"
"""Three colours of the palette of Okabe and Ito; lines and bars differ in style too."""

WIDTH, DPI = 7.0, 130
"""Width of the pictures in inches, shown 700 pixels wide, and their resolution."""


@dataclass(frozen=True)
class Look:
    """The state of a training at one moment.

    Attributes:
        images_seen: number of images seen.
        digits: images of one latent and every class, from the moving average.
        inspection: images, scores and gradients of the step that follows.
        real_scores: scores of real images that follow.
        fake_scores: scores of as many fakes.
        model: the model of this moment.
    """

    images_seen: int
    digits: Pixels
    inspection: Inspection
    real_scores: Floats
    fake_scores: Floats
    model: digitgan.Model


class Training:
    """A training that can be looked at.

    Attributes:
        trainer: its networks and optimisers.
        data: its image set.
        batches: its batches.
        noise: its random numbers.
        terms: images seen, and the terms of each step so far.
    """

    def __init__(self, settings: tuple[str, ...], seed: int, device: torch.device) -> None:
        self.data = digitgan.load_image_set("mnist")
        recipe = with_settings(find_recipe("fast"), settings)
        self.trainer = Trainer(recipe, ImageSpec(*self.data.shape, len(self.data.class_names)), seed, device)
        self.batches = Batches(self.data, recipe.training.batch_size, seed, device)
        self.noise: NoiseSource = self.trainer.noise_source()
        self.terms: list[tuple[int, dict[str, float]]] = []

    def run_to(self, moments: tuple[int, ...]) -> Iterator[tuple[int, int]]:
        """Train to the last moment, and yield each moment with the number of images seen."""
        left = list(moments)
        if left[0] == 0:
            yield left.pop(0), 0
        for event in train_loop(self.trainer, self.batches, self.noise, Control()):
            if isinstance(event, Stepped):
                report = event.report
                self.terms.append((report.images_seen, {name: float(value) for name, value in report.terms.items()}))
                if report.images_seen >= left[0]:
                    yield left.pop(0), report.images_seen
                    if not left:
                        return

    def recent_means(self) -> dict[str, float]:
        """Return the means of the losses and accuracies of the last steps."""
        recent = [terms for _, terms in self.terms[-RECENT:]]
        names = ("discriminator_loss", "generator_loss", "accuracy_real", "accuracy_fake") if recent else ()
        return {name: round(float(np.mean([terms[name] for terms in recent])), 3) for name in names}

    def look(self) -> Look:
        """Return the state of the training; the training does not change."""
        seen, size = self.trainer.images_seen, self.batches.batch_size
        fixed = self.noise.preview(per_class=FAKES_PER_CLASS)
        found = [
            inspect(self.trainer, self.batches.at(place), self.noise.at(place), fixed, shown=size, scored=size)
            for place in range(seen, seen + SCORED_BATCHES * size, size)
        ]
        generator = self.trainer.ema.drawn_from(self.noise.calibration_batches()).requires_grad_(False)
        model = digitgan.Model(generator, self.trainer.recipe, self.data.class_names, {})
        z, labels = fixed
        return Look(
            seen,
            model.draw(z[:10], labels[:10]),
            found[0],
            np.concatenate([each.real_scores for each in found]),
            np.concatenate([each.fake_scores for each in found]),
            model,
        )

    def gradient_length(self) -> float:
        """Return the mean length of the score's gradient at the real images of the next batch."""
        batch = self.batches.at(self.trainer.images_seen)
        images = to_network(batch.images).requires_grad_()
        (output,) = self.trainer.objective.score(self.trainer.discriminator, LabelledImages(images, batch.labels))
        (gradient,) = torch.autograd.grad(output.logits.sum(), images)
        return round(float(gradient.flatten(1).norm(dim=1).mean()), 3)


def new_figure(height: float) -> Figure:
    """Return an empty figure of the common width on a white ground, which is readable on a dark page too."""
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=DPI)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def show(axes: Any, picture: Any, **options: Any) -> None:
    """Show pixels in axes without ticks or frame."""
    axes.imshow(picture, **({"cmap": "gray", "vmin": 0, "vmax": 255} | options), interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)


def draw_networks(look: Look, path: Path) -> None:
    """Draw the way of one latent and one label through both networks, with the images and scores of a training."""
    fake, real = look.inspection.fake, look.inspection.real
    of_sevens = [typical(each, 7) for each in (fake, real)]
    figure = new_figure(3.1)
    figure.set_layout_engine("none")
    page = figure.add_axes((0, 0, 1, 1))
    page.set(xlim=(0, WIDTH), ylim=(0, 3.1))
    page.axis("off")

    def box(left: float, bottom: float, width: float, height: float, text: str, colour: str) -> None:
        page.add_patch(
            FancyBboxPatch((left, bottom), width, height, "round,pad=0.02,rounding_size=0.08", fc="white", ec=colour, lw=2)
        )
        page.text(left + width / 2, bottom + height / 2, text, ha="center", va="center", fontsize=10, color=colour)

    def arrow(start: tuple[float, float], end: tuple[float, float], colour: str = "black") -> None:
        page.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=13, color=colour, lw=1.4))

    def pixels(picture: Any, left: float, bottom: float, width: float, height: float, **options: Any) -> None:
        show(figure.add_axes((left / WIDTH, bottom / 3.1, width / WIDTH, height / 3.1)), picture, **options)

    assert fake.latents is not None
    z = fake.latents[of_sevens[0]].reshape(8, 8)
    pixels(z, 0.3, 1.85, 0.8, 0.8, cmap="PuOr", vmin=-2.5, vmax=2.5)
    page.text(0.7, 2.72, "latent z", ha="center", fontsize=10)
    page.text(0.7, 1.66, "64 random numbers", ha="center", fontsize=8)
    page.text(0.7, 1.2, "label: 7", ha="center", va="center", fontsize=10, bbox={"fc": "white", "ec": "black", "pad": 4})
    box(1.75, 1.85, 1.0, 0.8, "generator\nG", FAKE)
    arrow((1.15, 2.25), (1.7, 2.25))
    arrow((1.1, 1.3), (1.75, 1.8))
    pixels(fake.images[of_sevens[0]], 3.25, 1.85, 0.8, 0.8)
    page.text(3.65, 2.72, "fake: G(z, 7)", ha="center", fontsize=10, color=FAKE)
    arrow((2.8, 2.25), (3.2, 2.25), FAKE)
    pixels(real.images[of_sevens[1]], 3.25, 0.35, 0.8, 0.8)
    page.text(3.65, 0.12, "training image x, a 7", ha="center", fontsize=10, color=REAL)
    box(4.6, 0.75, 1.1, 1.5, "discriminator\nD", "black")
    arrow((4.1, 2.2), (4.55, 1.85), FAKE)
    arrow((4.1, 0.75), (4.55, 1.1), REAL)
    arrow((1.15, 1.2), (4.55, 1.45))
    for height, name, score, colour in (
        (1.85, "of the fake", fake.scores[of_sevens[0]], FAKE),
        (1.05, "of x", real.scores[of_sevens[1]], REAL),
    ):
        arrow((5.75, height), (6.05, height), colour)
        page.text(6.5, height, f"{score:+.2f}", ha="center", va="center", fontsize=13, color=colour)
        page.text(6.5, height - 0.25, f"score {name}", ha="center", fontsize=8, color=colour)
    save(figure, path)


def typical(images: ScoredImages, label: int) -> int:
    """Return the index of the image of a class whose score is nearest to the mean of all."""
    far = np.abs(images.scores - images.scores.mean())
    return int(np.argmin(np.where(images.labels == label, far, np.inf)))


def draw_digits(looks: dict[int, Look], path: Path) -> None:
    """Draw the digits of the same latent at several moments, one row each."""
    figure = new_figure(3.75)
    rows = figure.subplots(len(SHOWN), 1)
    for axes, moment in zip(rows, SHOWN, strict=True):
        show(axes, grid(looks[moment].digits, columns=10, gap=1))
        axes.set_ylabel(f" {looks[moment].images_seen:,}", rotation=0, ha="right", va="center", fontsize=10)
    rows[0].set_title("the same latent in every class, by the number of images seen", fontsize=11)
    save(figure, path)


def draw_losses(terms: list[tuple[int, dict[str, float]]], path: Path) -> None:
    """Draw both losses and the discriminator's accuracies over a training, as means of ten steps."""
    chunks = [terms[start : start + 10] for start in range(0, len(terms) - 9, 10)]
    seen = [chunk[-1][0] for chunk in chunks]

    def course(name: str) -> list[float]:
        return [float(np.mean([each[name] for _, each in chunk])) for chunk in chunks]

    figure = new_figure(2.6)
    losses, right = figure.subplots(1, 2)
    losses.plot(seen, course("discriminator_loss"), color=REAL, label="discriminator")
    losses.plot(seen, course("generator_loss"), color=FAKE, linestyle="--", label="generator")
    losses.set(title="losses", ylim=(0, None))
    right.plot(seen, course("accuracy_real"), color=REAL, label="real images")
    right.plot(seen, course("accuracy_fake"), color=FAKE, linestyle="--", label="fakes")
    right.axhline(0.5, color="grey", linewidth=0.8)
    right.set(title="images that D classifies correctly", ylim=(0, 1.03))
    right.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    for axes in (losses, right):
        axes.set_xlabel("images seen")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_xticks([0, 50_000, 100_000])
        axes.grid(alpha=0.3)
        axes.margins(x=0.02)
        axes.legend(frameon=False)
    save(figure, path)


def draw_scores(looks: dict[int, Look], path: Path) -> None:
    """Draw histograms of the discriminator's scores of real and fake images at several moments."""
    figure = new_figure(2.4)
    for axes, moment in zip(figure.subplots(1, len(SCORED)), SCORED, strict=True):
        look = looks[moment]
        both = np.concatenate([look.real_scores, look.fake_scores])
        bins = np.linspace(float(np.quantile(both, 0.002)), float(np.quantile(both, 0.998)), 31).tolist()
        axes.hist(look.real_scores, bins, color=REAL, alpha=0.6, label="real")
        axes.hist(look.fake_scores, bins, color=FAKE, histtype="step", linewidth=2, label="fake")
        axes.axvline(0, color="grey", linewidth=0.8)
        axes.set(title=f"{look.images_seen:,} images seen", xlabel="score", yticks=[])
        axes.legend(frameon=False, fontsize=9)
    save(figure, path)


def draw_gradient(look: Look, path: Path) -> None:
    """Draw the means of fakes of each class, and of the gradients of their scores with respect to their pixels."""
    fixed = look.inspection.fixed
    assert fixed.gradient is not None
    of_class = [fixed.labels == label for label in range(10)]
    images = np.stack([fixed.images[chosen].mean(axis=0) for chosen in of_class]).round().astype(np.uint8)
    means = np.stack([gaussian_filter(fixed.gradient[chosen].mean(axis=0), BLUR) for chosen in of_class])
    levels = (128 + 127 * means / np.abs(means).max(axis=(1, 2), keepdims=True)).round().astype(np.uint8)
    figure = new_figure(1.75)
    for axes, picture, name, options in zip(
        figure.subplots(2, 1),
        (grid(images, columns=10, gap=1), grid(levels, columns=10, gap=1, background=128)),
        ("mean fakes", "mean\ngradient"),
        ({}, {"cmap": "PuOr_r", "vmin": 0, "vmax": 255}),
        strict=True,
    ):
        show(axes, picture, **options)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=11)
    figure.axes[0].set_title("orange: a brighter pixel raises the score; purple: a darker one does", fontsize=10)
    save(figure, path)


def draw_metrics(rows: list[dict[str, Any]], baseline: dict[str, Any], path: Path) -> None:
    """Draw three metrics over the images seen, with the real baseline."""
    figure = new_figure(2.4)
    names = {"class_accuracy": "class accuracy", "frechet_distance": "Fréchet distance", "coverage": "coverage"}
    for axes, (name, title) in zip(figure.subplots(1, 3), names.items(), strict=True):
        later = [row for row in rows if row["images_seen"] > 0]
        axes.plot([row["images_seen"] for row in later], [row[name] for row in later], "o-", color=FAKE, label="generated")
        axes.axhline(baseline[name], color=REAL, linestyle="--", label="real baseline")
        axes.set(title=title, xscale="log", xlabel="images seen")
        axes.set_xticks([1_000, 10_000, 100_000], ["1,000", "10,000", "100,000"], fontsize=8)
        if name == "frechet_distance":
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, 1.05)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8, loc="lower left" if name == "frechet_distance" else "center left")
    save(figure, path)


def draw_classes(path: Path) -> None:
    """Draw three latents in every class, by the shipped model."""
    model = digitgan.load("mnist")
    z = model.latents(0, range(3)).repeat_interleave(10, dim=0)
    figure = new_figure(2.45)
    axes = figure.subplots()
    show(axes, grid(model.draw(z, torch.arange(10).repeat(3)), columns=10, gap=1))
    cells = [1 + 14 + 29 * place for place in range(10)]
    axes.set_xticks(cells, [str(label) for label in range(10)], fontsize=11)
    axes.set_yticks(cells[:3], ["latent 1", "latent 2", "latent 3"], fontsize=11)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.set_title("label", fontsize=11)
    save(figure, path)


def draw_walk(path: Path) -> None:
    """Draw a walk between two latents for three labels, and a walk between two labels, by the shipped model."""
    model = digitgan.load("mnist")
    first, last = (model.latents(0, range(place, place + 1)).numpy() for place in (0, 1))
    between = torch.from_numpy(np.concatenate([spherical(first, last, share / 9) for share in range(10)]))
    rows = [model.draw(between, torch.full((10,), label)) for label in (2, 4, 8)]
    shares = torch.zeros(10, 10)
    shares[:, 3] = torch.linspace(1, 0, 10)
    shares[:, 8] = torch.linspace(0, 1, 10)
    rows.append(model.draw(between[:1].repeat(10, 1), shares))
    names = ["label 2", "label 4", "label 8", "3 to 8,\none latent"]
    figure = new_figure(3.2)
    for axes, row, name in zip(figure.subplots(4, 1), rows, names, strict=True):
        show(axes, grid(row, columns=10, gap=1))
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=11)
    figure.suptitle("three walks from one latent to another, and one between labels", fontsize=11)
    save(figure, path)


def draw_loss_functions(path: Path) -> None:
    """Draw the loss of one fake image as a function of its score, for both networks and all losses."""
    scores = torch.linspace(-4, 4, 161)
    zero = torch.zeros(1)
    styles = {
        "non-saturating": ("-", REAL),
        "relativistic": ("--", FAKE),
        "hinge": ("-.", OTHER),
        "least-squares": (":", "#cc79a7"),
        "wasserstein": ((0, (5, 1, 1, 1, 1, 1)), "black"),
    }
    figure = new_figure(2.9)
    ofs: list[tuple[Any, str, Callable[[Any, torch.Tensor], torch.Tensor]]] = []
    left, right = figure.subplots(1, 2, sharex=True)
    ofs.append((left, "discriminator's loss", lambda loss, score: loss.discriminator(zero, score)))
    ofs.append((right, "generator's loss", lambda loss, score: loss.generator(zero, score)))
    for axes, title, of in ofs:
        for name, (style, colour) in styles.items():
            values = [float(of(LOSSES.find(name), score[None])) for score in scores]
            lowest = float(of(LOSSES.find(name), zero))
            axes.plot(scores.numpy(), np.array(values) - lowest, linestyle=style, color=colour, label=name)
        axes.set(title=title, xlabel="score of a fake", ylim=(-2.2, 4.2))
        axes.grid(alpha=0.3)
    saturating = np.log(2) - np.logaddexp(0, scores.numpy())
    right.plot(scores.numpy(), saturating, color="grey", linewidth=1, label="saturating")
    left.set_ylabel("change from the score 0")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    save(figure, path)


def draw_penalties(lengths: dict[str, dict[int, float]], path: Path) -> None:
    """Draw the lengths of the gradient at real images over the images seen, for several weights of the penalty."""
    figure = new_figure(2.6)
    axes = figure.subplots()
    for (name, of), style, colour in zip(lengths.items(), ("-", "--", "-."), (FAKE, REAL, OTHER), strict=True):
        axes.plot(list(of), list(of.values()), style, marker="o", markersize=4, color=colour, label=name)
    axes.set(xlabel="images seen", title="mean length of the gradient of the score at real images", ylim=(0, None))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    save(figure, path)


def run_program(page: Path, path: Path) -> None:
    """Run the first Python program of a page in its own process, and keep its picture."""
    program = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)[0]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)
        shutil.copy(Path(folder) / "fakes.png", path)


def draw_dcgan(images: int, path: Path) -> None:
    """Train `dcgan` for a number of images, and save its last preview, enlarged."""
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder) / "run")
        result = train("dcgan", "--images", str(images), folder=run.path)
        save_png(path, enlarged(np.asarray(Image.open(run.preview_files()[-1])), 2))
    print(f"{result['images_seen']:,} images in {result['seconds']:.0f} s, {result['precision']}", flush=True)


def main(
    seed: int = 0,
    dcgan: int = 0,
    pictures: Path = DOCS / "images" / "learn",
    out: Path = RESULTS / "learn_pictures.json",
) -> None:
    """Train, draw the pictures, write the JSON.

    Args:
        seed: seed of the trainings.
        dcgan: if above 0, train `dcgan` for this number of images instead, with its own seed 0.
        pictures: folder of the pictures.
        out: JSON file of the numbers.
    """
    pictures.mkdir(parents=True, exist_ok=True)
    if dcgan > 0:
        draw_dcgan(dcgan, pictures / "dcgan.png")
        return
    draw_loss_functions(pictures / "loss-functions.png")
    draw_classes(pictures / "classes.png")
    draw_walk(pictures / "latent-walk.png")
    device, threads = prepare("cpu")
    classifier = the_classifier()
    test = digitgan.load_image_set("mnist", "test")
    reference = test.images[:: len(test) // EVALUATED]
    labels = np.arange(EVALUATED) % 10
    watched = Training(SETTINGS, seed, device)
    looks: dict[int, Look] = {}
    rows: list[dict[str, Any]] = []
    lengths: dict[str, dict[int, float]] = {name: {} for name in WEIGHTS}
    for moment, seen in watched.run_to(tuple(sorted({*MOMENTS, *PENALISED, GRADIENT}))):
        if moment in PENALISED:
            lengths["R1, weight 0.05"][seen] = watched.gradient_length()
        if moment in {*MOMENTS, GRADIENT}:
            looks[moment] = watched.look()
        if moment in MOMENTS:
            look = looks[moment]
            found = metrics(classifier, reference, look.model.sample(labels, seed=1), labels)
            rows.append({"images_seen": seen, **found, **watched.recent_means()})
            rows[-1] |= {"scores_real": round(float(look.real_scores.mean()), 3)}
            rows[-1] |= {"scores_fake": round(float(look.fake_scores.mean()), 3)}
            print(rows[-1], flush=True)
    for name in WEIGHTS:
        if not lengths[name]:
            training = Training((*SETTINGS, WEIGHTS[name]), seed, device)
            lengths[name] = {seen: training.gradient_length() for _, seen in training.run_to(PENALISED)}
    sets = image_sets(looks[IMAGES].model, classifier, reference)
    draw_networks(looks[50_000], pictures / "networks.png")
    draw_digits(looks, pictures / "fakes-by-images-seen.png")
    draw_losses(watched.terms, pictures / "losses-of-a-run.png")
    draw_scores(looks, pictures / "real-and-fake-scores.png")
    draw_gradient(looks[GRADIENT], pictures / "gradient.png")
    draw_metrics(rows, sets["training images"], pictures / "metrics-by-images-seen.png")
    draw_penalties(lengths, pictures / "penalties.png")
    run_program(DOCS / "learn" / "what-is-a-gan.md", pictures / "own-program.png")
    report = {
        "question": "numbers of the pages of the section Learn",
        "recipe": "fast",
        "settings": list(SETTINGS),
        "seed": seed,
        "threads": threads,
        "drawn": EVALUATED,
        "reference": f"every {len(test) // EVALUATED}th image of mnist (test)",
        "rows": rows,
        "image_sets": sets,
        "gradient_length_at_real_images": lengths,
        "machine": machine(),
    }
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def image_sets(model: digitgan.Model, classifier: FeatureClassifier, reference: Pixels) -> dict[str, Any]:
    """Return the metrics of sets that are good by one metric and bad by another, and of real images."""
    labels = np.arange(EVALUATED) % 10
    real = evenly(digitgan.load_image_set("mnist"), EVALUATED)
    images, right = real.images, real.labels
    ten = [int(np.flatnonzero(right == label)[0]) for label in range(10)]
    return {
        "training images": metrics(classifier, reference, images, right),
        "generated images": metrics(classifier, reference, model.sample(labels, seed=1), labels),
        "one training image of each class, repeated": metrics(classifier, reference, images[ten][labels], labels),
        "training images with the label of the next class": metrics(classifier, reference, images, (right + 1) % 10),
    }


if __name__ == "__main__":
    tyro.cli(main)

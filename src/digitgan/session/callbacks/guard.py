"""The guard: detects a failing training, warns, and requests a rollback.

The guard detects four failures:

- values that are not finite, in the losses of every chunk of steps, and in weights and optimisers before anything is saved;
- a collapsed discriminator, which always separates real from fake images or gives all images the same score;
- mode collapse of the generator, where all previews of a class show one picture;
- losses or weights that have grown to many times their earlier size.

It warns of losses and weights that grow, of overfitting and of classes without variety. Where the guard of a recipe does not
act, it warns of all but collapse.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from digitgan.data import ImageSet, ProgressFn, silent
from digitgan.images import Picture
from digitgan.recipes import Recipe
from digitgan.session.callbacks.base import Callback
from digitgan.session.callbacks.health import BLANK, Magnitudes, OverfittingWatch, Sign, is_blank, poor_classes
from digitgan.session.callbacks.history import RunningMeans
from digitgan.training import (
    Control,
    Due,
    Ended,
    Event,
    PreviewDue,
    Stepped,
    StepReport,
    Trainer,
)

STEPS_PER_CHECK: Final = 50
"""Number of steps between two checks of the means; reading a value waits for the device."""

PATIENCE: Final = 10
"""Number of consecutive chunks (500 steps) with a collapsed discriminator that raise an alarm.

A healthy discriminator may separate all images for some time at the start.
"""

SEPARATED: Final = 0.999
"""Accuracy on real and on fake images from which the generator has no useful gradient."""

SAME_SCORE: Final = 1e-4
"""Difference of the mean scores of real and fake images below which a discriminator counts as collapsed.

The scores of a healthy discriminator differ by more from batch to batch, even if it separates no images.
"""

COLLAPSED: Final = 0.3
"""Share of the variety of real images within a class below which previews count as collapsed.

Measured: 0.19 and 0.26 for generators with one picture a class and varying edges, above 0.9 for every healthy recipe.
"""

PREVIEWS_IN_A_ROW: Final = 3
"""Number of consecutive collapsed previews that raise an alarm; early previews may lack variety."""

WARM_UP: Final = 0.25
"""Share of the run before which a lack of variety raises no alarm, unless earlier previews had variety."""

WARM_UP_STEPS: Final = 500
"""Number of steps before which a lack of variety raises no alarm.

In its first few hundred steps, a generator of colour images makes nearly the same blob for all images of a class. The noise
that it makes before has variety."""

BLANK_IN_A_ROW: Final = 3
"""Number of consecutive previews of one colour that give a warning; a single one does at the end of a run."""

REAL_IMAGES_PER_CLASS: Final = 20
"""Number of real images of each class with which the variety is compared."""


@final
class Guard(Callback):
    """A callback that raises an alarm in the control of the loop, with a diagnosis and remedies.

    The training session handles the alarm.

    Args:
        recipe: recipe of the run.
        control: control of the loop.
        image_set: training images, which give the variety of real images.
        warn: receives each warning once.
        held_out: real images that the training does not see, with which overfitting is noticed; None without them.

    Attributes:
        warnings: the warnings of the run, by their kind.
        class_varieties: variety of each class in the last preview, as a share of that of its real images, by its name.
    """

    def __init__(
        self,
        recipe: Recipe,
        control: Control,
        image_set: ImageSet,
        warn: ProgressFn = silent,
        held_out: ImageSet | None = None,
    ) -> None:
        self.warnings: dict[str, str] = {}
        self.class_varieties: dict[str, float] = {}
        self._warn = warn
        self._magnitudes = Magnitudes()
        self._overfitting = None if held_out is None else OverfittingWatch(image_set, held_out)
        self._class_names = image_set.class_names
        self._real_varieties = varieties_of(*_some_of_each_class(image_set))
        self._score_fake = 0.0
        self.recipe = recipe
        self.control = control
        self.real_variety = variety_of(*_some_of_each_class(image_set))
        self.steps = self.separating = self.same_scores = self.collapsed_previews = self.blank_previews = 0
        self.had_variety = False
        self.averages = RunningMeans()

    def on_event(self, event: Event) -> None:
        """Check the losses of a step, or the weights before they are used or saved."""
        if isinstance(event, Stepped):
            self._add_step(event.report)
        elif isinstance(event, Due | Ended):
            self._check_weights(event.trainer)
            if isinstance(event, PreviewDue) and self._overfitting is not None and self.control.alarm is None:
                self._report(self._overfitting.look(event.trainer, self._score_fake), event.trainer.images_seen)

    def length_decided(self, recipe: Recipe) -> None:
        """Expect variety and images by the length of a recipe."""
        self.recipe = recipe

    def begin(self, trainer: Trainer) -> None:
        """Remember the size of the untrained weights, with which later ones are compared."""
        self._magnitudes.of_weights(_networks(trainer))

    def check_preview(self, images: Picture, labels: npt.NDArray[np.int64], images_seen: int) -> None:
        """Check a preview: uint8 images (n, height, width[, channels]) and their labels (n,)."""
        self.blank_previews = self.blank_previews + 1 if is_blank(images) else 0
        if self.blank_previews >= BLANK_IN_A_ROW or (self.blank_previews and images_seen >= self.recipe.training.images):
            self._report(BLANK, images_seen)
        if not self.real_variety:
            return
        varieties = varieties_of(images, labels)
        variety = _mean(varieties.values()) / self.real_variety
        self.class_varieties = {
            self._class_names[label]: varieties[label] / real
            for label, real in self._real_varieties.items()
            if real > 0 and label in varieties
        }
        training = self.recipe.training
        if images_seen < WARM_UP_STEPS * training.batch_size:
            return
        expected = self.had_variety or images_seen >= WARM_UP * training.images
        self.had_variety = self.had_variety or variety > 2 * COLLAPSED
        self.collapsed_previews = self.collapsed_previews + 1 if variety < COLLAPSED and expected else 0
        if expected:
            self._report(poor_classes(self.class_varieties, COLLAPSED / 2, training.balance), images_seen)
        if self.recipe.guard.mode_collapse and self.collapsed_previews >= PREVIEWS_IN_A_ROW:
            self.control.raise_alarm(
                f"mode collapse at {images_seen:,} images: the previews of a class have {variety:.0%} of the variety of real "
                "images. Try an R1 penalty (penalty.name=r1), the relativistic loss (loss.name=relativistic), or lower "
                "learning rates"
            )

    def state(self) -> dict[str, Any]:
        """Return the sums of the current chunk and the counts of consecutive signs."""
        return {
            "steps": self.steps,
            "sums": self.averages.state(),
            "separating": self.separating,
            "same_scores": self.same_scores,
            "collapsed_previews": self.collapsed_previews,
            "had_variety": self.had_variety,
            "warnings": self.warnings,
            "magnitudes": self._magnitudes.state(),
            "overfitting": 0 if self._overfitting is None else self._overfitting.in_a_row,
            "score_fake": self._score_fake,
        }

    def restore(self, state: dict[str, Any], images_seen: int) -> None:
        """Restore the sums and the counts."""
        self.steps, self.separating, self.same_scores = state["steps"], state["separating"], state["same_scores"]
        self.collapsed_previews, self.had_variety = state["collapsed_previews"], state["had_variety"]
        self.averages.restore(state["sums"])
        self.warnings.update(state.get("warnings", {}))  # those of undone steps stay: each is given once
        self._magnitudes.restore(state.get("magnitudes", {}))
        self._score_fake = state.get("score_fake", 0.0)
        if self._overfitting is not None:
            self._overfitting.in_a_row = state.get("overfitting", 0)

    def reset(self) -> None:
        """Reset the sums and the counts, so that each attempt after a rollback has the full patience."""
        self.steps = self.separating = self.same_scores = self.collapsed_previews = 0
        self.had_variety = False
        self.averages.clear()

    def _add_step(self, report: StepReport) -> None:
        terms = dict(report.terms)
        terms["gap"] = (terms["score_real"] - terms["score_fake"]).abs()
        self.averages.add(terms)
        self.steps += 1
        if report.terms["discriminator_loss"].device.type == "cpu":  # where reading a value does not wait
            self._check_finite({name: float(value) for name, value in terms.items()}, report.images_seen)
        if self.steps == STEPS_PER_CHECK:
            self._check_means(report.images_seen)
            self.steps = 0
            self.averages.clear()

    def _check_means(self, images_seen: int) -> None:
        means = self.averages.means()
        self._check_finite(means, images_seen)
        if self.control.alarm is None:
            self._score_fake = means["score_fake"]
            self._report(self._magnitudes.of_losses(means), images_seen)
        separates = min(means["accuracy_real"], means["accuracy_fake"]) >= SEPARATED
        self.separating = self.separating + 1 if separates else 0
        self.same_scores = self.same_scores + 1 if means["gap"] < SAME_SCORE else 0
        if not self.recipe.guard.discriminator_collapse:
            return
        if self.separating >= PATIENCE:
            self.control.raise_alarm(
                f"discriminator collapse at {images_seen:,} images: it separated all real and fake images for "
                f"{PATIENCE * STEPS_PER_CHECK} steps (loss {means['discriminator_loss']:.4f}), so the generator no longer "
                "learns. Try a lower optimizer.discriminator_learning_rate, a penalty (penalty.name=r1), dropout, or label "
                "smoothing"
            )
        elif self.same_scores >= PATIENCE:
            self.control.raise_alarm(
                f"discriminator collapse at {images_seen:,} images: it gave real and fake images the same score (within "
                f"{SAME_SCORE:g}) for {PATIENCE * STEPS_PER_CHECK} steps. Try a weaker penalty (penalty.gamma), or another "
                "optimizer.discriminator_learning_rate"
            )

    def _check_finite(self, values: dict[str, float], images_seen: int) -> None:
        wrong = sorted(name for name, value in values.items() if not math.isfinite(value) and name != "gap")
        if wrong:
            self._diverged(", ".join(wrong), images_seen)

    def _check_weights(self, trainer: Trainer) -> None:
        self._check_finite(self.averages.means(), trainer.images_seen)
        kept = {
            "the generator's weights": trainer.generator.state_dict().values(),
            "the discriminator's weights": trainer.discriminator.state_dict().values(),
            "the average's weights": trainer.ema.generator.state_dict().values(),
            "the optimisers' moments": _moments(trainer),
        }
        wrong = [name for name, tensors in kept.items() if not all(bool(tensor.isfinite().all()) for tensor in tensors)]
        if wrong:
            self._diverged(" and ".join(wrong), trainer.images_seen)
            return
        self._report(self._magnitudes.of_weights(_networks(trainer)), trainer.images_seen)

    def _report(self, sign: Sign | None, images_seen: int) -> None:
        """Raise an alarm for a severe sign if the guard of the recipe acts; else warn, once of each kind."""
        if sign is None:
            return
        if sign.severe and self.recipe.guard.divergence:
            self.control.raise_alarm(f"divergence at {images_seen:,} images: {sign.text}")
        elif sign.kind not in self.warnings:
            self.warnings[sign.kind] = f"at {images_seen:,} images: {sign.text}"
            self._warn(f"guard: warning {self.warnings[sign.kind]}")

    def _diverged(self, what: str, images_seen: int) -> None:
        self.control.raise_alarm(
            f"divergence at {images_seen:,} images: not finite: {what}. Try lower learning rates "
            "(optimizer.generator_learning_rate, optimizer.discriminator_learning_rate), or a penalty (penalty.name=r1)"
        )


def _moments(trainer: Trainer) -> Iterator[torch.Tensor]:
    """Yield the moments of both optimisers."""
    for optimizer in (trainer.generator_optimizer, trainer.discriminator_optimizer):
        for moments in optimizer.state.values():
            yield from moments.values()


def variety_of(images: Picture, labels: npt.NDArray[np.int64]) -> float:
    """Compute the variety of images within their classes.

    The variety is the RMS difference of the pixels of two images of a class, averaged over pairs and classes.

    Args:
        images: uint8 (n, height, width[, channels]).
        labels: (n,); classes with a single image are ignored.

    Returns:
        The variety, 0 to 255; 0 if no class has two images.
    """
    return _mean(varieties_of(images, labels).values())


def varieties_of(images: Picture, labels: npt.NDArray[np.int64]) -> dict[int, float]:
    """Compute the variety of the images of each class with at least two images, see `variety_of`."""
    found = {}
    for label in np.unique(labels):
        pixels = images[labels == label].reshape(int((labels == label).sum()), -1).astype(np.float64)
        if len(pixels) > 1:
            distances = torch.pdist(torch.from_numpy(pixels)) / math.sqrt(pixels.shape[1])
            found[int(label)] = float(distances.mean())
    return found


def _mean(values: Collection[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _some_of_each_class(image_set: ImageSet) -> tuple[Picture, npt.NDArray[np.int64]]:
    places = np.concatenate(
        [np.flatnonzero(image_set.labels == label)[:REAL_IMAGES_PER_CLASS] for label in np.unique(image_set.labels)]
    )
    return image_set.images[places], image_set.labels[places]


def _networks(trainer: Trainer) -> dict[str, Iterable[Tensor]]:
    return {"generator": trainer.generator.parameters(), "discriminator": trainer.discriminator.parameters()}

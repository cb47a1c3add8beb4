"""The guard: notices when a training goes wrong, says so in words, and asks for it to be taken back.

It watches for three things. Numbers that are no longer finite: in the losses, at every portion of steps, and in weights and
optimisers before anything is saved. A discriminator that has collapsed: one that always wins, so that the generator learns
nothing from it any more, or one that gives everything the same score. And a generator that has: whose previews have become one
picture a class.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
import torch

from digitgan.data import ImageSet
from digitgan.images import Picture
from digitgan.recipes import Recipe
from digitgan.session.callbacks.base import Callback
from digitgan.session.callbacks.means import RunningMeans
from digitgan.training import (
    CheckpointDue,
    Control,
    Ended,
    EvaluationDue,
    Event,
    PreviewDue,
    SnapshotDue,
    Stepped,
    StepReport,
    Trainer,
)

CHUNK_SIZE: Final = 50
"""Steps after which the sums are looked at: reading a number waits for the device."""

PATIENCE: Final = 10
"""Chunks in a row, 500 steps, that a discriminator must look collapsed: a healthy one may win for a while at the start."""

ALWAYS_WINS: Final = 0.999
"""Share of real and of fake images rightly told, above which nothing is left to learn from."""

SAME_SCORE: Final = 1e-4
"""Difference of the mean scores of real and fake images under which a discriminator tells nothing; healthy ones, even when they
are fooled, differ by more from batch to batch."""

COLLAPSED: Final = 0.3
"""Share of the real images' variety within a class, under which previews count as one picture. Generators that drew one picture
a class, each time with other ragged edges, were seen at 0.19 and 0.26, all recipes that draw well above 0.9."""

PREVIEWS_IN_A_ROW: Final = 3
"""Previews that must look collapsed: early ones may, before the generator has learned to use its latent."""

YOUNG: Final = 0.25
"""Share of the run before which a lack of variety is no alarm, unless there has been variety before."""

YOUNG_STEPS: Final = 30
"""The same in steps, for very short runs: in fewer no generator has learned anything."""

COMPARED: Final = 20
"""Real images of each class whose variety is the measure."""


@final
class Guard(Callback):
    """Raises the alarm through the loop's control, with what has happened and what usually helps.

    Raised in words; what is then done about it is for those who run the loop.
    """

    def __init__(self, recipe: Recipe, control: Control, image_set: ImageSet) -> None:
        self.recipe = recipe
        self.control = control
        self.real_variety = variety_of(*_some_of_each_class(image_set))
        self.steps = self.winning = self.dead = self.alike = 0
        self.had_variety = False
        self.averages = RunningMeans()

    def on_event(self, event: Event) -> None:
        """Look at a step's losses, or at the weights before something is made of them."""
        if isinstance(event, Stepped):
            self._add(event.report)
        elif isinstance(event, PreviewDue | EvaluationDue | SnapshotDue | CheckpointDue | Ended):
            self._check_weights(event.trainer)

    def inspect(self, images: Picture, labels: npt.NDArray[np.int64], images_seen: int) -> None:
        """Look at a preview: uint8 images (n, height, width[, channels]) and their labels (n,)."""
        if not self.recipe.guard.mode_collapse or not self.real_variety:
            return
        variety = variety_of(images, labels) / self.real_variety
        training = self.recipe.training
        grown = images_seen >= max(YOUNG * training.images, YOUNG_STEPS * training.batch_size)
        old_enough = self.had_variety or grown
        self.had_variety = self.had_variety or variety > 2 * COLLAPSED
        self.alike = self.alike + 1 if variety < COLLAPSED and old_enough else 0
        if self.alike >= PREVIEWS_IN_A_ROW:
            self.control.raise_alarm(
                f"mode collapse at {images_seen:,} images: the previews of a class are all but one picture "
                f"({variety:.0%} of the variety of real images). What usually helps: an R1 penalty (penalty.name=r1), the "
                "relativistic loss (loss.name=relativistic), or lower learning rates"
            )

    def state(self) -> dict[str, Any]:
        """The sums of the portion that is under way, and what has been noticed in a row."""
        return {
            "steps": self.steps,
            "sums": self.averages.state(),
            "winning": self.winning,
            "dead": self.dead,
            "alike": self.alike,
            "had_variety": self.had_variety,
        }

    def restore(self, state: dict[str, Any], images_seen: int) -> None:
        """Go on with them."""
        self.steps, self.winning, self.dead = state["steps"], state["winning"], state["dead"]
        self.alike, self.had_variety = state["alike"], state["had_variety"]
        self.averages.restore(state["sums"])

    def begin_again(self) -> None:
        """Forget what was noticed: after a rollback each try has the whole of the guard's patience."""
        self.steps = self.winning = self.dead = self.alike = 0
        self.had_variety = False
        self.averages.clear()

    def _add(self, report: StepReport) -> None:
        terms = dict(report.terms)
        terms["gap"] = (terms["score_real"] - terms["score_fake"]).abs()
        self.averages.add(terms)
        self.steps += 1
        if report.terms["discriminator_loss"].device.type == "cpu":  # where reading a number costs nothing
            self._check_finite({name: float(value) for name, value in terms.items()}, report.images_seen)
        if self.steps == CHUNK_SIZE:
            self._look(report.images_seen)
            self.steps = 0
            self.averages.clear()

    def _look(self, images_seen: int) -> None:
        means = self.averages.means()
        self._check_finite(means, images_seen)
        wins = min(means["accuracy_real"], means["accuracy_fake"]) >= ALWAYS_WINS
        self.winning = self.winning + 1 if wins else 0
        self.dead = self.dead + 1 if means["gap"] < SAME_SCORE else 0
        if not self.recipe.guard.discriminator_collapse:
            return
        if self.winning >= PATIENCE:
            self.control.raise_alarm(
                f"the discriminator has won at {images_seen:,} images: for {PATIENCE * CHUNK_SIZE} steps it "
                "told real from fake "
                f"images without a mistake (loss {means['discriminator_loss']:.4f}), so the generator has nothing left to "
                "learn from. What usually helps: a lower optimizer.discriminator_learning_rate, a penalty (penalty.name=r1), "
                "dropout, or label smoothing"
            )
        elif self.dead >= PATIENCE:
            self.control.raise_alarm(
                f"the discriminator has gone blind at {images_seen:,} images: for {PATIENCE * CHUNK_SIZE} steps "
                "it gave real and "
                f"fake images the same score (within {SAME_SCORE:g}). What usually helps: a weaker penalty (penalty.gamma), or "
                "another optimizer.discriminator_learning_rate"
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

    def _diverged(self, what: str, images_seen: int) -> None:
        self.control.raise_alarm(
            f"the training has diverged at {images_seen:,} images: {what} no longer finite. What usually helps: lower learning "
            "rates, or a penalty on the discriminator"
        )


def _moments(trainer: Trainer) -> Iterator[torch.Tensor]:
    """What the optimisers keep, of which the next step is made."""
    for optimizer in (trainer.generator_optimizer, trainer.discriminator_optimizer):
        for moments in optimizer.state.values():
            yield from moments.values()


def variety_of(images: Picture, labels: npt.NDArray[np.int64]) -> float:
    """How much images of one class differ: the RMS difference of their pixels, 0 to 255, the mean over pairs and classes.

    Args:
        images: uint8 (n, height, width[, channels]).
        labels: (n,); a class with a single image doesn't count.

    Returns:
        0 where no class has two images.
    """
    found = []
    for label in np.unique(labels):
        pixels = images[labels == label].reshape(int((labels == label).sum()), -1).astype(np.float64)
        if len(pixels) > 1:
            distances = torch.pdist(torch.from_numpy(pixels)) / math.sqrt(pixels.shape[1])
            found.append(float(distances.mean()))
    return sum(found) / len(found) if found else 0.0


def _some_of_each_class(image_set: ImageSet) -> tuple[Picture, npt.NDArray[np.int64]]:
    places = np.concatenate([np.flatnonzero(image_set.labels == label)[:COMPARED] for label in np.unique(image_set.labels)])
    return image_set.images[places], image_set.labels[places]

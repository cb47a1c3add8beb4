"""Signs of a failing training that are relative to the run itself: growing losses and weights, overfitting, poor classes."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from digitgan.data import ImageSet
from digitgan.images import Picture, to_network
from digitgan.training import Trainer
from digitgan.training.penalties import LabelledImages

REMEMBERED: Final = 100
"""Number of chunks of steps whose losses are remembered."""

FIRST_CHUNKS: Final = 10
"""Number of chunks of steps before losses are compared with earlier ones."""

LEAST_LOSS: Final = 1.0
"""Size of a loss up to which it counts as this size: a loss near 0 may grow a hundredfold in a healthy training."""

MANY_TIMES: Final = 100.0
"""Size of a loss or of the weights, relative to earlier ones, from which there is a warning. Healthy trainings of the recipes
stay below 30."""

DIVERGED: Final = 10_000.0
"""The same, from which the training counts as diverged."""

COMPARED: Final = 500
"""Largest number of training images and of held-out images whose scores are compared."""

LEAD: Final = 0.6
"""Lead of training images over held-out ones, as a share of their lead over fakes, from which a discriminator overfits.

`fast` with 100 images of each digit of MNIST reaches 0.69 after 45,000 images."""

LEAST_GAP: Final = 0.1
"""Difference of the scores of training images and fakes below which there is no lead to compare."""

COMPARISONS_IN_A_ROW: Final = 3
"""Number of consecutive comparisons that give a warning."""

ONE_COLOUR: Final = 8
"""Range of the levels of an image, of 255, up to which it has one colour."""

MANY_EPOCHS: Final = 5
"""Number of epochs from which a discriminator may know its training images by heart."""


class Sign(NamedTuple):
    """A sign of a failing training.

    Attributes:
        kind: its kind; a run warns once of each.
        text: what was found, and what to try.
        severe: whether the training has failed.
    """

    kind: str
    text: str
    severe: bool = False


@final
class Magnitudes:
    """The sizes of losses and weights, compared with those of the same run before."""

    def __init__(self) -> None:
        self._losses: dict[str, list[float]] = {}
        self._weights: dict[str, float] = {}

    def of_losses(self, means: Mapping[str, float]) -> Sign | None:
        """Compare the mean losses of a chunk of steps with the median of earlier ones."""
        worst: Sign | None = None
        for name in ("discriminator_loss", "generator_loss"):
            if name not in means:
                continue
            earlier, size = self._losses.setdefault(name, []), max(LEAST_LOSS, abs(means[name]))
            times = size / statistics.median(earlier) if len(earlier) >= FIRST_CHUNKS else 1.0
            if times < MANY_TIMES:
                self._losses[name] = [*earlier[1 - REMEMBERED :], size]
            else:
                network = name.removesuffix("_loss")
                text = (
                    f"the loss of the {network} is {means[name]:.3g}, {times:,.0f} times as large as before in this run. Try "
                    "lower learning rates, or a penalty (penalty.name=r1)"
                )
                worst = _worse(worst, Sign("large losses", text, times >= DIVERGED))
        return worst

    def of_weights(self, networks: Mapping[str, Iterable[Tensor]]) -> Sign | None:
        """Compare the root mean square of the weights of each network with that at the first look."""
        worst: Sign | None = None
        for name, tensors in networks.items():
            flat = [tensor.detach().float().square() for tensor in tensors]
            size = float(torch.stack([each.sum() for each in flat]).sum() / sum(each.numel() for each in flat)) ** 0.5
            times = size / max(1e-6, self._weights.setdefault(name, size))
            if times >= MANY_TIMES:
                text = f"the weights of the {name} are {times:,.0f} times as large as at the start. Try lower learning rates"
                worst = _worse(worst, Sign("large weights", text, times >= DIVERGED))
        return worst

    def state(self) -> dict[str, Any]:
        """Return the sizes so far."""
        return {"losses": self._losses, "weights": self._weights}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the sizes."""
        self._losses = {name: list(sizes) for name, sizes in state.get("losses", {}).items()}
        self._weights = dict(state.get("weights", {}))


def _worse(one: Sign | None, two: Sign) -> Sign:
    return two if one is None or (two.severe and not one.severe) else one


@final
class OverfittingWatch:
    """The comparison of the discriminator's scores of training images and of held-out ones.

    A discriminator that has learned its training images by heart gives them higher scores than other real images of the same
    classes (Karras et al. 2020, arXiv:2006.06676, figure 1).

    Args:
        training: training images.
        held_out: real images of the same classes that the discriminator does not see.
    """

    def __init__(self, training: ImageSet, held_out: ImageSet) -> None:
        self._sets = tuple(_some(images) for images in (training, held_out))
        self._epoch = len(training)
        self.in_a_row = 0

    @torch.no_grad()
    def look(self, trainer: Trainer, score_fake: float) -> Sign | None:
        """Score both sets with the discriminator in evaluation mode.

        Args:
            trainer: the trainer, which is not changed.
            score_fake: mean score of the fakes of the last steps.
        """
        if trainer.images_seen < MANY_EPOCHS * self._epoch:
            return None
        mode = trainer.discriminator.training
        trainer.discriminator.eval()
        try:
            of_training, of_held_out = (self._mean_score(trainer, *each) for each in self._sets)
        finally:
            trainer.discriminator.train(mode)
        gap = of_training - score_fake
        lead = (of_training - of_held_out) / gap if gap > LEAST_GAP else 0.0
        self.in_a_row = self.in_a_row + 1 if lead >= LEAD else 0
        if self.in_a_row < COMPARISONS_IN_A_ROW:
            return None
        text = (
            "the discriminator overfits: real images that it has not seen score lower than its training images, by "
            f"{lead:.0%} of the distance to the fakes. Add images, or augment them (--set augmentation.name=adaptive, or the "
            "recipe few-shot)"
        )
        return Sign("overfitting", text)

    def _mean_score(self, trainer: Trainer, images: Tensor, labels: Tensor) -> float:
        total, size = 0.0, trainer.recipe.training.batch_size
        for part, of_part in zip(torch.split(images, size), torch.split(labels, size), strict=True):
            batch = LabelledImages(to_network(part.to(trainer.device)), of_part.to(trainer.device))
            total += float(trainer.objective.score(trainer.discriminator, batch)[0].logits.sum())
        return total / len(images)


BLANK: Final = Sign(
    "blank images",
    "all generated images have one colour: the generator has collapsed. Try lower learning rates "
    "(optimizer.generator_learning_rate, optimizer.discriminator_learning_rate)",
)


def is_blank(images: Picture) -> bool:
    """Return whether each image (n, height, width[, channels]) has, nearly, one colour."""
    flat = images.reshape(len(images), -1, images.shape[3] if images.ndim == 4 else 1).astype(np.int64)
    return bool((np.ptp(flat, axis=1) <= ONE_COLOUR).all())


def poor_classes(varieties: Mapping[str, float], least: float, balance: str = "none") -> Sign | None:
    """Return a sign about classes whose previews have less variety than a share of that of real images.

    Args:
        varieties: variety of each class as a share of that of its real images.
        least: the share.
        balance: the setting `training.balance`.
    """
    poor = {name: share for name, share in varieties.items() if share < least}
    if not poor or len(poor) == len(varieties):
        return None  # all of them are mode collapse, of which the guard takes care
    name = min(poor, key=poor.__getitem__)
    others = f", as {len(poor) - 1} more" if len(poor) > 1 else ""
    cure = "" if balance == "uniform" else ", or show each class equally often (--set training.balance=uniform)"
    return Sign(
        "poor classes",
        f"the previews of class {name} have {poor[name]:.0%} of the variety of its real images{others}. If it has few images, "
        f"add some{cure}",
    )


def _some(images: ImageSet) -> tuple[Tensor, Tensor]:
    """Return at most `COMPARED` images, evenly spread, (n, channels, height, width), and their labels."""
    places = np.linspace(0, len(images) - 1, min(COMPARED, len(images))).round().astype(np.int64)
    channels, height, width = images.shape
    pixels = images.images[places].reshape(len(places), height, width, channels).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(pixels)), torch.from_numpy(images.labels[places])

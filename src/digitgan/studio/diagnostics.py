"""Diagnostics of a run for beginners: findings in the training history, each with an explanation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal, final

from digitgan.recipes import Recipe
from digitgan.training.losses import LOSSES

LOOKED_AT: Final = 10
"""Number of history lines that a diagnostic uses: a twentieth of a run."""

WINNING: Final = 0.9
"""Mean accuracy on real and generated images above which the discriminator is reported as too strong."""

FOOLED: Final = 0.6
"""Mean accuracy below which the discriminator is reported as near chance. Chance level is 0.5."""

EARLY: Final = 0.05
"""Share of a run at its start in which the images are not yet expected to be readable."""


@final
@dataclass(frozen=True)
class Diagnostic:
    """A diagnosis of a run.

    Attributes:
        tone: "good", "note" or "warning".
        title: the diagnosis, in a few words.
        text: the explanation, and what to check or change.
    """

    tone: Literal["good", "note", "warning"]
    title: str
    text: str

    def as_json(self) -> dict[str, str]:
        """Return the diagnostic as JSON values."""
        return {"tone": self.tone, "title": self.title, "text": self.text}


def diagnose(
    history: list[dict[str, Any]], alarms: list[str], images: Any, recipe: Recipe | None, *, failed: bool = False
) -> list[Diagnostic]:
    """Return the diagnostics of a run in its present state.

    Args:
        history: history lines of the run.
        alarms: messages of the guard. The last two become diagnostics.
        images: length of the run in images seen, if known.
        recipe: recipe of the run, if readable.
        failed: whether the run has failed. After alarms, nothing else is then said of its curves.

    Returns:
        The diagnostics; those of the guard come first.
    """
    found = [Diagnostic("warning", "Guard alarm", alarm) for alarm in alarms[-2:]]
    if failed and found:
        stopped = (
            "It went back to an earlier checkpoint, and the same happened again. The model is that of the last checkpoint."
        )
        return [*found, Diagnostic("note", "The guard ended this run", stopped)]
    if not history:
        return [
            *found,
            Diagnostic("note", "No history yet", "The first point of the curves appears after 1/200 of the run."),
        ]
    real, fake = _mean(history, "accuracy_real"), _mean(history, "accuracy_fake")
    paired = recipe is not None and recipe.loss.name in LOSSES and LOSSES[recipe.loss.name].paired
    if real is not None and fake is not None:
        found.append(_of_accuracy(real, fake, paired=paired))
    share = history[-1]["images_seen"] / images if isinstance(images, int) and images > 0 else None
    if share is not None and share < EARLY:
        found.append(
            Diagnostic(
                "note",
                "Early in training",
                "At first, the generator produces blots. In the previews, strokes appear first, then shapes, then digits.",
            )
        )
    swing = _swing(history)
    if swing is not None and swing > 0.5 and (share is None or share > EARLY):
        found.append(
            Diagnostic(
                "note",
                "Generator loss oscillates",
                "This alone does not indicate a problem. The discriminator changes too, so the loss has no fixed target value. "
                "The previews are more informative. If they also change abruptly, lower the learning rates.",
            )
        )
    scale = history[-1].get("learning_rate_scale")
    if isinstance(scale, int | float) and scale < 0.95:
        found.append(
            Diagnostic(
                "note",
                f"Learning rates reduced to {scale:.0%}",
                "Near the end of a run, both networks take smaller steps and the strokes stabilise. This part of the run "
                "sharpens details and changes little else.",
            )
        )
    return found


def _of_accuracy(real: float, fake: float, *, paired: bool) -> Diagnostic:
    right = (real + fake) / 2
    told = f"The discriminator classifies {right:.0%} of the images correctly"
    if paired:
        told = f"The discriminator scores {right:.0%} of the real images above the generated image of the same pair"
    if right > WINNING:
        return Diagnostic(
            "warning",
            "Discriminator too strong",
            f"{told}, because the generated images still differ visibly from real ones. This is normal while the previews "
            "improve. If it persists, the generator gets no useful gradient. In that case, lower the discriminator's learning "
            "rate or strengthen the penalty.",
        )
    if right < FOOLED:
        return Diagnostic(
            "note",
            "Discriminator near chance",
            f"{told}; chance level is 50%. Either the generated images are good, or the discriminator has stopped learning. "
            "Check the previews. If they are poor, raise the discriminator's learning rate or weaken the penalty.",
        )
    return Diagnostic(
        "good",
        "Networks balanced",
        f"{told}, so both networks get a useful gradient. Good runs are in this state most of the time.",
    )


def _numbers(history: list[dict[str, Any]], name: str) -> list[float]:
    values = (line.get(name) for line in history[-LOOKED_AT:])
    return [float(value) for value in values if isinstance(value, int | float) and math.isfinite(value)]


def _mean(history: list[dict[str, Any]], name: str) -> float | None:
    values = _numbers(history, name)
    return sum(values) / len(values) if values else None


def _swing(history: list[dict[str, Any]]) -> float | None:
    """Return the recent range of the generator loss relative to its mean; None if the history is too short."""
    values = _numbers(history, "generator_loss")
    if len(values) < LOOKED_AT:
        return None
    mean = sum(values) / len(values)
    return (max(values) - min(values)) / max(abs(mean), 0.1)

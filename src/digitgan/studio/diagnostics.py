"""What a beginner should notice beside the curves: each remark is a finding in the numbers, in words, with its reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal, final

from digitgan.recipes import Recipe

LOOKED_AT: Final = 10
"""Lines of history of which a remark speaks: a twentieth of a run."""

WINNING: Final = 0.9
"""Share of real and of fake images rightly told from which on the discriminator is said to be winning."""

FOOLED: Final = 0.6
"""Share under which it is said to be fooled: half is guessing."""

EARLY: Final = 0.05
"""Share of the run in which nothing is to be expected yet."""


@final
@dataclass(frozen=True)
class Diagnostic:
    """A finding in words.

    Attributes:
        tone: "good", "note" or "warning".
        title: what is seen, in a few words.
        text: why, and what to look at or to try.
    """

    tone: Literal["good", "note", "warning"]
    title: str
    text: str

    def as_json(self) -> dict[str, str]:
        """As JSON values."""
        return {"tone": self.tone, "title": self.title, "text": self.text}


def diagnose(history: list[dict[str, Any]], alarms: list[str], images: Any, recipe: Recipe | None) -> list[Diagnostic]:
    """What there is to notice in a run as it is.

    Args:
        history: the run's lines.
        alarms: what the guard has found, in its words.
        images: length of the run, where it is known.
        recipe: of the run, where it can be read.
    """
    found = [Diagnostic("warning", "The guard has stepped in", alarm) for alarm in alarms[-2:]]
    if not history:
        return [
            *found,
            Diagnostic("note", "Nothing to see yet", "The first point of the curves comes after a two-hundredth of the run."),
        ]
    real, fake = _mean(history, "accuracy_real"), _mean(history, "accuracy_fake")
    paired = recipe is not None and recipe.loss.name == "relativistic"
    if real is not None and fake is not None:
        found.append(_of_accuracy(real, fake, paired=paired))
    share = history[-1]["images_seen"] / images if isinstance(images, int) and images > 0 else None
    if share is not None and share < EARLY:
        found.append(
            Diagnostic(
                "note",
                "It has only just begun",
                "At first the generator draws blots. Watch the previews: strokes come before shapes, and shapes before digits.",
            )
        )
    swing = _swing(history)
    if swing is not None and swing > 0.5 and (share is None or share > EARLY):
        found.append(
            Diagnostic(
                "note",
                "The generator's loss swings",
                "That is no sign of harm by itself: its opponent changes too, so there is no value it should come to. The "
                "previews tell more. If they jump about as well, lower learning rates calm it.",
            )
        )
    scale = history[-1].get("learning_rate_scale")
    if isinstance(scale, int | float) and scale < 0.95:
        found.append(
            Diagnostic(
                "note",
                f"The learning rates have fallen to {scale:.0%}",
                "Towards the end both networks take smaller steps, so that strokes settle: the last part of a run sharpens "
                "more than it teaches.",
            )
        )
    return found


def _of_accuracy(real: float, fake: float, *, paired: bool) -> Diagnostic:
    right = (real + fake) / 2
    told = f"It tells {right:.0%} of the images rightly"
    if paired:
        told = f"It gives {right:.0%} of the real images a higher score than the drawn one beside it"
    if right > WINNING:
        return Diagnostic(
            "warning",
            "The discriminator is winning",
            f"{told}, because the drawn images still differ in something easy to see. As long as they get better, that is how "
            "the generator learns; if it stays so, the generator has nothing left to learn from. A lower learning rate of the "
            "discriminator, or a stronger penalty, holds it back.",
        )
    if right < FOOLED:
        return Diagnostic(
            "note",
            "The discriminator is all but fooled",
            f"{told}, where guessing would be half. Either the images have become good, or it has stopped learning: look at "
            "the previews. If they are bad, raise its learning rate, or weaken the penalty.",
        )
    return Diagnostic(
        "good",
        "The two are well matched",
        f"{told}, so each still has something to learn from the other. That is what a good run looks like most of the time.",
    )


def _numbers(history: list[dict[str, Any]], name: str) -> list[float]:
    values = (line.get(name) for line in history[-LOOKED_AT:])
    return [float(value) for value in values if isinstance(value, int | float) and math.isfinite(value)]


def _mean(history: list[dict[str, Any]], name: str) -> float | None:
    values = _numbers(history, name)
    return sum(values) / len(values) if values else None


def _swing(history: list[dict[str, Any]]) -> float | None:
    """How far the generator's loss went up and down lately, beside its size."""
    values = _numbers(history, "generator_loss")
    if len(values) < LOOKED_AT:
        return None
    mean = sum(values) / len(values)
    return (max(values) - min(values)) / max(abs(mean), 0.1)

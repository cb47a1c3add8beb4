"""The command that repeats a training of which the speed of the machine chose the length."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from typing import final

from digitgan.options import TrainOptions, arguments_of
from digitgan.recipes import Recipe
from digitgan.session.short_run import batch_for, names_batch


@final
@dataclass(frozen=True)
class Repetition:
    """The options of a training with a budget in minutes, for its repetition with a length in images.

    Attributes:
        options: options of the training.
        recipe: name of the recipe; None if a file or an earlier model gives it.
        whole: recipe before a short run takes smaller batches.
        microbatches: number of microbatches that the options request.
    """

    options: TrainOptions
    recipe: str | None
    whole: Recipe
    microbatches: int

    def command(self, trained: Recipe) -> str:
        """Return the command that repeats the training.

        Args:
            trained: recipe of the training, with its length.
        """
        changed, training, updates = list[str](), trained.training, trained.updates
        if updates.microbatches != self.microbatches:
            changed.append(f"updates.microbatches={updates.microbatches}")
        chosen = self.whole.training.batch_size if names_batch(self.options) else batch_for(self.whole, training.images)
        if chosen != training.batch_size:  # the batch was chosen for the length that was expected before the training
            changed.append(f"training.batch_size={training.batch_size}")
            if updates.generator_batch:
                changed.append(f"updates.generator_batch={updates.generator_batch}")
            if trained.optimizer != self.whole.optimizer:
                changed.append(f"optimizer.generator_learning_rate={trained.optimizer.generator_learning_rate}")
                changed.append(f"optimizer.discriminator_learning_rate={trained.optimizer.discriminator_learning_rate}")
        for steps in ("generator_pretraining", "feature_pretraining"):  # the same holds for these
            if getattr(training, steps) != getattr(self.whole.training, steps):
                changed.append(f"training.{steps}={getattr(training, steps)}")
        settings = (*self.options.settings, *changed)
        repeated = dataclasses.replace(
            self.options, recipe=self.recipe, settings=settings, minutes=None, images=training.images, out=None, overwrite=False
        )
        return shlex.join(["digitgan", "train", *arguments_of(repeated)])

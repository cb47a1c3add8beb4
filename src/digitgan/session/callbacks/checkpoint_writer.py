"""Saving: checkpoints and numbered models when they are due, and the model when the training ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

from digitgan.model.file import Model, save_model
from digitgan.runs import RunFolder
from digitgan.session.callbacks.base import Callback
from digitgan.training import CheckpointDue, Ended, Event, NoiseSource, SnapshotDue, Trainer, save_checkpoint
from digitgan.training.noise import CALIBRATION_BATCHES


@final
class CheckpointWriter(Callback):
    """Writes checkpoints, with the state of the other callbacks, numbered models, and at the end the model."""

    def __init__(
        self,
        run: RunFolder,
        noise_source: NoiseSource,
        others: Mapping[str, Callback],
        class_names: tuple[str, ...],
        card: Callable[[Trainer], dict[str, Any]],
    ) -> None:
        self.run = run
        self.noise_source = noise_source
        self.others = others
        self.class_names = class_names
        self.card = card

    def on_event(self, event: Event) -> None:
        """Save what is due."""
        if isinstance(event, CheckpointDue):
            states = {name: callback.state() for name, callback in self.others.items()}
            save_checkpoint(self.run.checkpoints, event.trainer, states)
        elif isinstance(event, SnapshotDue):
            save_model(self.run.snapshot(event.trainer.images_seen), self.model(event.trainer))
        elif isinstance(event, Ended):
            save_model(self.run.model, self.model(event.trainer))

    def model(self, trainer: Trainer, chunks: int = CALIBRATION_BATCHES) -> Model:
        """The model that the trainer is now, with its card; its batch-norm statistics are of so many chunks of images."""
        generator = trainer.ema.drawn_from(self.noise_source.calibration_batches(chunks))
        return Model(generator, trainer.recipe, self.class_names, self.card(trainer))

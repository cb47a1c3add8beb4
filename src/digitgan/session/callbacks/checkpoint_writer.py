"""The callback that writes checkpoints, snapshots of the model and the final model."""

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
    """A callback that writes checkpoints with the states of the other callbacks, snapshots and the final model."""

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
        """Write the checkpoint or model that is due."""
        if isinstance(event, CheckpointDue):
            states = {name: callback.state() for name, callback in self.others.items()}
            save_checkpoint(self.run.checkpoints, event.trainer, states)
        elif isinstance(event, SnapshotDue):
            save_model(self.run.snapshot(event.trainer.images_seen), self.model(event.trainer))
        elif isinstance(event, Ended):
            save_model(self.run.model, self.model(event.trainer))

    def model(self, trainer: Trainer, chunks: int = CALIBRATION_BATCHES) -> Model:
        """Return the current model with its card; its batch-norm statistics come from this number of chunks of images."""
        generator = trainer.ema.drawn_from(self.noise_source.calibration_batches(chunks))
        return Model(generator, trainer.recipe, self.class_names, self.card(trainer))

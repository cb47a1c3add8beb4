"""Saving: checkpoints and numbered models when they are due, and the model when the training ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

from digitgan.model.file import Model, save_model
from digitgan.runs import RunFolder
from digitgan.session.callbacks.base import Observer
from digitgan.training import CheckpointDue, Draws, Ended, Event, Game, SnapshotDue, save_checkpoint
from digitgan.training.noise import SETTLING_PORTIONS


@final
class Saving(Observer):
    """Writes checkpoints, with the state of the other observers, numbered models, and at the end the model."""

    def __init__(
        self,
        run: RunFolder,
        draws: Draws,
        others: Mapping[str, Observer],
        class_names: tuple[str, ...],
        card: Callable[[Game], dict[str, Any]],
    ) -> None:
        self.run = run
        self.draws = draws
        self.others = others
        self.class_names = class_names
        self.card = card

    def see(self, event: Event) -> None:
        """Save what is due."""
        if isinstance(event, CheckpointDue):
            states = {name: observer.state() for name, observer in self.others.items()}
            save_checkpoint(self.run.checkpoints, event.game, states)
        elif isinstance(event, SnapshotDue):
            save_model(self.run.snapshot(event.game.images_seen), self.model(event.game))
        elif isinstance(event, Ended):
            save_model(self.run.model, self.model(event.game))

    def model(self, game: Game, portions: int = SETTLING_PORTIONS) -> Model:
        """The model that the game is now, with its card; its batch-norm statistics are of so many portions of images."""
        generator = game.ema.drawn_from(self.draws.settling(portions))
        return Model(generator, game.recipe, self.class_names, self.card(game))

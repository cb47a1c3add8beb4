"""Saving: checkpoints when they are due, and the model when the training ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

from digitgan.model import Model, save_model
from digitgan.observers.interface import Observer
from digitgan.runs import RunFolder
from digitgan.training import CheckpointDue, Draws, Ended, Event, Game, save_checkpoint, settle


@final
class Saving(Observer):
    """Writes checkpoints, with the state of the other observers, and at the end the model."""

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
        elif isinstance(event, Ended):
            save_model(self.run.model, self._model(event.game))

    def _model(self, game: Game) -> Model:
        generator = settle(game.ema.generator, self.draws.settling())
        return Model(generator, game.recipe, self.class_names, self.card(game))

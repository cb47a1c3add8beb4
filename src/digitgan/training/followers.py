"""How the ranks of a training keep one trainer: the leader hands its own over, and the others play along."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes

from digitgan.data import Batches
from digitgan.errors import RankError
from digitgan.training.checkpoint import set_trainer_tensors, trainer_tensors
from digitgan.training.noise import NoiseSource
from digitgan.training.ranks import RankCommand
from digitgan.training.trainer import Trainer


def hand_over(trainer: Trainer) -> None:
    """Give the leader's game to all ranks: where it begins, after a checkpoint was restored, after a rollback."""
    if trainer.ranks is not None:
        trainer.ranks.send(RankCommand.TAKE_OVER)
        _hand_over(trainer)


@contextlib.contextmanager
def leading(trainer: Trainer) -> Iterator[None]:
    """Hand the trainer over to the other ranks, if there are any; when the context is left, they are told that it is over.

    In the middle of a step they are not, since they would take the message for a gradient; they notice when this process ends.
    """
    hand_over(trainer)
    try:
        yield
    except BaseException:
        with contextlib.suppress(RankError):  # they may be what was lost
            _dismiss(trainer)
        raise
    _dismiss(trainer)


def follow(trainer: Trainer, batches: Batches, noise_source: NoiseSource) -> None:
    """Do what the leader says, until it says that it is over; game, batches and draws are as its own."""
    ranks = trainer.ranks
    assert ranks is not None
    while (order := ranks.receive()) != RankCommand.END:
        if order == RankCommand.TAKE_OVER:
            _hand_over(trainer)
        else:
            trainer.step(batches.at(trainer.images_seen), noise_source.at(trainer.images_seen, trainer.attempts))


def _hand_over(trainer: Trainer) -> None:
    assert trainer.ranks is not None
    leads = trainer.ranks.leads
    place = trainer.ranks.hand_out(json.dumps([trainer.images_seen, trainer.rollbacks]).encode() if leads else b"")
    tensors = trainer.ranks.hand_out(tensors_to_bytes(trainer_tensors(trainer)) if leads else b"")
    if not leads:
        trainer.images_seen, trainer.rollbacks = json.loads(place)
        if not set_trainer_tensors(trainer, tensors_from_bytes(tensors)):
            raise RankError(
                "this process was given networks of another recipe than the first one's; start all with one version"
            )


def _dismiss(trainer: Trainer) -> None:
    if trainer.ranks is not None and not trainer.ranks.in_step:
        trainer.ranks.send(RankCommand.END)

"""Synchronisation of the trainer across ranks: the leader broadcasts its state, and the others follow."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator

from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes

from digitgan.data import Batches
from digitgan.errors import RankError
from digitgan.networks import ImageSpec
from digitgan.training.checkpoint import set_trainer_tensors, trainer_tensors
from digitgan.training.noise import NoiseSource
from digitgan.training.ranks import RankCommand
from digitgan.training.trainer import Trainer


def broadcast_trainer(trainer: Trainer) -> None:
    """Broadcast the trainer of the leader to all ranks: at the start, after a restored checkpoint, after a rollback."""
    if trainer.ranks is not None:
        trainer.ranks.send(RankCommand.TAKE_OVER)
        _broadcast_trainer(trainer)


@contextlib.contextmanager
def leading(trainer: Trainer) -> Iterator[None]:
    """Broadcast the trainer to the other ranks, and end them when the context exits.

    In the middle of a step, the other ranks would read the command as a gradient. They are not told then; they notice the end
    of this process.
    """
    broadcast_trainer(trainer)
    try:
        yield
    except BaseException:
        with contextlib.suppress(RankError):  # another rank may be lost
            _end_followers(trainer)
        raise
    _end_followers(trainer)


def follow(trainer: Trainer, batches: Batches, noise_source: NoiseSource) -> None:
    """Execute the commands of the leader until it ends the training; the arguments equal those of the leader."""
    ranks = trainer.ranks
    assert ranks is not None
    while (order := ranks.receive()) != RankCommand.END:
        if order == RankCommand.TAKE_OVER:
            _broadcast_trainer(trainer)
        elif order == RankCommand.STEP:
            trainer.step(batches.at(trainer.images_seen), noise_source.at(trainer.images_seen, trainer.attempts))


def _broadcast_trainer(trainer: Trainer) -> None:
    assert trainer.ranks is not None
    leads = trainer.ranks.leads
    own = json.dumps([trainer.images_seen, trainer.rollbacks, dataclasses.asdict(trainer.spec)])
    place = trainer.ranks.broadcast(own.encode() if leads else b"")
    tensors = trainer.ranks.broadcast(tensors_to_bytes(trainer_tensors(trainer)) if leads else b"")
    if not leads:
        images_seen, trainer.rollbacks, shape = json.loads(place)
        if (spec := ImageSpec(**shape)) != trainer.spec:
            trainer.begin(spec)
        trainer.images_seen = images_seen
        if not set_trainer_tensors(trainer, tensors_from_bytes(tensors)):
            raise RankError(
                "the networks of the first process belong to another recipe; start all processes with the same version"
            )
        trainer.grow()


def _end_followers(trainer: Trainer) -> None:
    if trainer.ranks is not None and not trainer.ranks.in_step:
        trainer.ranks.send(RankCommand.END)

"""How the ranks of a training keep one game: the leader hands its own over, and the others play along."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes

from digitgan.data import Batches
from digitgan.errors import RankError
from digitgan.training.checkpoint import game_tensors, set_game_tensors
from digitgan.training.noise import Draws
from digitgan.training.ranks import Order
from digitgan.training.trainer import Game


def hand_over(game: Game) -> None:
    """Give the leader's game to all ranks: where it begins, after a checkpoint was restored, after a rollback."""
    if game.ranks is not None:
        game.ranks.order(Order.TAKE_OVER)
        _hand_over(game)


@contextlib.contextmanager
def leading(game: Game) -> Iterator[None]:
    """Hand the game over to the other ranks, if there are any; when the context is left, they are told that it is over.

    In the middle of a step they are not, since they would take the message for a gradient; they notice when this process ends.
    """
    hand_over(game)
    try:
        yield
    except BaseException:
        with contextlib.suppress(RankError):  # they may be what was lost
            _dismiss(game)
        raise
    _dismiss(game)


def follow(game: Game, batches: Batches, draws: Draws) -> None:
    """Do what the leader says, until it says that it is over; game, batches and draws are as its own."""
    ranks = game.ranks
    assert ranks is not None
    while (order := ranks.ordered()) != Order.END:
        if order == Order.TAKE_OVER:
            _hand_over(game)
        else:
            game.step(batches.at(game.images_seen), draws.at(game.images_seen, game.tries))


def _hand_over(game: Game) -> None:
    assert game.ranks is not None
    leads = game.ranks.leads
    place = game.ranks.hand_out(json.dumps([game.images_seen, game.rollbacks]).encode() if leads else b"")
    tensors = game.ranks.hand_out(tensors_to_bytes(game_tensors(game)) if leads else b"")
    if not leads:
        game.images_seen, game.rollbacks = json.loads(place)
        if not set_game_tensors(game, tensors_from_bytes(tensors)):
            raise RankError(
                "this process was given networks of another recipe than the first one's; start all with one version"
            )


def _dismiss(game: Game) -> None:
    if game.ranks is not None and not game.ranks.in_step:
        game.ranks.order(Order.END)

"""Training: the rules of the game, one step of it, the loop, and the state it can be resumed from."""

from digitgan.training.checkpoint import checkpoints, restore_checkpoint, save_checkpoint, sweep
from digitgan.training.control import Control
from digitgan.training.ema import settle
from digitgan.training.events import (
    CheckpointDue,
    Ended,
    EvaluationDue,
    Event,
    PreviewDue,
    RollbackDue,
    SnapshotDue,
    Stepped,
)
from digitgan.training.followers import follow, hand_over, leading
from digitgan.training.loop import play
from digitgan.training.noise import Draws
from digitgan.training.pretraining import StopInPretrainingError, pretrain
from digitgan.training.ranks import Ranks, join_ranks
from digitgan.training.trainer import Game, StepReport

__all__ = [
    "CheckpointDue",
    "Control",
    "Draws",
    "Ended",
    "EvaluationDue",
    "Event",
    "Game",
    "PreviewDue",
    "Ranks",
    "RollbackDue",
    "SnapshotDue",
    "StepReport",
    "Stepped",
    "StopInPretrainingError",
    "checkpoints",
    "follow",
    "hand_over",
    "join_ranks",
    "leading",
    "play",
    "pretrain",
    "restore_checkpoint",
    "save_checkpoint",
    "settle",
    "sweep",
]

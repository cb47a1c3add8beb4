"""Training: the objective, the trainer, the training loop, and checkpoints."""

from digitgan.training.checkpoint import checkpoints, restore_checkpoint, save_checkpoint, sweep
from digitgan.training.control import Control
from digitgan.training.ema import recalibrate_batchnorm
from digitgan.training.followers import follow, hand_over, leading
from digitgan.training.loop import (
    CheckpointDue,
    Ended,
    EvaluationDue,
    Event,
    PreviewDue,
    RollbackDue,
    SnapshotDue,
    Stepped,
    train_loop,
)
from digitgan.training.noise import NoiseSource
from digitgan.training.pretraining import StopInPretrainingError, pretrain
from digitgan.training.ranks import Ranks, join_ranks
from digitgan.training.trainer import StepReport, Trainer

__all__ = [
    "CheckpointDue",
    "Control",
    "Ended",
    "EvaluationDue",
    "Event",
    "NoiseSource",
    "PreviewDue",
    "Ranks",
    "RollbackDue",
    "SnapshotDue",
    "StepReport",
    "Stepped",
    "StopInPretrainingError",
    "Trainer",
    "checkpoints",
    "follow",
    "hand_over",
    "join_ranks",
    "leading",
    "pretrain",
    "recalibrate_batchnorm",
    "restore_checkpoint",
    "save_checkpoint",
    "sweep",
    "train_loop",
]

"""Training: the objective, the trainer, the training loop, and checkpoints."""

from digitgan.training.checkpoint import checkpoints, remove_unfinished_checkpoints, restore_checkpoint, save_checkpoint
from digitgan.training.control import Control
from digitgan.training.ema import recalibrate_batchnorm
from digitgan.training.followers import broadcast_trainer, follow, leading
from digitgan.training.loop import (
    CheckpointDue,
    Due,
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
from digitgan.training.pretraining import StopInPretrainingError, check_stop_request, pretrain
from digitgan.training.ranks import Ranks, join_ranks
from digitgan.training.trainer import StepReport, Trainer

__all__ = [
    "CheckpointDue",
    "Control",
    "Due",
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
    "broadcast_trainer",
    "check_stop_request",
    "checkpoints",
    "follow",
    "join_ranks",
    "leading",
    "pretrain",
    "recalibrate_batchnorm",
    "remove_unfinished_checkpoints",
    "restore_checkpoint",
    "save_checkpoint",
    "train_loop",
]

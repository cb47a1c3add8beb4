"""Those who watch a training: they see the loop's events, show, record and save, and never reach into the trainer."""

from digitgan.session.callbacks.base import Callback
from digitgan.session.callbacks.checkpoint_writer import CheckpointWriter
from digitgan.session.callbacks.curves import plot
from digitgan.session.callbacks.evaluation import EvaluationCallback
from digitgan.session.callbacks.guard import Guard
from digitgan.session.callbacks.history import History
from digitgan.session.callbacks.previews import Previews, animate
from digitgan.session.callbacks.progress import LiveProgress, NoProgress, PlainProgress, ProgressCallback
from digitgan.session.callbacks.tensorboard import TensorBoard, check_tensorboard

__all__ = [
    "Callback",
    "CheckpointWriter",
    "EvaluationCallback",
    "Guard",
    "History",
    "LiveProgress",
    "NoProgress",
    "PlainProgress",
    "Previews",
    "ProgressCallback",
    "TensorBoard",
    "animate",
    "check_tensorboard",
    "plot",
]

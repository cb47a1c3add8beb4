"""The callbacks of a training: they receive the events of the loop, and display, record and save."""

from digitgan.session.callbacks.base import Callback
from digitgan.session.callbacks.checkpoint_writer import CheckpointWriter
from digitgan.session.callbacks.evaluation import EvaluationCallback
from digitgan.session.callbacks.guard import Guard
from digitgan.session.callbacks.history import History
from digitgan.session.callbacks.previews import Previews
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
    "check_tensorboard",
]

"""Those who watch a training: they see the loop's events, show, record and save, and never reach into the game."""

from digitgan.session.callbacks.base import Observer
from digitgan.session.callbacks.checkpoint_writer import Saving
from digitgan.session.callbacks.curves import plot
from digitgan.session.callbacks.evaluation import Scores
from digitgan.session.callbacks.guard import Guard
from digitgan.session.callbacks.history import History
from digitgan.session.callbacks.previews import Previews, animate
from digitgan.session.callbacks.progress import LiveProgress, NoProgress, PlainProgress, ProgressObserver
from digitgan.session.callbacks.tensorboard import TensorBoard, check_tensorboard

__all__ = [
    "Guard",
    "History",
    "LiveProgress",
    "NoProgress",
    "Observer",
    "PlainProgress",
    "Previews",
    "ProgressObserver",
    "Saving",
    "Scores",
    "TensorBoard",
    "animate",
    "check_tensorboard",
    "plot",
]

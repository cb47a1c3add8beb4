"""Those who watch a training: they see the loop's events, show, record and save, and never reach into the game."""

from digitgan.observers.curves import plot
from digitgan.observers.guard import Guard
from digitgan.observers.history import History
from digitgan.observers.interface import Observer
from digitgan.observers.previews import Previews, animate
from digitgan.observers.progress import LiveProgress, NoProgress, PlainProgress, ProgressObserver
from digitgan.observers.saving import Saving
from digitgan.observers.scores import Scores
from digitgan.observers.tensorboard import TensorBoard, check_tensorboard

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

"""Fixtures of the session: plans of ten steps on the digits, their execution, and actions in the middle of it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from digitgan.data import DataRequest, ImageSet
from digitgan.recipes import Recipe, with_settings
from digitgan.runs import RunFolder
from digitgan.session import session
from digitgan.session.plan import TrainPlan
from digitgan.session.session import TrainingResult, run_training
from digitgan.training import Control, Stepped

NewPlan = Callable[..., TrainPlan]
When = Callable[..., None]


@pytest.fixture
def new_plan(small_recipe: Recipe, digits: ImageSet, tmp_path: Path) -> NewPlan:
    """Return a function that makes plans of ten steps into `tmp_path / NAME`, with a checkpoint at every fifth step."""

    def make(*settings: str, name: str = "run", **changes: Any) -> TrainPlan:
        # To recompute the batch-norm statistics of every preview and model would take longer than the ten steps.
        usual = ["ema.statistics=running", "training.checkpoints=2", "training.previews=5"]
        recipe = with_settings(small_recipe, [*usual, *settings])
        device, run = torch.device("cpu"), RunFolder(tmp_path / name)
        plan = TrainPlan(recipe, digits, digits, DataRequest("digits"), 0, device, 1, run, resumed=False, overwrite=False)
        return dataclasses.replace(plan, **changes)

    return make


def execute(plan: TrainPlan, control: Control | None = None) -> tuple[TrainingResult, str]:
    """Execute a plan; return the result and the text on the console."""
    console = Console(file=io.StringIO(), width=1000)
    result = run_training(plan, console, "none", Control() if control is None else control)
    return result, console.file.getvalue()  # type: ignore[attr-defined]


def resume(plan: TrainPlan, control: Control | None = None) -> tuple[TrainingResult, str]:
    """Execute a plan that continues its run."""
    return execute(dataclasses.replace(plan, resumed=True), control)


def contents(run: RunFolder) -> dict[str, bytes]:
    """Return the content of every file of a run, by path."""
    return {str(path.relative_to(run.path)): path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


@pytest.fixture
def no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the plot of the curves, which takes as long as a training of ten steps, by an empty file."""
    monkeypatch.setattr(session, "plot", lambda run, path: path.touch())


@pytest.fixture
def when(monkeypatch: pytest.MonkeyPatch) -> When:
    """Return a function that arranges an action for the time when a callback receives an event.

    The action gets the callback. It happens at the first event of a class at a number of images seen, or at the first `times`.
    """

    def arrange(callback: type, event: type, images_seen: int, action: Callable[[Any], object], times: int = 1) -> None:
        original, left = callback.on_event, iter(range(times))  # type: ignore[attr-defined]

        def on_event(self: Any, received: Any) -> None:
            if isinstance(received, event):
                seen = received.report.images_seen if isinstance(received, Stepped) else received.trainer.images_seen
                if seen == images_seen and next(left, None) is not None:
                    action(self)
            original(self, received)

        monkeypatch.setattr(callback, "on_event", on_event)

    return arrange

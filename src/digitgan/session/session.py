"""A training session: executes a plan, with callbacks around the training loop."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import html
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
from PIL import Image
from rich.console import Console

from digitgan.errors import DivergenceError, OutOfMemoryError, naming_out_of_memory
from digitgan.evaluation import report_paths
from digitgan.images import enlarged, inline_png
from digitgan.runs import RunFolder, locked, new_run, remove_temporary_files
from digitgan.session.account import CLASSIFIER
from digitgan.session.callbacks import Callback, Previews, ProgressCallback, TensorBoard
from digitgan.session.callbacks.displays import progress_callback
from digitgan.session.callbacks.lab import Lab
from digitgan.session.callbacks.previews import animate
from digitgan.session.callbacks.progress import ProgressKind, console_printer
from digitgan.session.components import TrainingComponents, build_trainer
from digitgan.session.plan import TrainPlan
from digitgan.session.plots import plot
from digitgan.session.recovery import resume, roll_back
from digitgan.session.time_budget import OpenLength
from digitgan.training import (
    CheckpointDue,
    Control,
    Event,
    RollbackDue,
    Stepped,
    StopInPretrainingError,
    Trainer,
    follow,
    leading,
    train_loop,
)

MAX_EVALUATION_SHARE = 0.1
"""Share of the training time above which the time of the evaluations is reported."""

LEAST_EVALUATION_SECONDS = 10.0
"""Time of the evaluations, in seconds, up to which it is not reported."""


@final
@dataclass(frozen=True)
class TrainingResult:
    """The result of a training.

    Attributes:
        run: folder of the run.
        model: model file in the folder.
        images_seen: number of images seen.
        seconds: training time, including earlier sessions.
        finished: False if the training was stopped before its end.
        rollbacks: number of rollbacks by the guard.
        warnings: warnings of the guard.
        plan: plan of the training, with its length in images.
    """

    run: Path
    model: Path
    images_seen: int
    seconds: float
    finished: bool
    rollbacks: int
    warnings: tuple[str, ...] = ()
    plan: TrainPlan | None = field(default=None, repr=False, compare=False)

    def _repr_html_(self) -> str:
        """Return the result for a notebook: its facts, and the last preview."""
        state = "finished" if self.finished else "stopped"
        facts = f"{self.run}: {self.images_seen:,} images in {self.seconds:.1f} s, {state}"
        previews = RunFolder(self.run).preview_files()
        picture = inline_png(enlarged(np.asarray(Image.open(previews[-1])), 2)) if previews else ""
        return f"<p>{html.escape(facts)}</p>{picture}"


def run_training(plan: TrainPlan, console: Console, progress: ProgressKind, control: Control) -> TrainingResult:
    """Execute a training plan with its callbacks.

    Args:
        plan: result of `plan_training`.
        console: console of the progress display.
        progress: kind of the progress display.
        control: stops the training early on request; the run can then be resumed.

    Raises:
        DivergenceError: if the training diverges or collapses more often than the recipe allows rollbacks; the model of the
            last healthy checkpoint is kept.
        RankError: if another process of the training is lost.
        DigitganError: if the run's folder cannot be used or written, or another process is training in it.
    """
    if plan.ranks is not None:
        plan.ranks.stop_together(control)
    if plan.follows:
        trainer, batches, noise_source = build_trainer(plan)
        follow(trainer, batches, noise_source)  # nothing is written
        return _result(plan, trainer, 0.0)
    with locked(plan.run):
        before = plan.run.read_record() if plan.resumed else {}
        if plan.resumed:
            remove_temporary_files(plan.run)
        else:
            new_run(plan.run.path, overwrite=plan.overwrite)
        return TrainingSession(plan, console, progress, control, before).run()


@final
class TrainingSession:
    """The execution of a training plan.

    Args:
        plan: plan of the training; the run's folder exists.
        console: console of the progress display.
        progress: kind of the progress display.
        control: control that may stop the training.
        record: record of the run from earlier sessions.
    """

    def __init__(
        self, plan: TrainPlan, console: Console, progress: ProgressKind, control: Control, record: dict[str, Any]
    ) -> None:
        self.plan = plan
        self.console = console
        self.progress = progress
        self.control = control
        self.notify = console_printer(console)
        with naming_out_of_memory(str(plan.run.path), "take a smaller batch, smaller images or another recipe"):
            self.components = TrainingComponents(plan, control, self.notify, record)

    def run(self) -> TrainingResult:
        """Train to the end or to a stop; then write the curves and the animation.

        Raises:
            DivergenceError: see `run_training`.
            OutOfMemoryError: if the memory is full. The last checkpoint is intact.
        """
        cure = (
            "what is saved is complete. Continue with --resume after freeing memory, or start with a smaller batch (--set "
            "training.batch_size), more microbatches (--set updates.microbatches) or smaller images (--size)"
        )
        try:
            with naming_out_of_memory(str(self.plan.run.path), cure):
                return self._run()
        except OutOfMemoryError:
            with contextlib.suppress(MemoryError, OSError):
                self.plan.run.write_recipe(self.plan.recipe)  # so that the run can be resumed
                self.components.record.write("stopped", diagnosis="the memory was full")
            raise

    def _run(self) -> TrainingResult:
        plan, components = self.plan, self.components
        plan.account.end("networks")
        try:
            if plan.resumed:
                resume(components)
                components.prepare_evaluation()
            else:
                components.prepare_evaluation()
                if components.evaluation is not None:
                    plan.account.end(CLASSIFIER)
                components.begin()
        except StopInPretrainingError:
            plan.run.write_recipe(plan.recipe)
            components.record.write("stopped")  # without a checkpoint: --resume starts again
            with leading(components.trainer):
                return _result(plan, components.trainer, components.history.seconds)
        plan.run.write_recipe(plan.recipe)
        try:
            with contextlib.suppress(StopInPretrainingError):  # a stop after a rollback to the beginning
                self._train()
        except DivergenceError:
            _draw_pictures(plan.run)
            raise
        plan.account.end("training")
        result = _result(self.plan, components.trainer, components.history.seconds)
        result = dataclasses.replace(result, warnings=tuple(components.guard.warnings.values()))
        components.record.write("finished" if result.finished else "stopped")
        self._report_evaluation_time()
        _draw_pictures(plan.run)
        plan.account.end("pictures")
        self._note_old_report()
        return result

    def _train(self) -> None:
        """Run the loop and pass its events to the callbacks; roll back after an alarm."""
        components = self.components
        recipe, trainer = self.plan.recipe, components.trainer
        previews = Previews(
            self.plan.run,
            components.noise_source,
            lambda path: display.notice(path),
            recipe.training.grid,
            components.guard.check_preview,
        )
        components.record.preview_sha256 = previews.checksums()
        components.record.write("training")
        self.plan.account.end("pretraining")
        draw = functools.partial(previews.first_row, trainer)
        display = progress_callback(self.progress, self.console, recipe, trainer.images_seen, draw)
        callbacks = self._callbacks(previews, display)
        with display, leading(components.trainer):
            if self.plan.open_length is not None:
                self.plan.open_length.begin(components.history.seconds)
            for event in train_loop(components.trainer, components.batches, components.noise_source, self.control):
                if not isinstance(event, Stepped):
                    self.plan.run.check_is_there()
                self._pass_on(event, callbacks)
                if isinstance(event, Stepped) and self.plan.open_length is not None and self.control.alarm is None:
                    self._decide_length(self.plan.open_length, callbacks)
                if isinstance(event, RollbackDue):
                    roll_back(components, event.alarm)

    def _pass_on(self, event: Event, callbacks: list[Callback]) -> None:
        """Pass an event to the callbacks, until one of them raises an alarm."""
        for callback in callbacks:
            callback.on_event(event)
            if self.control.alarm is not None:
                break

    def _decide_length(self, open_length: OpenLength, callbacks: list[Callback]) -> None:
        """Decide the length of the run if it is time; the recipe in the run's folder then has it."""
        trainer = self.components.trainer
        images = open_length.after_step(trainer.recipe, trainer.images_seen, self.components.history.seconds)
        if images is None:
            return
        # A run that is resumed from here has the same previews and the same history as one that was not interrupted.
        self._pass_on(CheckpointDue(trainer), callbacks)
        if self.control.alarm is not None:
            return  # the length is decided after the rollback
        self.plan = self.plan.decided(images)
        self.components.take_over(self.plan)
        for callback in callbacks:
            callback.length_decided(self.plan.recipe)
        self.plan.run.write_recipe(self.plan.recipe)
        self.components.record.write("training")
        self.notify(self.plan.about_length())

    def _callbacks(self, previews: Previews, display: ProgressCallback) -> list[Callback]:
        plan, components = self.plan, self.components
        evaluation = [components.evaluation] if components.evaluation is not None else []
        board = [TensorBoard(plan.run, plan.recipe, components.trainer.images_seen)] if plan.tensorboard else []
        # The guard comes first, so that an unhealthy state is neither shown nor saved.
        lab = Lab(
            plan.run,
            components.trainer,
            components.batches,
            components.noise_source,
            self.control,
            components.guard,
            plan.image_set.class_names,
            components.history.skip_since_last_event,
            may_wait=plan.ranks is None,
        )
        return [components.guard, components.history, previews, *evaluation, *board, display, components.writer, lab]

    def _note_old_report(self) -> None:
        """Notify of a report of an earlier model of this run."""
        path, page = report_paths(self.plan.run.path)
        try:
            described = json.loads(path.read_text(encoding="utf-8"))["source"]["images_seen"]
        except (OSError, ValueError, KeyError, TypeError):
            return
        if isinstance(described, int) and described != self.components.trainer.images_seen:
            self.notify(
                f"{page}: describes an earlier model, at {described:,} images seen; run digitgan evaluate {self.plan.run.path}"
            )

    def _report_evaluation_time(self) -> None:
        evaluation, seconds = self.components.evaluation, self.components.history.seconds
        least = max(MAX_EVALUATION_SHARE * seconds, LEAST_EVALUATION_SECONDS)
        if evaluation is not None and len(evaluation.lines) > 1 and evaluation.seconds > least:
            spent = f"{evaluation.seconds:.0f} s, beside {seconds:.0f} s of training"
            self.notify(f"the evaluations took {spent}; a larger --evaluate-every makes fewer")


def _result(plan: TrainPlan, trainer: Trainer, seconds: float) -> TrainingResult:
    finished = trainer.images_seen >= plan.recipe.training.images
    rollbacks = len(trainer.rollbacks)
    return TrainingResult(plan.run.path, plan.run.model, trainer.images_seen, seconds, finished, rollbacks, plan=plan)


def _draw_pictures(run: RunFolder) -> None:
    if run.preview_files():
        animate(run, run.animation)
    if any(run.read_history()):
        plot(run, run.curves)

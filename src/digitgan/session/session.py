"""A training session: executes a plan, with callbacks around the training loop."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from rich.console import Console

from digitgan.data import Batches
from digitgan.errors import CheckpointError, DivergenceError, RunError
from digitgan.evaluation import classifier_for
from digitgan.model.file import save_model
from digitgan.runs import locked, new_run, sweep_run
from digitgan.session.callbacks import (
    Callback,
    CheckpointWriter,
    EvaluationCallback,
    Guard,
    History,
    Previews,
    TensorBoard,
)
from digitgan.session.callbacks.previews import animate
from digitgan.session.callbacks.progress import ProgressKind, console_printer, progress_callback
from digitgan.session.plan import TrainPlan
from digitgan.session.plots import plot
from digitgan.training import (
    Control,
    NoiseSource,
    RollbackDue,
    Stepped,
    StopInPretrainingError,
    Trainer,
    checkpoints,
    follow,
    hand_over,
    leading,
    pretrain,
    restore_checkpoint,
    sweep,
    train_loop,
)

MAX_SCORING = 0.1
"""Share of the training time above which the time of the evaluations is reported."""


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
    """

    run: Path
    model: Path
    images_seen: int
    seconds: float
    finished: bool
    rollbacks: int


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
        return _followed(plan)
    with locked(plan.run):
        before = plan.run.read_record() if plan.resumed else {}
        if plan.resumed:
            sweep_run(plan.run)
        else:
            new_run(plan.run.path, overwrite=plan.overwrite)
        session = TrainingSession(plan, console, progress, control, before)
        session.run()
        return session.result()


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
        recipe = plan.recipe
        self.plan = plan
        self.control = control
        self.notify = console_printer(console)
        self.trainer, self.batches, self.noise_source = _set_up(plan)
        self.alarms: list[dict[str, Any]] = list(record.get("rollbacks", []))
        self.trainer.rollbacks = [alarm["to"] for alarm in self.alarms]
        self.pretraining: dict[str, Any] = record.get("pretraining", {})
        self.earlier_arithmetic: list[dict[str, Any]] = list(record.get("earlier_arithmetic", []))
        self.arithmetic_before: dict[str, Any] | None = record.get("arithmetic")

        self.guard = Guard(recipe, control, plan.image_set)
        self.history = History(plan.run, recipe, self.batches.images_an_epoch)
        control.when_woken = self.history.stood_still
        self.stateful: dict[str, Callback] = {"history": self.history, "guard": self.guard}
        saving = CheckpointWriter(plan.run, self.noise_source, self.stateful, plan.image_set.class_names, self.card)
        self.scores: EvaluationCallback | None = None
        if recipe.training.evaluate_every:
            known = classifier_for(plan.labelled, self.notify)
            self.scores = EvaluationCallback(plan.run, known.classifier, plan.labelled, saving.model)
            self.stateful["scores"] = self.scores
        self.stopped_early = False
        try:
            if plan.resumed:
                self._resume()
            else:
                self._begin()
        except StopInPretrainingError:
            self.stopped_early = True
        self.display = progress_callback(progress, console, plan.recipe, self.trainer.images_seen)
        self.history.epoch_ended = self.display.epoch_ended
        previews = Previews(plan.run, self.noise_source, self.display.notice, recipe.training.grid, self.guard.inspect)
        # The guard comes first, so that an unhealthy state is neither shown nor saved.
        scores = [self.scores] if self.scores is not None else []
        board = [TensorBoard(plan.run, recipe, self.trainer.images_seen)] if plan.tensorboard else []
        self.callbacks: list[Callback] = [self.guard, self.history, previews, *scores, *board, self.display, saving]
        self.saving = saving

    def run(self) -> None:
        """Train to the end or to a stop; then write the curves and the animation."""
        run = self.plan.run
        run.write_recipe(self.plan.recipe)
        if self.stopped_early:
            self._write_record("stopped")  # stopped in pretraining, without a checkpoint: --resume starts again
            with leading(self.trainer):
                return
        self._write_record("training")
        with self.display, leading(self.trainer):
            for event in train_loop(self.trainer, self.batches, self.noise_source, self.control):
                if not isinstance(event, Stepped):
                    run.check_is_there()
                for callback in self.callbacks:
                    callback.on_event(event)
                    if self.control.alarm is not None:
                        break
                if isinstance(event, RollbackDue):
                    self._roll_back(event.alarm)
        finished = self.trainer.images_seen >= self.plan.recipe.training.images
        self._write_record("finished" if finished else "stopped")
        if self.scores is not None and len(self.scores.lines) > 1 and self.scores.seconds > MAX_SCORING * self.history.seconds:
            share = self.scores.seconds / self.history.seconds
            self.notify(f"the evaluations took {share:.0%} of the time; increase training.evaluate_every to have fewer")
        self._draw_pictures()

    def result(self) -> TrainingResult:
        """Return the result of the training at this point."""
        run, seen = self.plan.run, self.trainer.images_seen
        finished = seen >= self.plan.recipe.training.images
        return TrainingResult(run.path, run.model, seen, self.history.seconds, finished, len(self.alarms))

    def card(self, trainer: Trainer) -> dict[str, Any]:
        """Return the card of a model file: the origin of the model."""
        return {
            **self.plan.facts(),
            "images_seen": trainer.images_seen,
            "seconds": round(self.history.seconds, 1),
            "rollbacks": len(self.alarms),
            "metrics": {},
        }

    def _begin(self) -> None:
        """Pretrain the networks as the recipe requires."""
        self.pretraining = pretrain(
            self.trainer, self.plan.image_set, self.batches, self.noise_source, self.notify, self.control
        )

    def _resume(self) -> None:
        """Restore the newest complete checkpoint; newer checkpoints and files of interrupted saves are removed."""
        if self._restore():
            if lost := self.history.lines_lost:
                lines = "line is" if lost == 1 else "lines are"
                self.notify(f"{self.plan.run.history}: {lost:,} {lines} damaged or missing; the run continues without them")
            if self.trainer.images_seen in self.trainer.rollbacks[-1:]:
                self.guard.begin_again()
            if self.trainer.images_seen >= self.plan.recipe.training.images + self.plan.recipe.training.batch_size:
                raise RunError(
                    f"{self.plan.run.path}: the run has already seen {self.trainer.images_seen:,} images, more than requested; "
                    "--images, --epochs and --minutes give the length of the whole run"
                )
            self.notify(f"resuming at {self.trainer.images_seen:,} images seen")
            self._compare_arithmetic()
            return
        folder = self.plan.run.checkpoints
        if checkpoints(folder):
            raise CheckpointError(f"{folder}: all checkpoints are damaged; start the run again with --overwrite")
        self.notify("the run has no checkpoint yet: starting from the beginning")
        self.plan.run.history.unlink(missing_ok=True)
        self._begin()

    def _compare_arithmetic(self) -> None:
        """Report and record a change of the arithmetic, which changes the rounding of sums from here on."""
        before, now = self.arithmetic_before, self.plan.arithmetic()
        if before is None or before == now:
            return
        names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        changes = ", ".join(f"{name} {_shown(before.get(name))} -> {_shown(now.get(name))}" for name in names)
        self.notify(
            f"note: the rounding of sums changes from here on ({changes}). The run is valid, but not bit for bit equal to an "
            "uninterrupted run"
        )
        self.earlier_arithmetic.append({"until": self.trainer.images_seen, **before})

    def _restore(self) -> bool:
        """Restore the newest complete checkpoint of the trainer and the callbacks; return False if there is none."""
        folder = self.plan.run.checkpoints
        sweep(folder)
        for checkpoint in reversed(checkpoints(folder)):
            try:
                states = restore_checkpoint(checkpoint, self.trainer)
            except CheckpointError as problem:
                self.notify(f"{problem}; trying the previous checkpoint")
                continue
            for later in checkpoints(folder):
                if int(later.name) > self.trainer.images_seen:
                    shutil.rmtree(later)
            for name, callback in self.stateful.items():
                if name in states:
                    callback.restore(states[name], self.trainer.images_seen)
            return True
        return False

    def _roll_back(self, alarm: str) -> None:
        """Restore the last healthy checkpoint, or restart if there is none, with new noise and lower learning rates.

        Raises:
            DivergenceError: if the recipe allows no further rollback.
        """
        guard, at, seconds = self.plan.recipe.guard, self.trainer.images_seen, self.history.seconds
        if not self._restore():
            self.trainer.begin()
            # Count the rollback before the pretraining, so that it uses the new learning rates, as in a resumed run.
            self.trainer.rollbacks.append(0)
            self._begin()
            self.trainer.rollbacks.pop()
            self.history.begin_again()
            if self.scores is not None:
                self.scores.restore({"lines": [], "kept": None}, 0)
        self.history.count_lost(seconds - self.history.seconds)
        to = self.trainer.images_seen
        self.plan.run.forget_after(to)
        if len(self.alarms) >= guard.rollbacks:
            self._give_up(alarm, to)
        self.alarms.append({"at": at, "to": to, "alarm": alarm})
        self.trainer.rollbacks.append(to)
        self.guard.begin_again()
        self._write_record("training")
        hand_over(self.trainer)
        rate = guard.learning_rate_factor**self.trainer.attempts
        self.notify(
            f"guard: {alarm}.\nguard: rolled back to {to:,} images; continuing with new noise and {rate:g} times the learning "
            f"rates (rollback {len(self.alarms)} of {guard.rollbacks})"
        )

    def _give_up(self, alarm: str, to: int) -> None:
        kept = "no model is kept"
        if to:
            save_model(self.plan.run.model, self.saving.model(self.trainer))
            kept = f"the model of the last healthy checkpoint, at {to:,} images, is kept"
        self._write_record("failed", diagnosis=alarm)
        self._draw_pictures()
        attempts = f" It was rolled back {len(self.alarms)} times." if self.alarms else ""
        raise DivergenceError(f"{self.plan.run.path}: {alarm}.{attempts} The training failed; {kept}")

    def _write_record(self, status: str, **further: Any) -> None:
        record = {**self.plan.facts(), "status": status, "rollbacks": self.alarms, **further}
        if self.earlier_arithmetic:
            record["earlier_arithmetic"] = self.earlier_arithmetic
        if self.pretraining:
            record["pretraining"] = self.pretraining
        if status != "training":
            record["images_seen"] = self.trainer.images_seen
            record["seconds"] = round(self.history.seconds, 3)
            record["epoch_seconds"] = self.history.epoch_seconds
        self.plan.run.write_record(record)

    def _draw_pictures(self) -> None:
        run = self.plan.run
        if run.preview_files():
            animate(run, run.animation)
        if any(run.read_history()):
            plot(run, run.curves)


def _shown(value: Any) -> str:
    """Return a value of a record as text for a message."""
    if isinstance(value, dict):
        return " ".join(f"{name}={text}" for name, text in value.items()) or "none"
    return "none" if value is None else str(value)


def _set_up(plan: TrainPlan) -> tuple[Trainer, Batches, NoiseSource]:
    """Return the untrained trainer of a plan, its batches and its noise."""
    size, spec, recipe = plan.recipe.training.batch_size, plan.spec, plan.recipe
    trainer = Trainer(recipe, spec, plan.seed, plan.device, plan.ranks)
    batches = Batches(plan.image_set, size, plan.seed, plan.device)
    return trainer, batches, NoiseSource(plan.seed, trainer.generator.latent, spec.classes, size, plan.device, recipe.updates)


def _followed(plan: TrainPlan) -> TrainingResult:
    """Follow the leading process until it ends the training; nothing is written."""
    trainer, batches, noise_source = _set_up(plan)
    follow(trainer, batches, noise_source)
    finished = trainer.images_seen >= plan.recipe.training.images
    return TrainingResult(plan.run.path, plan.run.model, trainer.images_seen, 0.0, finished, len(trainer.rollbacks))

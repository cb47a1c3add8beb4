"""One sitting of a training: a plan carried out, with those who watch around the loop."""

from __future__ import annotations

import functools
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

from rich.console import Console

from digitgan.data import Batches, ProgressFn
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
    LiveProgress,
    NoProgress,
    PlainProgress,
    Previews,
    ProgressCallback,
    TensorBoard,
    animate,
    plot,
)
from digitgan.session.plan import TrainPlan
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
"""Share of the time above which scoring is mentioned."""

ProgressKind = Literal["none", "auto", "plain", "live"]


@final
@dataclass(frozen=True)
class TrainingResult:
    """What a training left.

    Attributes:
        run: the run's folder.
        model: the model file in it.
        images_seen: how far it came.
        seconds: of training, earlier sittings included.
        finished: false where it was stopped before its end.
        rollbacks: how many times the guard took it back.
    """

    run: Path
    model: Path
    images_seen: int
    seconds: float
    finished: bool
    rollbacks: int


def run_training(plan: TrainPlan, console: Console, progress: ProgressKind, control: Control) -> TrainingResult:
    """Carry a plan out: play the trainer, with those who watch around it.

    Args:
        plan: from `plan_training`.
        console: where progress is shown.
        progress: how.
        control: stops the training early when asked; the run can then be resumed.

    Raises:
        DivergenceError: if the training goes wrong once more often than the guard may take it back; the model of the last
            healthy checkpoint is kept.
        RankError: if another process of the training is lost.
        DigitganError: where the run's folder can't be used or written to, or another process is training in it.
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


def console_printer(console: Console) -> ProgressFn:
    """Prints lines on a console as they are, brackets included."""
    return functools.partial(console.print, markup=False, highlight=False)


@final
class TrainingSession:
    """A plan being carried out.

    Args:
        plan: what is to be done; its run's folder is there.
        console: where progress is shown.
        progress: how.
        control: shared with whoever may stop the training.
        record: the run's, from earlier sittings.
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
        self.display = _display(progress, console, plan, self.trainer.images_seen)
        self.history.epoch_ended = self.display.epoch_ended
        previews = Previews(plan.run, self.noise_source, self.display.notice, recipe.training.grid, self.guard.inspect)
        # The guard looks first: what it finds wrong is neither shown nor saved.
        scores = [self.scores] if self.scores is not None else []
        board = [TensorBoard(plan.run, recipe, self.trainer.images_seen)] if plan.tensorboard else []
        self.callbacks: list[Callback] = [self.guard, self.history, previews, *scores, *board, self.display, saving]
        self.saving = saving

    def run(self) -> None:
        """Play to the end, or to a stop; then draw the curves and the animation."""
        run = self.plan.run
        run.write_recipe(self.plan.recipe)
        if self.stopped_early:
            self._write_record("stopped")  # nothing was begun that a checkpoint could keep; --resume begins again
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
            self.notify(f"scoring took {share:.0%} of the time; fewer scores (training.evaluate_every) take less")
        self._draw_pictures()

    def result(self) -> TrainingResult:
        """What there is now."""
        run, seen = self.plan.run, self.trainer.images_seen
        finished = seen >= self.plan.recipe.training.images
        return TrainingResult(run.path, run.model, seen, self.history.seconds, finished, len(self.alarms))

    def card(self, trainer: Trainer) -> dict[str, Any]:
        """What a model file says of where it comes from."""
        return {
            **self.plan.facts(),
            "images_seen": trainer.images_seen,
            "seconds": round(self.history.seconds, 1),
            "rollbacks": len(self.alarms),
            "metrics": {},
        }

    def _begin(self) -> None:
        """Make ready a trainer that is at its beginning: with the pretraining of its recipe, if it has one."""
        self.pretraining = pretrain(
            self.trainer, self.plan.image_set, self.batches, self.noise_source, self.notify, self.control
        )

    def _resume(self) -> None:
        """Bring the trainer to its newest whole checkpoint; later ones, and leftovers of a save cut off, are removed."""
        if self._restore():
            if lost := self.history.lines_lost:
                lines = "line is" if lost == 1 else "lines are"
                self.notify(f"{self.plan.run.history}: {lost:,} {lines} damaged or missing; the run goes on without")
            if self.trainer.images_seen in self.trainer.rollbacks[-1:]:
                self.guard.begin_again()
            if self.trainer.images_seen >= self.plan.recipe.training.images + self.plan.recipe.training.batch_size:
                raise RunError(
                    f"{self.plan.run.path}: has seen {self.trainer.images_seen:,} images already, more than the "
                    "length asked for "
                    "(--images, --epochs and --minutes mean the whole run)"
                )
            self.notify(f"going on at {self.trainer.images_seen:,} images seen")
            self._compare_arithmetic()
            return
        folder = self.plan.run.checkpoints
        if checkpoints(folder):
            raise CheckpointError(f"{folder}: no checkpoint is whole; the run can't be resumed. Start anew with --overwrite")
        self.notify("the run has no checkpoint yet: it begins again")
        self.plan.run.history.unlink(missing_ok=True)
        self._begin()

    def _compare_arithmetic(self) -> None:
        """Say so, and record it, where sums round otherwise from here on than before."""
        before, now = self.arithmetic_before, self.plan.arithmetic()
        if before is None or before == now:
            return
        names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        changes = ", ".join(f"{name} {_shown(before.get(name))} -> {_shown(now.get(name))}" for name in names)
        self.notify(
            f"note: sums round differently from here on than in the first part of the run ({changes}). The run is sound, but "
            "does not equal an uninterrupted one bit for bit"
        )
        self.earlier_arithmetic.append({"until": self.trainer.images_seen, **before})

    def _restore(self) -> bool:
        """Put the newest whole checkpoint into the trainer and the callbacks; False where there is none."""
        folder = self.plan.run.checkpoints
        sweep(folder)
        for checkpoint in reversed(checkpoints(folder)):
            try:
                states = restore_checkpoint(checkpoint, self.trainer)
            except CheckpointError as problem:
                self.notify(f"{problem}; going back to the one before")
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
        """Take the trainer back to its last healthy checkpoint, or its beginning, and change what the recipe's guard says.

        Raises:
            DivergenceError: where that has been done as often as the recipe allows.
        """
        guard, at, seconds = self.plan.recipe.guard, self.trainer.images_seen, self.history.seconds
        if not self._restore():
            self.trainer.begin()
            # Counted before the pretraining, which learns at the new rates, as it does where a run is resumed from here.
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
            f"guard: {alarm}.\nguard: back to the last healthy state, {to:,} images; going on with new noise and "
            f"{rate:g} times the learning rates (try {len(self.alarms)} of {guard.rollbacks})"
        )

    def _give_up(self, alarm: str, to: int) -> None:
        kept = "nothing was worth keeping"
        if to:
            save_model(self.plan.run.model, self.saving.model(self.trainer))
            kept = f"the model of its last healthy checkpoint, at {to:,} images, is kept"
        self._write_record("failed", diagnosis=alarm)
        self._draw_pictures()
        attempts = f" Going back was tried {len(self.alarms)} times." if self.alarms else ""
        raise DivergenceError(f"{self.plan.run.path}: {alarm}.{attempts} The training has been ended; {kept}")

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
    """A value of a record as a message shows it."""
    if isinstance(value, dict):
        return " ".join(f"{name}={text}" for name, text in value.items()) or "none"
    return "none" if value is None else str(value)


def _set_up(plan: TrainPlan) -> tuple[Trainer, Batches, NoiseSource]:
    """A plan's game at its beginning, with what it is played by."""
    size, spec, recipe = plan.recipe.training.batch_size, plan.spec, plan.recipe
    trainer = Trainer(recipe, spec, plan.seed, plan.device, plan.ranks)
    batches = Batches(plan.image_set, size, plan.seed, plan.device)
    return trainer, batches, NoiseSource(plan.seed, trainer.generator.latent, spec.classes, size, plan.device, recipe.updates)


def _followed(plan: TrainPlan) -> TrainingResult:
    """Compute for the process that leads, until it says that the training is over; nothing is written."""
    trainer, batches, noise_source = _set_up(plan)
    follow(trainer, batches, noise_source)
    finished = trainer.images_seen >= plan.recipe.training.images
    return TrainingResult(plan.run.path, plan.run.model, trainer.images_seen, 0.0, finished, len(trainer.rollbacks))


def _display(progress: ProgressKind, console: Console, plan: TrainPlan, images_seen: int) -> ProgressCallback:
    if progress == "auto":
        progress = "live" if console.is_terminal else "plain"
    if progress == "live":
        return LiveProgress(console, plan.recipe, images_seen)
    return PlainProgress(console, plan.recipe, images_seen) if progress == "plain" else NoProgress()

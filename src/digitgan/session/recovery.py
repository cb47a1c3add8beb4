"""The return of a training to a checkpoint: when a run is resumed, and when the guard raises an alarm."""

from __future__ import annotations

import shutil

from digitgan.data.notes import counted
from digitgan.errors import CheckpointError, DivergenceError
from digitgan.model.file import save_model
from digitgan.session.components import TrainingComponents
from digitgan.session.resumed_run import check_length
from digitgan.training import broadcast_trainer, checkpoints, remove_unfinished_checkpoints, restore_checkpoint


def resume(components: TrainingComponents) -> None:
    """Restore the newest complete checkpoint; without any checkpoint, start from the beginning.

    Newer checkpoints and the files of interrupted saves are removed. A change of the arithmetic is reported and recorded.

    Raises:
        CheckpointError: if all checkpoints are damaged.
        RunError: if the run has already seen more images than requested.
        StopInPretrainingError: if the control requests a stop during a new pretraining.
    """
    plan, trainer, notify = components.plan, components.trainer, components.notify
    if not _restore(components):
        if checkpoints(plan.run.checkpoints):
            raise CheckpointError(f"{plan.run.checkpoints}: all checkpoints are damaged; start the run again with --overwrite")
        notify("the run has no checkpoint yet: starting from the beginning")
        plan.run.history.unlink(missing_ok=True)
        components.begin()
        return
    if lost := components.history.lines_lost:
        lines = "line is" if lost == 1 else "lines are"
        notify(f"{plan.run.history}: {lost:,} {lines} damaged or missing; the run continues without them")
    if trainer.images_seen in trainer.rollbacks[-1:]:
        components.guard.reset()
    check_length(plan.run, plan.recipe, trainer.images_seen)
    notify(f"resuming at {trainer.images_seen:,} images seen")
    if changes := components.record.note_arithmetic():
        notify(
            f"note: the rounding of sums changes from here on ({changes}). The run is valid, but not bit for bit equal to an "
            "uninterrupted run"
        )


def roll_back(components: TrainingComponents, alarm: str) -> None:
    """Restore the last healthy checkpoint, or restart if there is none, with new noise and lower learning rates.

    Raises:
        DivergenceError: if the recipe allows no further rollback.
        StopInPretrainingError: if the control requests a stop during a new pretraining.
    """
    plan, trainer, record, guard = components.plan, components.trainer, components.record, components.plan.recipe.guard
    at, seconds = trainer.images_seen, components.history.seconds
    restored = _restore(components)
    if not restored:
        _reset(components)
    components.history.count_lost(seconds - components.history.seconds)
    to = trainer.images_seen
    plan.run.remove_later_pictures_and_snapshots(to)
    if len(record.rollbacks) >= guard.rollbacks:
        _give_up(components, alarm)
    record.rollbacks.append({"at": at, "to": to, "alarm": alarm})
    trainer.rollbacks.append(to)
    components.guard.reset()
    if not restored:
        components.begin()  # the rollback counts already: with the new learning rates, as in a resumed run
    record.write("training")
    broadcast_trainer(trainer)
    rate = guard.learning_rate_factor**trainer.attempts
    components.notify(
        f"guard: {alarm}.\nguard: rolled back to {to:,} images; continuing with new noise and {rate:g} times the learning "
        f"rates (rollback {len(record.rollbacks)} of {guard.rollbacks})"
    )


def _restore(components: TrainingComponents) -> bool:
    """Restore the newest complete checkpoint of the trainer and the callbacks; return False if there is none."""
    folder = components.plan.run.checkpoints
    remove_unfinished_checkpoints(folder)
    for checkpoint in reversed(checkpoints(folder)):
        try:
            states = restore_checkpoint(checkpoint, components.trainer)
        except CheckpointError as problem:
            components.notify(f"{problem}; trying the previous checkpoint")
            continue
        for later in checkpoints(folder):
            if int(later.name) > components.trainer.images_seen:
                shutil.rmtree(later)
        for name, callback in components.stateful.items():
            if name in states:
                callback.restore(states[name], components.trainer.images_seen)
        return True
    return False


def _reset(components: TrainingComponents) -> None:
    """Reset the trainer and the callbacks to the beginning of the run."""
    components.trainer.begin()
    components.history.reset()
    if components.evaluation is not None:
        components.evaluation.restore({"lines": [], "kept": None}, 0)


def _give_up(components: TrainingComponents, alarm: str) -> None:
    """Keep the model of the checkpoint, record the failure, and raise `DivergenceError`."""
    run, images_seen, rollbacks = components.plan.run, components.trainer.images_seen, len(components.record.rollbacks)
    kept = "no model is kept"
    if images_seen:
        save_model(run.model, components.writer.model(components.trainer))
        kept = f"the model of the last healthy checkpoint, at {images_seen:,} images, is kept"
    components.record.write("failed", diagnosis=alarm)
    attempts = f" It was rolled back {counted(rollbacks, 'time')}." if rollbacks else ""
    raise DivergenceError(f"{run.path}: {alarm}.{attempts} The training failed; {kept}")

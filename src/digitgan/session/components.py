"""The components of a training session: the trainer with its inputs, and the callbacks whose state checkpoints restore."""

from __future__ import annotations

from typing import Any, final

from digitgan.data import Batches, ImageSet, ProgressFn
from digitgan.errors import DigitganError
from digitgan.evaluation import classifier_for
from digitgan.evaluation.groups import with_groups
from digitgan.evaluation.sources import with_classes_of
from digitgan.session.callbacks import Callback, CheckpointWriter, EvaluationCallback, Guard, History
from digitgan.session.callbacks.health import MANY_EPOCHS
from digitgan.session.plan import TrainPlan
from digitgan.session.record import RunRecord
from digitgan.session.start import start_from
from digitgan.training import CheckpointDue, Control, NoiseSource, Trainer, check_stop_request, pretrain


@final
class TrainingComponents:
    """The trainer of a session, the callbacks whose state checkpoints restore, and the record of the run.

    Args:
        plan: plan of the training.
        control: control of the training loop.
        notify: called with lines for the user.
        before: record of the run from earlier sessions; empty for a new run.

    Attributes:
        trainer: trainer, untrained until a checkpoint is restored.
        batches: real images, by number of images seen.
        noise_source: latents and other noise, by number of images seen.
        history: callback that writes the history.
        guard: callback that detects a failing training.
        evaluation: callback that evaluates the model; None if the recipe has no evaluations.
        writer: callback that writes checkpoints and models.
        stateful: callbacks whose state is saved with every checkpoint, by name.
        record: record of the run.
    """

    def __init__(self, plan: TrainPlan, control: Control, notify: ProgressFn, before: dict[str, Any]) -> None:
        self.plan = plan
        self.control = control
        self.notify = notify if plan.ranks is None else plan.ranks.notifying(notify)
        self.trainer, self.batches, self.noise_source = build_trainer(plan)
        self.guard = Guard(plan.recipe, control, plan.image_set, self._warn, _held_out(plan))
        self.guard.begin(self.trainer)
        self.history = History(plan.run, plan.recipe, self.batches.images_an_epoch)
        control.on_continue = self.history.skip_since_last_event
        self.record = RunRecord(plan, self.trainer, self.history, before)
        self.record.warnings = self.guard.warnings
        self.trainer.rollbacks = [rollback["to"] for rollback in self.record.rollbacks]
        self.stateful: dict[str, Callback] = {"history": self.history, "guard": self.guard}
        self.writer = CheckpointWriter(plan.run, self.noise_source, self.stateful, plan.image_set.class_names, self.record.card)
        self.evaluation: EvaluationCallback | None = None
        self._labelled = plan.labelled
        if plan.recipe.training.evaluate_every and len(plan.labelled.class_names) == 1:
            (self._labelled,) = with_groups(plan.labelled)
        if plan.recipe.training.evaluate_every:
            self.evaluation = EvaluationCallback(
                plan.run, self._labelled, self.writer.model, self.history.skip_since_last_event
            )
            self.stateful["scores"] = self.evaluation

    def take_over(self, plan: TrainPlan) -> None:
        """Take over a plan whose length was decided during the training."""
        self.plan = self.record.plan = plan
        self.trainer.recipe = plan.recipe

    def _warn(self, warning: str) -> None:
        """Notify of a warning of the guard, and record it at once, so that the studio shows it."""
        self.notify(warning)
        self.record.write("training")

    def prepare_evaluation(self) -> None:
        """Load or train the classifier of the evaluations, if the recipe has any.

        Raises:
            StopInPretrainingError: if the control requests a stop. Another session continues the training of the classifier.
        """
        if self.evaluation is not None:
            known = classifier_for(self._labelled, self.notify, lambda: check_stop_request(self.control))
            self.evaluation.compare_by(known.classifier)
            self.history.skip_since_last_event()

    def begin(self) -> None:
        """Pretrain the networks, and take over the weights of the earlier model from which the run starts.

        These are saved as a checkpoint at once, so that a resumed run and a rollback do not need the earlier model again.

        Raises:
            StopInPretrainingError: if the control requests a stop.
        """
        self.pretrain()
        if self.plan.start is not None:
            start_from(self.trainer, self.plan.start, self.plan.image_set, self.notify)
            self.writer.on_event(CheckpointDue(self.trainer))

    def pretrain(self) -> None:
        """Pretrain the networks as the recipe requires.

        Raises:
            StopInPretrainingError: if the control requests a stop.
        """
        self.record.pretraining = pretrain(
            self.trainer, self.plan.image_set, self.batches, self.noise_source, self.notify, self.control
        )


def _held_out(plan: TrainPlan) -> ImageSet | None:
    """Return the test images, with which overfitting is noticed; None without them, and for a run of few epochs."""
    if plan.recipe.training.images < MANY_EPOCHS * len(plan.image_set):
        return None
    try:
        if "test" not in plan.data.splits():
            return None
        found = with_classes_of(plan.data.resolved(plan.labelled).load("test"), plan.labelled)
    except DigitganError:
        return None  # the training does not need them
    if not plan.recipe.conditional:
        return found.unlabelled()
    return found if found.class_names == plan.image_set.class_names else None


def build_trainer(plan: TrainPlan) -> tuple[Trainer, Batches, NoiseSource]:
    """Return the untrained trainer of a plan, its batches and its noise."""
    size, recipe = plan.recipe.training.batch_size, plan.recipe
    trainer = Trainer(recipe, plan.spec, plan.seed, plan.device, plan.ranks)
    training = recipe.training
    batches = Batches(plan.image_set, size, plan.seed, plan.device, mirror=training.mirror, balance=training.balance)
    return trainer, batches, trainer.noise_source()

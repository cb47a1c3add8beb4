"""The callback that evaluates the generator during training and keeps the best model."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from typing import Any, Final, final

import numpy as np

from digitgan.data import ImageSet
from digitgan.evaluation import FeatureClassifier, FeatureMoments, classify_images, evenly, frechet_distance
from digitgan.files import replacing
from digitgan.model.file import Model, save_model
from digitgan.runs import RunFolder
from digitgan.session.callbacks.base import Callback
from digitgan.training import EvaluationDue, Event, Trainer

GENERATED_IMAGES: Final = 1_200
"""Number of generated images of an evaluation: enough to rank models, and evaluated in half a second."""

TRAINING_IMAGES: Final = 3_000
"""Number of training images to compare with. Held-out images would bias the final evaluation of the selected model."""

CHUNKS: Final = 2
"""Number of chunks of images for the batch-norm statistics of an evaluated model; a kept model uses more."""

BEST_BY: Final = "frechet_distance"
"""The metric that selects the best model; lower is better."""


@final
class EvaluationCallback(Callback):
    """A callback that writes scores.jsonl, and best.safetensors after each best evaluation so far.

    A line of scores.jsonl has `images_seen`, the Fréchet distance in the features of the classifier and, for conditional
    recipes, the class accuracy. The distance is that of `GENERATED_IMAGES` images to `TRAINING_IMAGES` training images. The
    best evaluation has the lowest distance.

    Args:
        run: run to write to.
        image_set: training images.
        model: makes a model of the trainer, with batch-norm statistics of a number of chunks.
        on_evaluated: called after each evaluation, so that its time can be left out of the training time.

    Attributes:
        kept: line of the model in best.safetensors.
        seconds: time of the evaluations in this session.
    """

    def __init__(
        self, run: RunFolder, image_set: ImageSet, model: Callable[..., Model], on_evaluated: Callable[[], None] = lambda: None
    ) -> None:
        self.run = run
        self.model = model
        self.on_evaluated = on_evaluated
        self.few = evenly(image_set, min(TRAINING_IMAGES, len(image_set)))
        self.labels = evenly(self.few, GENERATED_IMAGES).labels
        self.classifier: FeatureClassifier | None = None
        self.real: FeatureMoments | None = None
        self.lines: list[dict[str, Any]] = []
        self.kept: dict[str, Any] | None = None
        self.seconds = 0.0

    def compare_by(self, classifier: FeatureClassifier) -> None:
        """Set the classifier of the training images, before the first event."""
        self.classifier = classifier
        self.real = FeatureMoments.of(classify_images(classifier, self.few.images)[0])

    def on_event(self, event: Event) -> None:
        """Evaluate the generator if an evaluation is due."""
        if isinstance(event, EvaluationDue):
            started = time.monotonic()
            self._score(event.trainer)
            self.seconds += time.monotonic() - started
            self.on_evaluated()

    def state(self) -> dict[str, Any]:
        """Return the lines so far and the line of the best model."""
        return {"lines": self.lines, "kept": self.kept}

    def restore(self, state: dict[str, Any], images_seen: int) -> None:
        """Restore the lines of the checkpoint, and delete a best model that is newer than the checkpoint."""
        before = state["kept"]
        if self.kept is not None and self.kept != before:
            # The kept model belongs to undone steps, and the one before it is lost: the next evaluation is the best.
            self.run.best.unlink(missing_ok=True)
            before = None
        self.kept = before
        self.lines = list(state["lines"])
        self._write()

    def _score(self, trainer: Trainer) -> None:
        assert self.classifier is not None
        assert self.real is not None
        model = self.model(trainer, CHUNKS)
        by_class = len(model.class_names) > 1
        images = model.sample(self.labels if by_class else np.zeros_like(self.labels), seed=0)
        features, probabilities = classify_images(self.classifier, images)
        line: dict[str, Any] = {
            "images_seen": trainer.images_seen,
            BEST_BY: float(f"{frechet_distance(FeatureMoments.of(features), self.real):.6g}"),
        }
        if by_class:
            right = probabilities.argmax(axis=1) == self.labels
            line["class_accuracy"] = round(float(right.mean()), 6)
            line["accuracy_of_class"] = {
                name: round(float(right[self.labels == label].mean()), 4)
                for label, name in enumerate(model.class_names)
                if (self.labels == label).any()
            }
        self.lines.append(line)
        self._write()
        if self.kept is None or line[BEST_BY] < self.kept[BEST_BY]:
            self.kept = line
            kept = self.model(trainer)
            save_model(self.run.best, dataclasses.replace(kept, card={**kept.card, "metrics": line}))

    def _write(self) -> None:
        with replacing(self.run.scores) as file:
            file.write("".join(f"{json.dumps(line)}\n" for line in self.lines).encode())

"""Scores: what the generator draws is compared with training images as it learns, and the best model so far is kept."""

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

DRAWN: Final = 1_200
"""Images a score is of: enough to rank models that differ, few enough to take half a second."""

COMPARED: Final = 3_000
"""Training images they are compared with: never held-out ones, which would be chosen by."""

CHUNKS: Final = 2
"""Chunks of images from which the statistics of a model are taken that is only scored; one that is kept has them of more."""

BEST_BY: Final = "frechet_distance"


@final
class EvaluationCallback(Callback):
    """Writes scores.jsonl, and best.safetensors whenever a score is the best so far.

    A line has `images_seen`, the Fréchet distance of `DRAWN` images to `COMPARED` training images by the classifier's
    features, and
    for conditional recipes the share of them that the classifier takes for the class asked for. The best is that of the lowest
    Fréchet distance.

    Args:
        run: where they go.
        classifier: a classifier of the training images.
        image_set: the training images.
        model: makes a model of the trainer, its statistics of so many chunks.

    Attributes:
        kept: the line of the model in best.safetensors.
        seconds: that scoring took in this sitting.
    """

    def __init__(self, run: RunFolder, classifier: FeatureClassifier, image_set: ImageSet, model: Callable[..., Model]) -> None:
        self.run = run
        self.classifier = classifier
        self.model = model
        few = evenly(image_set, min(COMPARED, len(image_set)))
        self.real = FeatureMoments.of(classify_images(classifier, few.images)[0])
        self.labels = evenly(few, DRAWN).labels
        self.lines: list[dict[str, Any]] = []
        self.kept: dict[str, Any] | None = None
        self.seconds = 0.0

    def on_event(self, event: Event) -> None:
        """Score what is drawn."""
        if isinstance(event, EvaluationDue):
            started = time.monotonic()
            self._score(event.trainer)
            self.seconds += time.monotonic() - started

    def state(self) -> dict[str, Any]:
        """The lines so far."""
        return {"lines": self.lines, "kept": self.kept}

    def restore(self, state: dict[str, Any], images_seen: int) -> None:
        """Take up the lines, without those that were written after the checkpoint, and forget a best model from then."""
        before = state["kept"]
        if self.kept is not None and self.kept != before:
            # What was kept belongs to steps that are undone; the one before it is gone, and the next score is the best.
            self.run.best.unlink(missing_ok=True)
            before = None
        self.kept = before
        self.lines = list(state["lines"])
        self._write()

    def _score(self, trainer: Trainer) -> None:
        model = self.model(trainer, CHUNKS)
        by_class = len(model.class_names) > 1
        images = model.sample(self.labels if by_class else np.zeros_like(self.labels), seed=0)
        features, probabilities = classify_images(self.classifier, images)
        line = {
            "images_seen": trainer.images_seen,
            BEST_BY: float(f"{frechet_distance(FeatureMoments.of(features), self.real):.6g}"),
        }
        if by_class:
            line["class_accuracy"] = round(float((probabilities.argmax(axis=1) == self.labels).mean()), 6)
        self.lines.append(line)
        self._write()
        if self.kept is None or line[BEST_BY] < self.kept[BEST_BY]:
            self.kept = line
            kept = self.model(trainer)
            save_model(self.run.best, dataclasses.replace(kept, card={**kept.card, "metrics": line}))

    def _write(self) -> None:
        with replacing(self.run.scores) as file:
            file.write("".join(f"{json.dumps(line)}\n" for line in self.lines).encode())

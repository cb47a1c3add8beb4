"""A cache of two facts about a model: the form of the ink that it draws, and the classifier of its classes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final, final

from digitgan.evaluation import FeatureClassifier
from digitgan.evaluation.classifier import classifier_of_model
from digitgan.generation.drawing import InkForm, ink_form
from digitgan.model.file import Model

MAX_KNOWN: Final = 4
"""Number of models whose form of ink and classifier are remembered."""


@final
class DrawingFacts:
    """The form of the ink that a model draws, and the classifier of its data, for the models that were used last."""

    def __init__(self) -> None:
        self._found: OrderedDict[int, tuple[Model, InkForm | None, FeatureClassifier | None]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, model: Model) -> tuple[InkForm | None, FeatureClassifier | None]:
        """Return the form of the ink that a model draws and the classifier of its data; None where there is none."""
        with self._lock:
            if id(model) not in self._found:
                form = ink_form(model) if model.generator.spec.channels == 1 else None
                self._found[id(model)] = (model, form, classifier_of_model(model))
            self._found.move_to_end(id(model))
            while len(self._found) > MAX_KNOWN:
                self._found.popitem(last=False)
            return self._found[id(model)][1:]

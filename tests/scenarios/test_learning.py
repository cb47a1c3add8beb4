"""Scenario test of a short training on MNIST: the generated images resemble their class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

import digitgan
from digitgan.data import load_image_set


def test_drawn_digits_are_of_the_class_asked_for(tmp_path: Path) -> None:
    run = digitgan.train("fast", data="mnist", images=12_800, seed=1, out=tmp_path / "run").run
    model = digitgan.load(run)
    real = load_image_set("mnist", "train")
    reader = KNeighborsClassifier(3).fit(real.images[:4000].reshape(4000, -1), real.labels[:4000])
    labels = np.arange(500) % 10
    drawn = model.sample(labels, seed=1)
    right = (reader.predict(drawn.reshape(500, -1)) == labels).mean()
    assert right > 0.6, f"class accuracy {right:.0%}; chance is 10 %"
    same_class = drawn[labels == 3].astype(np.float64)
    assert same_class.std(axis=0).mean() > 15, "no mode collapse"

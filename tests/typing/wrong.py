"""A program with one mistake on each line that is marked so. Type checkers must report these lines, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import digitgan

model = digitgan.load("mnist")
recipe = digitgan.RECIPES["fast"]

digitgan.trian("fast")  # mistake: there is no such function
digitgan.load(7)  # mistake: a model is named by a path or a string
model.sample(labels=["seven"])  # mistake: labels are numbers
model.sample([7], 0, 0, "much")  # mistake: a truncation is a number
digitgan.write("2026")  # mistake: there is no model
digitgan.train(progress="loud")  # mistake: there is no such display
digitgan.train(image=20_000)  # mistake: no option has this name
digitgan.train(images="many")  # mistake: a number
digitgan.evaluate("mnist", reference="validation")  # mistake: there is no such split
digitgan.train(3)  # mistake: a recipe is named by a string
digitgan.compare(7)  # mistake: two runs or recipes at least
digitgan.evaluate("mnist", notify="print")  # mistake: not a function
digitgan.evaluate("mnist").figures  # mistake: there is no such attribute
digitgan.ReadOptions(labels_from="folder")  # mistake: there is no such place
digitgan.Conversion(size=28)  # mistake: a size has two numbers
digitgan.load_image_set("mnist", "validation")  # mistake: there is no such split
digitgan.GeneratedDataset("mnist", count=10)  # mistake: a path is no model
recipe.name = "mine"  # mistake: a recipe is frozen
seconds: str = digitgan.train().seconds  # mistake: seconds are a number
assert_type(digitgan.export().path, str)  # mistake: it is a path
assert_type(digitgan.import_keras("a.keras").model, Path)  # mistake: it is a model

"""The start of a training from an earlier model or run (`--from`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from torch import Tensor

from digitgan.data import ImageSet, ProgressFn
from digitgan.data.notes import listed
from digitgan.errors import CheckpointError, RecipeError
from digitgan.files import file_hash
from digitgan.lookup import missing_origin
from digitgan.model.file import Model
from digitgan.model.registry import find_model, load
from digitgan.networks import ImageSpec
from digitgan.options import TrainOptions
from digitgan.recipes import Recipe
from digitgan.runs import RunFolder
from digitgan.session.recipe import check_names, image_spec
from digitgan.session.short_run import with_usual_batch
from digitgan.training import Trainer
from digitgan.training.checkpoint import checkpoints, newest_complete, tensors_of
from digitgan.training.transfer import Transferred, class_dimensions, transfer


@final
@dataclass(frozen=True)
class StartingPoint:
    """An earlier model, from whose weights a training starts.

    Attributes:
        name: the name that the user gave.
        model: the model.
        sha256: SHA-256 of its file.
        run: the run whose checkpoint is taken; None for a model alone.
        checkpoint: its newest complete checkpoint; None for a model alone.
    """

    name: str
    model: Model
    sha256: str
    run: RunFolder | None
    checkpoint: Path | None = None

    @classmethod
    def found(cls, name: str, notify: ProgressFn) -> StartingPoint:
        """Return the model of a name, with the newest complete checkpoint if it is that of a run.

        Args:
            name: the name that the user gave.
            notify: called with a line for each damaged checkpoint.

        Raises:
            DigitganError: if there is no such model, or it is damaged or of a newer version, or all checkpoints are damaged.
        """
        run, path = RunFolder(Path(name)), find_model(name)
        model, digest = load(name), file_hash(path)
        if path != run.model or not checkpoints(run.checkpoints):
            return cls(name, model, digest, run if path == run.model else None)
        checkpoint = newest_complete(run.checkpoints, notify)
        if checkpoint is None:
            raise CheckpointError(f"--from {name}: all its checkpoints are damaged; start from its model alone: --from {path}")
        return cls(name, model, digest, run, checkpoint)

    def tensors(self) -> dict[str, Tensor] | None:
        """Return the tensors of the newest checkpoint: "generator.…", "discriminator.…", "ema.…"; None for a model alone."""
        return None if self.checkpoint is None else tensors_of(self.checkpoint)

    def record(self) -> dict[str, Any]:
        """Return the ancestry of the new run as JSON values."""
        card = self.model.card
        data = card.get("data")
        return {
            "name": self.name,
            "sha256": self.sha256,
            "recipe": self.model.recipe.name,
            "images_seen": card.get("images_seen") if self.checkpoint is None else int(self.checkpoint.name),
            "trained_on": data.get("name") if isinstance(data, Mapping) else None,
            "from": card.get("from"),
        }

    def recipe(self) -> Recipe:
        """Return the recipe of the model, with the precision of this machine and the batch of a longer run.

        Raises:
            DigitganError: if a part of it is not registered, such as one of a package that is not installed.
        """
        missing = missing_origin(self.model.card.get("origins")) if self.run is None else self.run.missing_origin()
        check_names(self.model.recipe, missing, f"--from {self.name}")
        recipe = with_usual_batch(self.model.recipe)
        return dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, precision="auto"))

    def inherited(self, recipe: Recipe, labelled: ImageSet, options: TrainOptions) -> list[str]:
        """Return lines about what the training takes over from the recipe of the model without a request."""
        lines = []
        if not recipe.conditional and len(labelled.class_names) > 1 and not options.unconditional:
            lines.append(f"the labels of {labelled.name} are ignored, because {self.name} has no classes")
        asked = options.evaluate_every is not None or any("evaluate_every" in each for each in options.settings)
        if recipe.training.evaluate_every and not asked and options.recipe is None and options.config is None:
            lines.append(f"evaluated every {recipe.training.evaluate_every:,} images, as {self.name} was")
        return lines

    def check(self, recipe: Recipe, images: ImageSet) -> None:
        """Check that the weights fit the networks of a recipe.

        Raises:
            RecipeError: if the images have another size or number of channels, or the generators differ in more than classes.
        """
        before, now = self.model.generator.spec, image_spec(images)
        asked = f"--from {self.name}"
        if (before.channels, before.height, before.width) != (now.channels, now.height, now.width):
            colour = "grey" if before.channels == 1 else "rgb"
            raise RecipeError(
                f"{asked}: its model makes {_form(before)} images, and {images.name} has {_form(now)} ones; bring them "
                f"there with --size {before.width}x{before.height} --colour {colour}"
            )
        if recipe.generator.family == "layered":
            raise RecipeError(
                f"{asked}: this model was imported from Keras and cannot be trained; start from the run that it comes from"
            )
        if recipe.conditional != self.model.recipe.conditional:
            has, lacks = ("has classes", "none") if self.model.recipe.conditional else ("has no classes", "some")
            raise RecipeError(
                f"{asked}: its model {has}, and this training has {lacks}; use images and a recipe like those of the model"
            )
        mine, theirs = dataclasses.asdict(recipe.generator), dataclasses.asdict(self.model.recipe.generator)
        if mine != theirs:
            names = sorted(name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name))
            raise RecipeError(
                f"{asked}: its generator has other settings than recipe {recipe.name}: {', '.join(names)}. Leave the "
                "recipe out to take that of the model, and change further settings with --set"
            )


def started_recipe(recipe: Recipe) -> Recipe:
    """Return a recipe without growth and pretraining, which would undo the weights of the earlier model."""
    training = dataclasses.replace(recipe.training, generator_pretraining=0, pretraining=0, growth="")
    return dataclasses.replace(recipe, training=training)


def _form(spec: ImageSpec) -> str:
    return f"{spec.width}x{spec.height} {'grey' if spec.channels == 1 else 'RGB'}"


def start_from(trainer: Trainer, start: StartingPoint, images: ImageSet, notify: ProgressFn) -> None:
    """Give an untrained trainer the weights of an earlier model.

    The generator, its moving average and, of a run, the discriminator are taken over. Optimisers start anew, because their
    moments belong to another loss. A discriminator on features of the training images starts anew too: its features are those
    of other images.
    """
    before, now = start.model.class_names, images.class_names
    spec = trainer.spec
    own = start.tensors()
    of_model = start.model.generator.state_dict()
    generator = of_model if own is None else _part(own, "generator")
    dimensions = class_dimensions(trainer.recipe, spec, "generator")
    found = transfer(trainer.generator, generator, dimensions, before, now)
    if found.unlike:
        raise RecipeError(
            f"--from {start.name}: {listed(list(found.unlike))} of its generator have another shape than in recipe "
            f"{trainer.recipe.name}; leave the recipe out to take that of the model"
        )
    transfer(trainer.ema.generator, of_model if own is None else _part(own, "ema"), dimensions, before, now)
    parts = ["the generator"]
    same = trainer.recipe.discriminator == start.model.recipe.discriminator
    if own is not None and same and trainer.recipe.training.feature_pretraining == 0:
        of_classes = class_dimensions(trainer.recipe, spec, "discriminator")
        transfer(trainer.discriminator, _part(own, "discriminator"), of_classes, before, now)
        parts.append("the discriminator")
    notify(f"starting from {' and '.join(parts)} of {start.name}{_about_classes(found)}")


def _part(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}."
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _about_classes(found: Transferred) -> str:
    if not found.new:
        return ""
    kept = f"; classes kept: {listed(list(found.kept))}" if found.kept else ""
    return f"{kept}; new classes: {listed(list(found.new))}"

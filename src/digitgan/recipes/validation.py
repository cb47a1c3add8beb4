"""Checks for combinations of settings that contradict each other, each with its reason."""

from __future__ import annotations

from digitgan.errors import RecipeError
from digitgan.recipes.families import (
    ConvolutionalDiscriminatorRecipe,
    ConvolutionalGeneratorRecipe,
    KerasGraphGeneratorRecipe,
    ProjectedDiscriminatorRecipe,
    StyleDiscriminatorRecipe,
    StyleGeneratorRecipe,
)
from digitgan.recipes.settings import Recipe, TrainingRecipe


def check_recipe(recipe: Recipe, *, paired: bool, smoothable: bool) -> None:
    """Check that the settings of a recipe are compatible.

    Args:
        recipe: the recipe.
        paired: whether its loss compares each fake image with a real image of the same label.
        smoothable: whether the target of its loss for a real image is a probability, so that label smoothing applies.

    Raises:
        RecipeError: if two settings contradict each other. The message names both and gives the reason.
    """
    for wrong, settings, reason in (
        *_networks(recipe),
        *_labels(recipe),
        *_losses(recipe, smoothable),
        *_updates(recipe, paired),
        *_microbatches(recipe),
        *_growth(recipe),
        *_styles(recipe),
        *_augmentation(recipe),
    ):
        if wrong:
            raise RecipeError(f"{settings}: {reason}")


_Checks = list[tuple[bool, str, str]]


def _labels(recipe: Recipe) -> _Checks:
    generator, discriminator = recipe.generator, recipe.discriminator
    told = discriminator.conditional or _predicts_labels(recipe)
    return [
        (
            generator.conditional and not told,
            f'generator.{_label_setting(recipe)} with discriminator.label_input = "none"',
            "the generator cannot learn the classes from a discriminator without labels. Set discriminator.label_input or "
            "discriminator.auxiliary_classifier, or remove the generator's label",
        ),
        (
            not generator.conditional and told,
            f'generator.label_input = "none" with discriminator.{_told_setting(recipe)}',
            "the generator does not receive the label that the discriminator uses. Set generator.label_input too",
        ),
        (
            recipe.loss.matching_aware and not discriminator.conditional,
            'loss.matching_aware with discriminator.label_input = "none"',
            "a discriminator without labels cannot detect a wrong label. Set discriminator.label_input",
        ),
    ]


def _losses(recipe: Recipe, smoothable: bool) -> _Checks:
    loss, penalty = recipe.loss, recipe.penalty
    smooth = (penalty.name != "none" and penalty.gamma > 0) or getattr(recipe.discriminator, "spectral_norm", False)
    return [
        (
            loss.label_smoothing > 0 and not smoothable,
            f'loss.label_smoothing = {loss.label_smoothing:g} with loss.name = "{loss.name}"',
            "the target of this loss is not a probability. Set it to 0, or choose a cross-entropy loss",
        ),
        (
            _predicts_labels(recipe) and loss.classifier_weight == 0,
            "discriminator.auxiliary_classifier with loss.classifier_weight = 0",
            "the classifier would have no effect. Set a weight above 0, such as 0.3",
        ),
        (
            loss.name == "wasserstein" and recipe.training.pretraining > 0,
            f'loss.name = "wasserstein" with training.pretraining = {recipe.training.pretraining}',
            "pretraining has no penalty, so the critic's scores would grow without bound. Set training.pretraining to 0",
        ),
        (
            loss.name == "wasserstein" and not smooth,
            'loss.name = "wasserstein" with no penalty (penalty.name = "none", or penalty.gamma = 0)',
            "the critic's scores would grow without bound. Set a penalty (wgan-gp, r1) or discriminator.spectral_norm",
        ),
        (
            penalty.name == "wgan-gp" and getattr(recipe.discriminator, "norm", "none") == "batch",
            'penalty.name = "wgan-gp" with discriminator.norm = "batch"',
            "the penalty needs the gradient of each image by itself, and batch norm mixes the images of a batch "
            "(Gulrajani et al. 2017, section 4). Choose another norm or penalty",
        ),
        (
            penalty.name == "wgan-gp" and recipe.discriminator.conditional and recipe.updates.fake_labels == "uniform",
            'penalty.name = "wgan-gp" with updates.fake_labels = "uniform"',
            'the penalty interpolates between a real and a fake image of the same label. Set fake_labels = "real"',
        ),
    ]


def _updates(recipe: Recipe, paired: bool) -> _Checks:
    updates, loss = recipe.updates, recipe.loss
    simultaneous = updates.order == "simultaneous"
    both = 'updates.order = "simultaneous" with'
    reason = (
        'both networks learn from one pass over the same fake images. Set order = "alternating", or the other to its default'
    )
    return [
        (
            paired and recipe.conditional and updates.fake_labels == "uniform",
            f'loss.name = "{loss.name}" with updates.fake_labels = "uniform"',
            'the loss compares each fake image with a real image of the same label. Set fake_labels = "real"',
        ),
        (
            paired and updates.generator_batch not in (0, recipe.training.batch_size),
            f'loss.name = "{loss.name}" with updates.generator_batch = {updates.generator_batch}',
            "the loss compares each fake image with a real image, so their numbers must be equal. Set generator_batch to 0",
        ),
        (
            updates.real_scores == "earlier" and not paired,
            f'updates.real_scores = "earlier" with loss.name = "{loss.name}"',
            "the generator's loss does not use the scores of real images. Remove the setting, or choose a paired loss",
        ),
        (simultaneous and updates.real_scores == "earlier", f'{both} updates.real_scores = "earlier"', reason),
        (simultaneous and updates.fakes == "fresh", f'{both} updates.fakes = "fresh"', reason),
        (
            simultaneous and updates.discriminator_steps > 1,
            f"{both} updates.discriminator_steps = {updates.discriminator_steps}",
            reason,
        ),
        (
            updates.generator_batch not in (0, recipe.training.batch_size) and updates.fakes != "fresh",
            f'updates.generator_batch = {updates.generator_batch} with updates.fakes = "{updates.fakes}"',
            'a generator batch of another size needs its own fake images. Set fakes = "fresh"',
        ),
        (
            getattr(recipe.discriminator, "norm", "none") == "batch" and updates.batches == "stacked",
            'discriminator.norm = "batch" with updates.batches = "stacked"',
            'the batch statistics would depend on the mixture of real and fake images. Set batches = "separate"',
        ),
    ]


def _growth(recipe: Recipe) -> _Checks:
    training, path_length = recipe.training, recipe.penalty.path_length
    return [
        (
            bool(training.growth.strip()) and path_length > 0,
            f'training.growth = "{training.growth}" with penalty.path_length = {path_length:g}',
            "the mean of the path lengths is that of one image size. Set path_length = 0",
        ),
        *_grown_pretraining(training),
    ]


def _grown_pretraining(training: TrainingRecipe) -> _Checks:
    return [
        (
            bool(training.growth.strip()) and steps > 0,
            f'training.growth = "{training.growth}" with training.{name} = {steps}',
            f"pretraining needs networks of the full size. Set {name} = 0",
        )
        for name, steps in (("pretraining", training.pretraining), ("generator_pretraining", training.generator_pretraining))
    ]


def _augmentation(recipe: Recipe) -> _Checks:
    return [
        (
            recipe.augmentation.flips and recipe.augmentation.name == "none",
            'augmentation.flips = true with augmentation.name = "none"',
            'no image is augmented. Set augmentation.name = "fixed" or "adaptive"; to mirror half of the training images, set '
            "training.mirror = true",
        )
    ]


def _styles(recipe: Recipe) -> _Checks:
    generator, discriminator, penalty = recipe.generator, recipe.discriminator, recipe.penalty
    count, batch, own = recipe.updates.microbatches, recipe.training.batch_size, recipe.updates.generator_batch
    asked = f"penalty.path_length = {penalty.path_length:g} with"
    checks: _Checks = [
        (
            penalty.path_length > 0 and not isinstance(generator, StyleGeneratorRecipe),
            f'{asked} generator.family = "{generator.family}"',
            'this generator has no styles. Set path_length to 0, or use generator.family = "style"',
        ),
        (
            penalty.path_length > 0 and count > 1,
            f"{asked} updates.microbatches = {count}",
            "each part would have its own mean of the lengths, and a checkpoint stores one. Set path_length to 0 or "
            "microbatches to 1",
        ),
    ]
    if isinstance(discriminator, StyleDiscriminatorRecipe) and discriminator.deviation_group > 1:
        group = discriminator.deviation_group
        checks.append(
            (
                any(size % (count * group) for size in (batch, own)),
                f"discriminator.deviation_group = {group} with training.batch_size = {batch}, updates.generator_batch = {own} "
                f"and updates.microbatches = {count}",
                "a group would hold real and fake images. Set a number that divides each part of the batches, or 0",
            )
        )
    return checks


def _microbatches(recipe: Recipe) -> _Checks:
    count, sizes = recipe.updates.microbatches, (recipe.training.batch_size, recipe.updates.generator_batch)
    asked = f"updates.microbatches = {count} with"
    return [
        (
            any(size % count for size in sizes),
            f"{asked} training.batch_size = {sizes[0]} and updates.generator_batch = {sizes[1]}",
            "all parts have the same size. Set a number that divides both batches",
        ),
        (
            count > 1 and getattr(recipe.discriminator, "spectral_norm", False),  # a recurrent discriminator has none
            f"{asked} discriminator.spectral_norm",
            "each part would estimate the singular values by itself, and a checkpoint stores one estimate. "
            "Set microbatches = 1 or spectral_norm = false",
        ),
    ]


def _networks(recipe: Recipe) -> _Checks:
    generator, discriminator = recipe.generator, recipe.discriminator
    checks: _Checks = [
        (
            isinstance(generator, KerasGraphGeneratorRecipe),
            'generator.family = "layered"',
            'an imported generator cannot be trained. Choose another family, such as "convolutional"',
        )
    ]
    steps = recipe.training.feature_pretraining
    projected = isinstance(discriminator, ProjectedDiscriminatorRecipe)
    checks += [
        (
            projected and steps == 0,
            'discriminator.family = "projected" with training.feature_pretraining = 0',
            "the feature network would keep random weights. Set feature_pretraining, for example to 1000",
        ),
        (
            projected and not recipe.conditional,
            'discriminator.family = "projected" with a generator without labels',
            "the feature network learns from the labels. Set generator.label_input, or choose another family",
        ),
        (
            not projected and steps > 0,
            f'training.feature_pretraining = {steps} with discriminator.family = "{discriminator.family}"',
            'this discriminator has no feature network. Set feature_pretraining = 0, or family = "projected"',
        ),
    ]
    if isinstance(generator, ConvolutionalGeneratorRecipe):
        strides, kernels, ups = generator.strides, generator.kernel, len(generator.channels) - 1
        checks += [
            (
                len(numbers) not in (1, ups) and ups > 0,
                f"generator.{name} = {list(numbers)} with generator.channels = {list(generator.channels)}",
                f"{ups + 1} stages have {ups} transposed convolutions between them. Give {ups} numbers, or a single one",
            )
            for name, numbers in (("strides", strides), ("kernel", kernels))
        ]
        checks += [
            (
                any(stride > kernel for kernel, stride in generator.layers),
                f"generator.strides = {list(strides)} with generator.kernel = {list(kernels)}",
                "a kernel smaller than the stride leaves gaps between the pixels. Set a larger kernel or a smaller stride",
            ),
            (
                generator.image_stride > generator.image_kernel,
                f"generator.image_stride = {generator.image_stride} with generator.image_kernel = {generator.image_kernel}",
                "a kernel smaller than the stride leaves gaps between the pixels. Set a larger kernel or a smaller stride",
            ),
            (
                generator.dense_norm == "units" and generator.norm == "class-batch",
                'generator.dense_norm = "units" with generator.norm = "class-batch"',
                'a gain for each class and unit would be most of the network\'s parameters. Set dense_norm = "maps"',
            ),
        ]
    if isinstance(discriminator, ConvolutionalDiscriminatorRecipe):
        checks.append(
            (
                discriminator.entry_channels > 0 and discriminator.label_input in ("row-plane", "mask-plane"),
                f"discriminator.entry_channels = {discriminator.entry_channels} with discriminator.label_input = "
                f'"{discriminator.label_input}"',
                'the entry layer takes a vector of pixels, to which no plane can be added. Set label_input = "one-hot"',
            )
        )
    return checks


def _label_setting(recipe: Recipe) -> str:
    generator = recipe.generator
    label_input = getattr(generator, "label_input", generator.family)  # a registered family names its settings as it likes
    return f'label_input = "{label_input}"' if label_input != "none" else 'norm = "class-batch"'


def _told_setting(recipe: Recipe) -> str:
    discriminator = recipe.discriminator
    label_input = getattr(discriminator, "label_input", discriminator.family)  # see `_label_setting`
    if label_input != "none":
        return f'label_input = "{label_input}"'
    return "auxiliary_classifier" if _predicts_labels(recipe) else "label_biases"


def _predicts_labels(recipe: Recipe) -> bool:
    """Return whether the discriminator has an auxiliary classifier; a registered family may have no such setting."""
    return bool(getattr(recipe.discriminator, "auxiliary_classifier", False))

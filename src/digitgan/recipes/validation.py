"""Combinations of settings that make no sense, each with the reason."""

from __future__ import annotations

from typing import Final

from digitgan.errors import RecipeError
from digitgan.recipes.networks import (
    ConvolutionalDiscriminatorRecipe,
    ConvolutionalGeneratorRecipe,
    KerasGraphGeneratorRecipe,
)
from digitgan.recipes.settings import Recipe

CROSS_ENTROPIES: Final = ("binary-cross-entropy", "non-saturating")
"""Losses whose target for a real image is a probability, which can be smoothed."""

PAIRED_LOSSES: Final = ("relativistic",)
"""Losses that classifier each fake against a real image of its label."""


def check_recipe(recipe: Recipe) -> None:
    """Refuse a recipe whose parts do not go together.

    Raises:
        RecipeError: naming the two settings and the reason.
    """
    for wrong, settings, reason in (
        *_networks(recipe),
        *_labels(recipe),
        *_losses(recipe),
        *_updates(recipe),
        *_microbatches(recipe),
    ):
        if wrong:
            raise RecipeError(f"{settings}: {reason}")


_Checks = list[tuple[bool, str, str]]


def _labels(recipe: Recipe) -> _Checks:
    generator, discriminator = recipe.generator, recipe.discriminator
    told = discriminator.conditional or discriminator.auxiliary_classifier
    return [
        (
            generator.conditional and not told,
            f'generator.{_label_setting(recipe)} with discriminator.label_input = "none"',
            "the discriminator sees no label, so nothing would teach the generator to obey it. Give the discriminator one "
            "(label_input or auxiliary_classifier), or take the generator's away",
        ),
        (
            not generator.conditional and told,
            f'generator.label_input = "none" with discriminator.{_told_setting(recipe)}',
            "the generator can't know which label its image will be judged by. Give the generator the label too",
        ),
        (
            recipe.loss.matching_aware and not discriminator.conditional,
            'loss.matching_aware with discriminator.label_input = "none"',
            "a discriminator that sees no label can't tell a wrong one",
        ),
    ]


def _losses(recipe: Recipe) -> _Checks:
    loss, penalty = recipe.loss, recipe.penalty
    smooth = (penalty.name != "none" and penalty.gamma > 0) or getattr(recipe.discriminator, "spectral_norm", False)
    return [
        (
            loss.label_smoothing > 0 and loss.name not in CROSS_ENTROPIES,
            f'loss.label_smoothing = {loss.label_smoothing:g} with loss.name = "{loss.name}"',
            f"only the targets of {' and '.join(CROSS_ENTROPIES)} are probabilities that can be smoothed",
        ),
        (
            recipe.discriminator.auxiliary_classifier and loss.classifier_weight == 0,
            "discriminator.auxiliary_classifier with loss.classifier_weight = 0",
            "the classifier would never learn, nor teach the generator anything; a weight such as 0.3 is right",
        ),
        (
            loss.name == "wasserstein" and recipe.training.pretraining > 0,
            f'loss.name = "wasserstein" with training.pretraining = {recipe.training.pretraining}',
            "a critic that learns alone, against noise and without its penalty, only lets its scores grow",
        ),
        (
            loss.name == "wasserstein" and not smooth,
            'loss.name = "wasserstein" with no penalty (penalty.name = "none", or penalty.gamma = 0)',
            "its scores would grow without bound; a penalty (wgan-gp, r1) or discriminator.spectral_norm keeps them in check",
        ),
        (
            penalty.name == "wgan-gp" and getattr(recipe.discriminator, "norm", "none") == "batch",
            'penalty.name = "wgan-gp" with discriminator.norm = "batch"',
            "the penalty is on each image's own gradient, and batch norm mixes the images of a batch "
            "(Gulrajani et al. 2017, section 4)",
        ),
        (
            penalty.name == "wgan-gp" and recipe.discriminator.conditional and recipe.updates.fake_labels == "uniform",
            'penalty.name = "wgan-gp" with updates.fake_labels = "uniform"',
            'it looks between a real and a fake image, which must be of one label to have one; fake_labels = "real" is right',
        ),
    ]


def _updates(recipe: Recipe) -> _Checks:
    updates, loss = recipe.updates, recipe.loss
    paired = loss.name in PAIRED_LOSSES
    simultaneous = updates.order == "simultaneous"
    both = 'updates.order = "simultaneous" with'
    reason = "there, both networks learn from one pass over the same fakes"
    return [
        (
            paired and recipe.conditional and updates.fake_labels == "uniform",
            f'loss.name = "{loss.name}" with updates.fake_labels = "uniform"',
            'each fake is judged against a real image of its own label; fake_labels = "real" is right',
        ),
        (
            paired and updates.generator_batch not in (0, recipe.training.batch_size),
            f'loss.name = "{loss.name}" with updates.generator_batch = {updates.generator_batch}',
            "each fake is judged against a real image, so there must be as many; 0 is right",
        ),
        (simultaneous and updates.fakes == "fresh", f'{both} updates.fakes = "fresh"', reason),
        (
            simultaneous and updates.discriminator_steps > 1,
            f"{both} updates.discriminator_steps = {updates.discriminator_steps}",
            reason,
        ),
        (
            updates.generator_batch not in (0, recipe.training.batch_size) and updates.fakes != "fresh",
            f'updates.generator_batch = {updates.generator_batch} with updates.fakes = "{updates.fakes}"',
            'a generator that learns from another number of fakes needs its own; fakes = "fresh" is right',
        ),
        (
            getattr(recipe.discriminator, "norm", "none") == "batch" and updates.batches == "stacked",
            'discriminator.norm = "batch" with updates.batches = "stacked"',
            "the statistics of a batch of real and fake images would tell which is which by their mixture; "
            'batches = "separate" is right',
        ),
    ]


def _microbatches(recipe: Recipe) -> _Checks:
    count, sizes = recipe.updates.microbatches, (recipe.training.batch_size, recipe.updates.generator_batch)
    discriminator = recipe.discriminator
    dropout = getattr(discriminator, "dropout", 0.0)  # a recurrent one has none, and no spectral norm either
    asked = f"updates.microbatches = {count} with"
    return [
        (
            any(size % count for size in sizes),
            f"{asked} training.batch_size = {sizes[0]} and updates.generator_batch = {sizes[1]}",
            "each has as many images; a number that divides the batches is right",
        ),
        (
            count > 1 and dropout > 0,
            f"{asked} discriminator.dropout = {dropout:g}",
            "computed at once, they would draw their masks from one stream, in an order of chance",
        ),
        (
            count > 1 and getattr(discriminator, "spectral_norm", False),
            f"{asked} discriminator.spectral_norm",
            "each would estimate the norms of the weights by itself, and a checkpoint keeps the first's alone",
        ),
    ]


def _networks(recipe: Recipe) -> _Checks:
    generator, discriminator = recipe.generator, recipe.discriminator
    checks: _Checks = [
        (
            isinstance(generator, KerasGraphGeneratorRecipe),
            'generator.family = "layered"',
            'such a generator was made elsewhere and is drawn from; "convolutional" or "recurrent" is right to train one',
        )
    ]
    if isinstance(generator, ConvolutionalGeneratorRecipe):
        strides, ups = generator.strides, len(generator.channels) - 1
        checks += [
            (
                len(strides) not in (1, ups) and ups > 0,
                f"generator.strides = {list(strides)} with generator.channels = {list(generator.channels)}",
                f"{ups + 1} stages have {ups} transposed convolutions between them; as many strides are right, or a single one",
            ),
            (
                max(strides) > generator.kernel,
                f"generator.strides = {list(strides)} with generator.kernel = {generator.kernel}",
                "a kernel smaller than the stride leaves gaps in the picture",
            ),
            (
                generator.image_stride > generator.image_kernel,
                f"generator.image_stride = {generator.image_stride} with generator.image_kernel = {generator.image_kernel}",
                "a kernel smaller than the stride leaves gaps in the picture",
            ),
            (
                generator.dense_norm == "units" and generator.norm == "class-batch",
                'generator.dense_norm = "units" with generator.norm = "class-batch"',
                'a gain for each class and unit would be most of the network; dense_norm = "maps" is right',
            ),
        ]
    if isinstance(discriminator, ConvolutionalDiscriminatorRecipe):
        checks.append(
            (
                discriminator.entry_channels > 0 and discriminator.label_input in ("row-plane", "mask-plane"),
                f"discriminator.entry_channels = {discriminator.entry_channels} with discriminator.label_input = "
                f'"{discriminator.label_input}"',
                'an entry takes the image as a list of pixels, beside which a plane has no place; "one-hot" is right',
            )
        )
    return checks


def _label_setting(recipe: Recipe) -> str:
    generator = recipe.generator
    return f'label_input = "{generator.label_input}"' if generator.label_input != "none" else 'norm = "class-batch"'


def _told_setting(recipe: Recipe) -> str:
    discriminator = recipe.discriminator
    if discriminator.label_input != "none":
        return f'label_input = "{discriminator.label_input}"'
    return "auxiliary_classifier" if discriminator.auxiliary_classifier else "label_biases"

"""What a recipe can say: typed, frozen values, each with its default and its range.

The defaults make small convolutional networks that learn well; `fast` is these with a few changes. What concerns the two
networks is in `network_settings.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from digitgan.recipes.networks import (
    ConvolutionalDiscriminatorRecipe,
    ConvolutionalGeneratorRecipe,
    DiscriminatorRecipe,
    GeneratorRecipe,
    setting,
)


@final
@dataclass(frozen=True)
class LossRecipe:
    """What the two networks are asked to do.

    Attributes:
        name: one of the losses' table.
        label_smoothing: for cross-entropies: a real image's target is 1 minus this.
        matching_aware: whether a real image with a wrong label counts as a fake, too (Reed et al. 2016).
        classifier_weight: what the auxiliary classifier's cross-entropy weighs in both networks' losses.
    """

    name: str = setting("relativistic")
    label_smoothing: float = setting(0.0, low=0.0, high=0.5)
    matching_aware: bool = setting(False)
    classifier_weight: float = setting(1.0, low=0.0, high=1e3)


@final
@dataclass(frozen=True)
class PenaltyRecipe:
    """What keeps the discriminator smooth.

    Attributes:
        name: one of the penalties' table, or "none".
        gamma: its weight.
        interval: applied at every so many steps, and weighted by as many (lazy regularisation, Karras et al. 2020).
    """

    name: str = setting("r1")
    gamma: float = setting(0.05, low=0.0, high=1e4)
    interval: int = setting(8, low=1, high=1024)


@final
@dataclass(frozen=True)
class UpdatesRecipe:
    """Who learns when, and from which fakes.

    Attributes:
        order: "alternating": the discriminator learns, then the generator from the discriminator as it is by then;
            "simultaneous": both gradients come from one pass through both networks.
        fakes: "shared": both learn from the same fakes; "fresh": the generator learns from some of its own.
        fake_labels: labels of the fakes: those of the "real" batch, or "uniform".
        batches: real and fake images pass the discriminator "stacked" as one batch, or each "separate".
        generator_batch: how many fakes the generator learns from; 0: as many as there are real images.
        discriminator_steps: the generator learns at every so many steps of the discriminator.
        microbatches: parts of a batch that pass the networks by themselves, each with batch-norm statistics of its own (Hoffer
            et al. 2017, section 4); their gradients are averaged. Several at once on a CPU's cores; in turn on a GPU.
    """

    order: str = setting("alternating", names=("alternating", "simultaneous"))
    fakes: str = setting("shared", names=("shared", "fresh"))
    fake_labels: str = setting("real", names=("real", "uniform"))
    batches: str = setting("stacked", names=("stacked", "separate"))
    generator_batch: int = setting(0, low=0, high=65_536)
    discriminator_steps: int = setting(1, low=1, high=100)
    microbatches: int = setting(1, low=1, high=1024)


@final
@dataclass(frozen=True)
class OptimizerRecipe:
    """Adam, one for each network, and the course of their learning rates.

    Attributes:
        generator_learning_rate: before the decay.
        discriminator_learning_rate: before the decay.
        beta1: decay of Adam's first moment.
        beta2: decay of Adam's second moment.
        epsilon: added to the root of the second moment.
        decay: the shape of the fall: "linear", "cosine", or "none".
        decay_share: the share of the run, at its end, over which the learning rates fall to (nearly) nothing.
    """

    generator_learning_rate: float = setting(3e-3, low=0.0, high=1.0)
    discriminator_learning_rate: float = setting(3e-3, low=0.0, high=1.0)
    beta1: float = setting(0.0, low=0.0, high=0.9999)
    beta2: float = setting(0.95, low=0.0, high=0.999999)
    epsilon: float = setting(1e-8, low=1e-16, high=1.0)
    decay: str = setting("linear", names=("linear", "cosine", "none"))
    decay_share: float = setting(0.4, low=0.0, high=1.0)


@final
@dataclass(frozen=True)
class EmaRecipe:
    """The exponential moving average of the generator's weights, which is what one draws from.

    Attributes:
        decay: share of the average that stays at each step; 0: one draws from the weights as they are.
        warm_up: at step t the decay is at most (1 + t) / (warm_up + t), so that the first weights are soon forgotten.
        statistics: the batch norms' when drawing: "recomputed" for the averaged weights, or "running", as the training left
            them.
    """

    decay: float = setting(0.998, low=0.0, high=0.999999)
    warm_up: float = setting(10.0, low=1.0, high=1e6)
    statistics: str = setting("recomputed", names=("recomputed", "running"))


@final
@dataclass(frozen=True)
class TrainingRecipe:
    """How long, in what chunks, and how often something is shown or saved.

    Attributes:
        images: length of the run in images seen.
        batch_size: real images, and as many fakes, in each step.
        precision: "float32", "bfloat16" (autocast), or "auto": bfloat16 where the hardware multiplies in
            it. What was chosen is recorded.
        pretraining: steps in which the discriminator alone learns to tell real images from uniform noise, before the run.
        generator_pretraining: steps in which the generator alone learns, before the run, to draw training images from where
            they lie along the set's principal components; a short run has fewer.
        previews: how many sample grids the run leaves, evenly spread; the last shows its end.
        grid: what a preview shows: "classes" (a row a latent, a column a class), or "4x4", "5x5", "10x10" latents, the
            classes taking turns.
        checkpoints: how many checkpoints are written over the run, evenly spread; the last at its end.
        snapshots: how many numbered models the run leaves, evenly spread; 0 for the final one only.
        evaluate_every: images after which what is drawn is scored each time, and the best model kept; 0 for never.
        preview_epochs: instead of `previews`: one after every so many epochs.
        checkpoint_epochs: instead of `checkpoints`: one after every so many epochs.
    """

    images: int = setting(75_000, low=1, high=10**12)
    batch_size: int = setting(64, low=2, high=65_536)
    precision: str = setting("auto", names=("auto", "float32", "bfloat16"))
    pretraining: int = setting(0, low=0, high=10**6)
    generator_pretraining: int = setting(0, low=0, high=10**6)
    previews: int = setting(24, low=1, high=10_000)
    grid: str = setting("classes", names=("classes", "4x4", "5x5", "10x10"))
    checkpoints: int = setting(4, low=1, high=10_000)
    snapshots: int = setting(0, low=0, high=10_000)
    evaluate_every: int = setting(0, low=0, high=10**12)
    preview_epochs: float = setting(0.0, low=0.0, high=1e6)
    checkpoint_epochs: float = setting(0.0, low=0.0, high=1e6)


@final
@dataclass(frozen=True)
class GuardRecipe:
    """What is done when a training goes wrong.

    Attributes:
        rollbacks: how many times the run goes back to its last healthy checkpoint and tries again, before it gives up.
        learning_rate_factor: what both learning rates are multiplied by after each.
        discriminator_collapse: the alarm for a discriminator that always wins, or has stopped telling anything.
        mode_collapse: the alarm for previews that have become one picture for each class.
    """

    rollbacks: int = setting(3, low=0, high=100)
    learning_rate_factor: float = setting(0.5, low=0.01, high=1.0)
    discriminator_collapse: bool = setting(True)
    mode_collapse: bool = setting(True)


@final
@dataclass(frozen=True)
class Recipe:
    """Everything that defines a training run but its data set and its seed."""

    name: str
    description: str
    generator: GeneratorRecipe = field(default_factory=ConvolutionalGeneratorRecipe)
    discriminator: DiscriminatorRecipe = field(default_factory=ConvolutionalDiscriminatorRecipe)
    loss: LossRecipe = LossRecipe()
    penalty: PenaltyRecipe = PenaltyRecipe()
    updates: UpdatesRecipe = UpdatesRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    ema: EmaRecipe = EmaRecipe()
    training: TrainingRecipe = TrainingRecipe()
    guard: GuardRecipe = GuardRecipe()

    @property
    def conditional(self) -> bool:
        """Whether one can ask its generator for a class."""
        return self.generator.conditional

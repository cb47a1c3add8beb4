"""The sections of a recipe: typed, frozen dataclasses whose settings each have a default and a range.

The defaults define small convolutional networks that train well. The recipe `fast` changes a few of them. The settings of the
two networks are in `digitgan.recipes.families`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from digitgan.recipes.families import (
    ConvolutionalDiscriminatorRecipe,
    ConvolutionalGeneratorRecipe,
    DiscriminatorRecipe,
    GeneratorRecipe,
    setting,
)


@final
@dataclass(frozen=True)
class LossRecipe:
    """The losses of the two networks.

    Attributes:
        name: Loss of both networks: "binary-cross-entropy" (Goodfellow et al. 2014), "non-saturating" (the same, with the means
            over real and fake images added), "relativistic" (Jolicoeur-Martineau 2018), "hinge" (Lim and Ye 2017),
            "least-squares" (Mao et al. 2017) or "wasserstein" (Arjovsky et al. 2017).
        label_smoothing: Amount by which the discriminator's target for real images is lowered: the target is
            1 - `label_smoothing`, in [0, 0.5]. Only the two cross-entropies accept a value above 0.
        matching_aware: If true, the discriminator's loss also counts real images with a wrong label as fakes (Reed et al.
            2016). They make up half of the fakes' share. Requires a discriminator that receives the label.
        classifier_weight: Factor of the auxiliary classifier's cross-entropy in the losses of both networks, in [0, 1000].
            Without an auxiliary classifier it has no effect.
    """

    name: str = setting("relativistic")
    label_smoothing: float = setting(0.0, low=0.0, high=0.5)
    matching_aware: bool = setting(False)
    classifier_weight: float = setting(1.0, low=0.0, high=1e3)


@final
@dataclass(frozen=True)
class PenaltyRecipe:
    """The penalties: on the gradient of the discriminator's score, and on the path lengths of a style generator.

    Attributes:
        name: "none"; "r1" at real images or "r2" at fake images (Mescheder et al. 2018, equations 9 and 10); "r1+r2", the sum
            of both (Huang et al. 2024); or "wgan-gp", between real and fake images (Gulrajani et al. 2017, equation 3).
        gamma: Factor of the penalty in the discriminator's loss, in [0, 10000].
        interval: Number of steps from one application of the penalty to the next, 1 to 1024. The penalty is multiplied by the
            same number (lazy regularisation, Karras et al. 2020).
        path_length: Factor of the path-length penalty in the generator's loss, in [0, 10000] (Karras et al. 2020, equation 4).
            It keeps the size of the change of the image for a change of the style constant. 0 turns it off; any other value
            requires `generator.family = "style"`.
        path_length_interval: Number of updates of the generator from one path-length penalty to the next, 1 to 1024. The
            penalty is multiplied by the same number.
    """

    name: str = setting("r1")
    gamma: float = setting(0.05, low=0.0, high=1e4)
    interval: int = setting(8, low=1, high=1024)
    path_length: float = setting(0.0, low=0.0, high=1e4)
    path_length_interval: int = setting(4, low=1, high=1024)


@final
@dataclass(frozen=True)
class AugmentationRecipe:
    """The augmentation of real and fake images before the discriminator scores them.

    It lets a discriminator learn from few images without memorising them. The generator's images are not augmented themselves.

    Attributes:
        name: "none"; "fixed" (each operation with a constant probability, Zhao et al. 2020); or "adaptive" (a probability that
            begins at 0 and increases while the discriminator is too sure of the real images, Karras et al. 2020).
        operations: Names of the operations, separated by commas: brightness, saturation, contrast, translation, cutout.
            Saturation has no effect on grey images.
        flips: If true, images are also mirrored from left to right. Generated images may then be mirrored too, which is wrong
            for digits and letters.
        probability: Probability of each operation on each image if `name` is "fixed", in [0, 1].
        target: If `name` is "adaptive": value of 2a - 1 to keep, in [0, 1], where a is the discriminator's accuracy on real
            images.
        horizon: If `name` is "adaptive": number of images seen in which the probability can rise from 0 to 1, 1 to 1e9.
        interval: If `name` is "adaptive": number of steps between two changes of the probability, 1 to 1024.
    """

    name: str = setting("none", names=("none", "fixed", "adaptive"))
    operations: str = setting("brightness,saturation,contrast,translation,cutout")
    flips: bool = setting(False)
    probability: float = setting(1.0, low=0.0, high=1.0)
    target: float = setting(0.6, low=0.0, high=1.0)
    horizon: int = setting(100_000, low=1, high=10**9)
    interval: int = setting(4, low=1, high=1024)


@final
@dataclass(frozen=True)
class UpdatesRecipe:
    """The order of the updates and the fake images they use.

    Attributes:
        order: "alternating": the discriminator is updated first, then the generator against the updated discriminator.
            "simultaneous": both gradients come from one forward pass through both networks.
        fakes: "shared": both networks learn from the same fake images. "fresh": the generator learns from a batch of its own.
        fake_labels: Labels of the fake images: "real" takes those of the real batch, "uniform" draws them uniformly from all
            classes.
        real_scores: Scores of the real images in the generator's paired loss: "updated" takes those of the updated
            discriminator, "earlier" those of its update, before the weights changed, which saves a pass.
        batches: "stacked": real and fake images pass the discriminator as one batch. "separate": each pass it as its own batch,
            which matters for batch normalisation.
        generator_batch: Number of fake images in an update of the generator, 0 to 65,536. 0 stands for `training.batch_size`.
            Another number requires `fakes = "fresh"`.
        discriminator_steps: Number of discriminator updates for each generator update, 1 to 100.
        microbatches: Number of equal parts of a batch, 1 to 1024. Each part passes the networks by itself, with its own
            batch-norm statistics (Hoffer et al. 2017, section 4), and the gradients are averaged. The parts run in parallel on
            the cores of a CPU and one after another on a GPU.
    """

    order: str = setting("alternating", names=("alternating", "simultaneous"))
    fakes: str = setting("shared", names=("shared", "fresh"))
    fake_labels: str = setting("real", names=("real", "uniform"))
    real_scores: str = setting("updated", names=("updated", "earlier"))
    batches: str = setting("stacked", names=("stacked", "separate"))
    generator_batch: int = setting(0, low=0, high=65_536)
    discriminator_steps: int = setting(1, low=1, high=100)
    microbatches: int = setting(1, low=1, high=1024)


@final
@dataclass(frozen=True)
class OptimizerRecipe:
    """The Adam optimisers of the two networks and the schedule of their learning rates.

    Attributes:
        generator_learning_rate: Learning rate of the generator before the decay, in [0, 1].
        discriminator_learning_rate: Learning rate of the discriminator before the decay, in [0, 1].
        beta1: Decay rate of Adam's first moment, in [0, 0.9999].
        beta2: Decay rate of Adam's second moment, in [0, 0.999999].
        epsilon: Number added to the square root of Adam's second moment, in [1e-16, 1].
        decay: Shape of the learning-rate decay: "linear", "cosine" or "none".
        decay_share: Share of the run, counted from its end, over which both learning rates decay, in [0, 1]. The last
            step has 0.1 % of the learning rate. 0 turns the decay off.
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
    """The exponential moving average of the generator's weights, from which images are sampled (Yazıcı et al. 2019).

    Attributes:
        decay: Share of the average that each generator update keeps, in [0, 0.999999]. 0 samples from the weights without an
            average.
        warm_up: Limit on the decay early in the run, in [1, 1e6]: at update t the decay is at most (1 + t) / (warm_up + t). The
            average thus soon forgets the first weights.
        statistics: Batch-norm statistics of the sampled generator: "recomputed" for the averaged weights, or "running", the
            statistics gathered in training.
    """

    decay: float = setting(0.998, low=0.0, high=0.999999)
    warm_up: float = setting(10.0, low=1.0, high=1e6)
    statistics: str = setting("recomputed", names=("recomputed", "running"))


@final
@dataclass(frozen=True)
class TrainingRecipe:
    """The length of the run, its batches, and the intervals of its previews, checkpoints and evaluations.

    Attributes:
        images: Length of the run in images seen (real images shown to the discriminator), 1 to 1e12.
        batch_size: Number of real images in a step, and of fake images, 2 to 65,536.
        least_steps: Number of steps that a run should have, 0 to 1e6. The batch of a shorter run is halved until it has as
            many, down to 32 images, and the learning rates are 1.5 times as high unless another setting of the optimisers is
            changed. The run records what it used. A batch and rates that `--set` names are never changed.
        mirror: If true, half of the training images are mirrored from left to right, differently in each epoch. This is wrong
            for digits and letters.
        balance: Share of each class in an epoch: "none" for that of its images, "uniform" for equal shares, "square-root" for
            shares by the square root of the number of images. Images of small classes are then repeated within an epoch, and
            some images of large classes left out. The labels of fakes follow if `updates.fake_labels` is "real".
        freeze: Layers that do not learn, as beginnings of the names of weights, separated by commas, such as
            "discriminator.downs.0" (Mo et al. 2020). This serves trainings that start from a model.
        growth: Sizes at which the networks begin, before they grow to the size of the images (Karras et al. 2018), such as
            "8@100000,16@300000": images of 8 pixels until 100,000 images have been seen, then of 16 until 300,000. A size is a
            number of pixels of the height or a part of it ("1/4"); its end is a number of images or a share of the run
            ("30%"). "" trains at the full size from the beginning.
        growth_fade: Share of each phase after the first over which its new size is faded in, in [0, 1].
        precision: Precision of the forward passes: "float32", "bfloat16" (autocast) or "auto". "auto" takes bfloat16 on a CPU
            that multiplies in it, else float32. The run records the precision it used.
        pretraining: Number of steps before the run in which the discriminator alone learns to tell real images from uniform
            noise, 0 to 1e6.
        feature_pretraining: Number of steps before the run in which the feature network of a projected discriminator learns to
            classify the training images, 0 to 1e6. A step has 128 images. It sees at most as many images as the run.
        generator_pretraining: Number of steps before the run in which the generator alone learns by regression, 0 to 1e6. It
            learns to draw training images from their coordinates along the principal components of the image set. It is
            limited to 40 % of the number of steps of the run.
        previews: Number of sample grids over the run, evenly spaced, 1 to 10,000. The last one shows the end of the run.
        grid: Layout of a preview: "classes" has a row for each latent and a column for each class. "4x4", "5x5" and "10x10"
            show 16, 25 and 100 latents whose labels cycle through the classes.
        checkpoints: Number of checkpoints over the run, evenly spaced, 1 to 10,000. The last one is written at the end of the
            run.
        snapshots: Number of snapshots of the model over the run, evenly spaced, 0 to 10,000. 0 keeps the final model only.
        evaluate_every: Number of images seen between two evaluations of generated images, 0 to 1e12. Each evaluation keeps the
            best model so far. 0 turns evaluations off.
        preview_epochs: Number of epochs between two previews, 0 to 1e6. A value above 0 replaces `previews`.
        checkpoint_epochs: Number of epochs between two checkpoints, 0 to 1e6. A value above 0 replaces `checkpoints`.
    """

    images: int = setting(75_000, low=1, high=10**12)
    batch_size: int = setting(64, low=2, high=65_536)
    least_steps: int = setting(0, low=0, high=10**6)
    mirror: bool = setting(False)
    balance: str = setting("none", names=("none", "square-root", "uniform"))
    freeze: str = setting("")
    growth: str = setting("")
    growth_fade: float = setting(0.5, low=0.0, high=1.0)
    precision: str = setting("auto", names=("auto", "float32", "bfloat16"))
    pretraining: int = setting(0, low=0, high=10**6)
    feature_pretraining: int = setting(0, low=0, high=10**6)
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
    """The checks of the guard and its response to divergence or collapse.

    The guard always watches for losses, weights and optimiser moments that are not finite.

    Attributes:
        rollbacks: Number of times the run returns to its last healthy checkpoint and tries again before it stops with an
            error, 0 to 100.
        learning_rate_factor: Factor of both learning rates after each rollback, in [0.01, 1].
        discriminator_collapse: If true, the guard acts on a discriminator that separates all real and fake images, or that
            gives all images the same score.
        divergence: If true, the guard acts on losses and weights that have grown to many times their earlier size. If
            false, it only warns.
        mode_collapse: If true, the guard acts on previews whose images are nearly identical within each class.
    """

    rollbacks: int = setting(3, low=0, high=100)
    learning_rate_factor: float = setting(0.5, low=0.01, high=1.0)
    discriminator_collapse: bool = setting(True)
    divergence: bool = setting(True)
    mode_collapse: bool = setting(True)


@final
@dataclass(frozen=True)
class Recipe:
    """All settings of a training run except its data set and its seed.

    Attributes:
        name: Name of the recipe.
        description: One sentence about the recipe. It has no effect on training.
        generator: Settings of the generator.
        discriminator: Settings of the discriminator.
        loss: Losses of the two networks.
        penalty: Gradient penalty on the discriminator.
        augmentation: Augmentation of the images that the discriminator scores.
        updates: Order of the updates and the fake images they use.
        optimizer: Optimisers and learning rates.
        ema: Moving average of the generator's weights.
        training: Length of the run, batches, previews, checkpoints and evaluations.
        guard: Response to divergence or collapse.
    """

    name: str
    description: str
    generator: GeneratorRecipe = field(default_factory=ConvolutionalGeneratorRecipe)
    discriminator: DiscriminatorRecipe = field(default_factory=ConvolutionalDiscriminatorRecipe)
    loss: LossRecipe = LossRecipe()
    penalty: PenaltyRecipe = PenaltyRecipe()
    augmentation: AugmentationRecipe = AugmentationRecipe()
    updates: UpdatesRecipe = UpdatesRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    ema: EmaRecipe = EmaRecipe()
    training: TrainingRecipe = TrainingRecipe()
    guard: GuardRecipe = GuardRecipe()

    @property
    def conditional(self) -> bool:
        """Return whether the generator draws an image of a given class."""
        return self.generator.conditional

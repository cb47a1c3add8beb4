"""What a recipe can say: typed, frozen values, each with its default and its range.

The defaults make small convolutional networks that learn well; `fast` is these with a few changes. The two networks' sections
have a class for each family, so that a setting which a family doesn't know is refused rather than ignored.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final


def _setting(default: Any, *, low: float | None = None, high: float | None = None, names: Iterable[str] = ()) -> Any:
    """A field with its default and the values it may take (bounds included)."""
    return field(default=default, metadata={"low": low, "high": high, "names": tuple(names)})


GENERATOR_LABELS: Final = ("none", "one-hot", "embedding", "normalised-embedding")
"""How a label can be joined to the latent."""

DISCRIMINATOR_LABELS: Final = ("none", "one-hot", "row-plane", "mask-plane", "projection")
"""How a label can reach the discriminator."""

INITIALISATIONS: Final = ("he", "keras", "torch")
"""How weights can start: He's for the activation that follows; or the defaults of Keras, or of PyTorch."""


@final
@dataclass(frozen=True)
class ConvolutionalGeneratorRecipe:
    """Latent and label -> dense -> small maps -> transposed convolutions -> image.

    Attributes:
        family: this one.
        latent: width of the latent vector z.
        label_input: how the label is joined to z: "none", "one-hot", "embedding", or "normalised-embedding" (an embedding
            scaled to the length of a latent vector of its width).
        label_embedding: width of that embedding.
        channels: feature maps at each stage, from the smallest size up; a transposed convolution leads from each to the next.
        kernel: side of the transposed convolutions' kernels.
        strides: by how much each of them enlarges the maps; a single one holds for all.
        image_kernel: side of the last layer's kernel.
        image_stride: 1: the last layer is a convolution; more: a transposed convolution that enlarges as much.
        biases: which layers have biases beside their norms': "all", "none", or "ends" (the first and the last).
        norm: after each layer but the last: "none", "batch", or "class-batch" (with a gain and a bias for each class).
        dense_norm: the first norm works on "maps" or on single "units".
        norm_momentum: share of a batch in the running statistics.
        norm_epsilon: added to the variance.
        slope: of the (leaky) ReLU below zero.
        output: "tanh", or "sigmoid" for networks that think of pixels as 0 to 1.
        initialisation: of the weights: "he", "keras" or "torch".
    """

    family: str = _setting("convolutional", names=("convolutional",))
    latent: int = _setting(64, low=1, high=4096)
    label_input: str = _setting("normalised-embedding", names=GENERATOR_LABELS)
    label_embedding: int = _setting(64, low=1, high=4096)
    channels: tuple[int, ...] = _setting((64, 32, 12), low=1, high=4096)
    kernel: int = _setting(4, low=1, high=15)
    strides: tuple[int, ...] = _setting((2,), low=1, high=4)
    image_kernel: int = _setting(3, low=1, high=15)
    image_stride: int = _setting(1, low=1, high=4)
    biases: str = _setting("ends", names=("all", "none", "ends"))
    norm: str = _setting("class-batch", names=("none", "batch", "class-batch"))
    dense_norm: str = _setting("maps", names=("maps", "units"))
    norm_momentum: float = _setting(0.1, low=1e-4, high=1.0)
    norm_epsilon: float = _setting(1e-5, low=1e-12, high=1.0)
    slope: float = _setting(0.0, low=0.0, high=1.0)
    output: str = _setting("tanh", names=("tanh", "sigmoid"))
    initialisation: str = _setting("he", names=INITIALISATIONS)

    @property
    def conditional(self) -> bool:
        """Whether a label changes what is drawn."""
        return self.label_input != "none" or self.norm == "class-batch"


@final
@dataclass(frozen=True)
class RecurrentGeneratorRecipe:
    """Latent and label -> dense -> one portion of features a row -> LSTM -> the same dense layer for every row.

    Attributes:
        family: this one.
        latent: width of the latent vector z.
        label_input: how the label is joined to z, as in the convolutional family.
        label_embedding: width of its embedding.
        row_features: what the LSTM is given for each row.
        units: of the LSTM.
        autoregressive: whether it is given the row above, as it was drawn, as well.
        output: "tanh", or "sigmoid" for networks that think of pixels as 0 to 1.
        initialisation: of the weights: "keras" or "torch".
    """

    family: str = _setting("recurrent", names=("recurrent",))
    latent: int = _setting(100, low=1, high=4096)
    label_input: str = _setting("embedding", names=GENERATOR_LABELS)
    label_embedding: int = _setting(16, low=1, high=4096)
    row_features: int = _setting(64, low=1, high=4096)
    units: int = _setting(128, low=1, high=4096)
    autoregressive: bool = _setting(False)
    output: str = _setting("sigmoid", names=("tanh", "sigmoid"))
    initialisation: str = _setting("keras", names=("keras", "torch"))

    @property
    def conditional(self) -> bool:
        """Whether a label changes what is drawn."""
        return self.label_input != "none"


@final
@dataclass(frozen=True)
class LayeredGeneratorRecipe:
    """A generator that was made elsewhere: what a description says, layer by layer. It is drawn from, not trained.

    Attributes:
        family: this one.
        latent: width of the latent vector z.
        label_input: how it is told a label: "none", "index", or "one-hot".
        pixels: the range of what its last layer gives: "signed" (-1 to 1), "unit" (0 to 1) or "bytes" (0 to 255).
        layers: the description, JSON: see `digitgan.networks.layered`.
    """

    family: str = _setting("layered", names=("layered",))
    latent: int = _setting(100, low=1, high=4096)
    label_input: str = _setting("none", names=("none", "index", "one-hot"))
    pixels: str = _setting("signed", names=("signed", "unit", "bytes"))
    layers: str = _setting("")

    @property
    def conditional(self) -> bool:
        """Whether a label changes what is drawn."""
        return self.label_input != "none"


@final
@dataclass(frozen=True)
class ConvolutionalDiscriminatorRecipe:
    """Image and label -> strided convolutions -> (dense features ->) score.

    Attributes:
        family: this one.
        label_input: how the label reaches it: "none"; "one-hot" (as constant planes beside the image, or beside its pixels
            where there is an entry); "row-plane" and "mask-plane" (an embedding as a plane beside the image: a number for
            each row, or for each pixel); "projection" (the product of its embedding with the last features).
        label_biases: whether each convolution but the first has a bias for each class, so that already the early layers know
            what they should be looking at.
        entry_channels: 0: the image goes to the convolutions as it is; more: a dense layer turns its pixels into so many
            maps of a quarter of its sides first.
        channels: feature maps of each convolution; each halves the size.
        kernel: side of the kernels.
        last_kernel: side of the last convolution's.
        features: width of a dense layer before the score; 0 for none.
        norm: after each convolution but the first: "none" or "batch".
        spectral_norm: whether every convolution and dense layer is divided by its largest singular value.
        slope: of the leaky ReLU below zero.
        dropout: share of the values set to zero after each convolution.
        pixels: the range the network thinks of: "signed" (-1 to 1) or "unit" (0 to 1).
        auxiliary_classifier: whether it also tells which class an image is of.
        initialisation: of the weights: "he", "keras" or "torch".
    """

    family: str = _setting("convolutional", names=("convolutional",))
    label_input: str = _setting("projection", names=DISCRIMINATOR_LABELS)
    label_biases: bool = _setting(True)
    entry_channels: int = _setting(0, low=0, high=4096)
    channels: tuple[int, ...] = _setting((16, 32, 64), low=1, high=4096)
    kernel: int = _setting(4, low=2, high=15)
    last_kernel: int = _setting(3, low=2, high=15)
    features: int = _setting(128, low=0, high=4096)
    norm: str = _setting("none", names=("none", "batch"))
    spectral_norm: bool = _setting(False)
    slope: float = _setting(0.2, low=0.0, high=1.0)
    dropout: float = _setting(0.0, low=0.0, high=0.95)
    pixels: str = _setting("signed", names=("signed", "unit"))
    auxiliary_classifier: bool = _setting(False)
    initialisation: str = _setting("he", names=INITIALISATIONS)

    @property
    def conditional(self) -> bool:
        """Whether the score depends on the label."""
        return self.label_input != "none" or (self.label_biases and len(self.channels) > 1)


@final
@dataclass(frozen=True)
class RecurrentDiscriminatorRecipe:
    """Image and label, row by row -> LSTM -> dense features -> score.

    Attributes:
        family: this one.
        label_input: how the label reaches it, as in the convolutional family.
        units: of the LSTM.
        features: width of the dense layer before the score; 0 for none.
        pixels: the range the network thinks of: "signed" (-1 to 1) or "unit" (0 to 1).
        auxiliary_classifier: whether it also tells which class an image is of.
        initialisation: of the weights: "keras" or "torch".
    """

    family: str = _setting("recurrent", names=("recurrent",))
    label_input: str = _setting("row-plane", names=DISCRIMINATOR_LABELS)
    units: int = _setting(128, low=1, high=4096)
    features: int = _setting(64, low=0, high=4096)
    pixels: str = _setting("unit", names=("signed", "unit"))
    auxiliary_classifier: bool = _setting(False)
    initialisation: str = _setting("keras", names=("keras", "torch"))

    @property
    def conditional(self) -> bool:
        """Whether the score depends on the label."""
        return self.label_input != "none"


GeneratorRecipe = ConvolutionalGeneratorRecipe | RecurrentGeneratorRecipe | LayeredGeneratorRecipe
DiscriminatorRecipe = ConvolutionalDiscriminatorRecipe | RecurrentDiscriminatorRecipe

FAMILY_SECTIONS: Final[Mapping[str, Mapping[str, type]]] = types.MappingProxyType(
    {
        "generator": {
            "convolutional": ConvolutionalGeneratorRecipe,
            "recurrent": RecurrentGeneratorRecipe,
            "layered": LayeredGeneratorRecipe,
        },
        "discriminator": {"convolutional": ConvolutionalDiscriminatorRecipe, "recurrent": RecurrentDiscriminatorRecipe},
    }
)
"""The sections whose settings depend on their `family`."""


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

    name: str = _setting("relativistic")
    label_smoothing: float = _setting(0.0, low=0.0, high=0.5)
    matching_aware: bool = _setting(False)
    classifier_weight: float = _setting(1.0, low=0.0, high=1e3)


@final
@dataclass(frozen=True)
class PenaltyRecipe:
    """What keeps the discriminator smooth.

    Attributes:
        name: one of the penalties' table, or "none".
        gamma: its weight.
        interval: applied at every so many steps, and weighted by as many (lazy regularisation, Karras et al. 2020).
    """

    name: str = _setting("r1")
    gamma: float = _setting(0.05, low=0.0, high=1e4)
    interval: int = _setting(8, low=1, high=1024)


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

    order: str = _setting("alternating", names=("alternating", "simultaneous"))
    fakes: str = _setting("shared", names=("shared", "fresh"))
    fake_labels: str = _setting("real", names=("real", "uniform"))
    batches: str = _setting("stacked", names=("stacked", "separate"))
    generator_batch: int = _setting(0, low=0, high=65_536)
    discriminator_steps: int = _setting(1, low=1, high=100)
    microbatches: int = _setting(1, low=1, high=1024)


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

    generator_learning_rate: float = _setting(3e-3, low=0.0, high=1.0)
    discriminator_learning_rate: float = _setting(3e-3, low=0.0, high=1.0)
    beta1: float = _setting(0.0, low=0.0, high=0.9999)
    beta2: float = _setting(0.95, low=0.0, high=0.999999)
    epsilon: float = _setting(1e-8, low=1e-16, high=1.0)
    decay: str = _setting("linear", names=("linear", "cosine", "none"))
    decay_share: float = _setting(0.4, low=0.0, high=1.0)


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

    decay: float = _setting(0.998, low=0.0, high=0.999999)
    warm_up: float = _setting(10.0, low=1.0, high=1e6)
    statistics: str = _setting("recomputed", names=("recomputed", "running"))


@final
@dataclass(frozen=True)
class TrainingRecipe:
    """How long, in what portions, and how often something is shown or saved.

    Attributes:
        images: length of the run in images seen.
        batch_size: real images, and as many fakes, in each step.
        precision: "float32", "bfloat16" (autocast), or "auto": the faster of the two, measured at the start and recorded.
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

    images: int = _setting(75_000, low=1, high=10**12)
    batch_size: int = _setting(64, low=2, high=65_536)
    precision: str = _setting("auto", names=("auto", "float32", "bfloat16"))
    pretraining: int = _setting(0, low=0, high=10**6)
    generator_pretraining: int = _setting(0, low=0, high=10**6)
    previews: int = _setting(24, low=1, high=10_000)
    grid: str = _setting("classes", names=("classes", "4x4", "5x5", "10x10"))
    checkpoints: int = _setting(4, low=1, high=10_000)
    snapshots: int = _setting(0, low=0, high=10_000)
    evaluate_every: int = _setting(0, low=0, high=10**12)
    preview_epochs: float = _setting(0.0, low=0.0, high=1e6)
    checkpoint_epochs: float = _setting(0.0, low=0.0, high=1e6)


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

    rollbacks: int = _setting(3, low=0, high=100)
    learning_rate_factor: float = _setting(0.5, low=0.01, high=1.0)
    discriminator_collapse: bool = _setting(True)
    mode_collapse: bool = _setting(True)


@final
@dataclass(frozen=True)
class Recipe:
    """Everything that defines a training run but its data set and its seed."""

    name: str
    description: str
    generator: GeneratorRecipe = ConvolutionalGeneratorRecipe()
    discriminator: DiscriminatorRecipe = ConvolutionalDiscriminatorRecipe()
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

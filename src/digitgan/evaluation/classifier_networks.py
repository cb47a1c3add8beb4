"""The networks of the feature classifiers: a small one for small grey images, a residual one for all others."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Mapping
from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from digitgan.device import initialize_vector_math
from digitgan.networks import ImageSpec
from digitgan.networks.whitening import COMPONENTS, STAGE_SIDE, whitening_shape, whitening_weights

WIDTHS: Final = (24, 48, 64)
"""The number of maps of each stage of the small network."""

RESIDUAL_WIDTHS: Final = (64, 128, 256)
"""The number of maps of each stage of the residual network."""

MIN_SIDE: Final = 8
"""The least height and width of an image, in pixels: the stages halve it three times."""

MAX_SMALL_SIDE: Final = 32
"""The largest side, in pixels, of the grey images that have the small network."""

LOGITS_SCALE: Final = 1 / 8
"""The factor of the features in the logits of the residual network. Without it, the first steps overshoot."""

NORM_MOMENTUM: Final = 0.2
"""The share of each batch in the statistics of batch norm of the residual network, whose training may have only some steps."""

FEATURES: Final = 128
"""The width of the last hidden layer, which the metrics compare."""

SMALL, RESIDUAL = "small", "residual"


def small_features(spec: ImageSpec) -> nn.Sequential:
    """Return three stages of two convolutions with batch norm, each halving the size, and a hidden layer."""
    layers: list[nn.Module] = []
    before = spec.channels
    for width in WIDTHS:
        for narrow in (before, width):
            layers += [nn.Conv2d(narrow, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        layers.append(nn.MaxPool2d(2))
        before = width
    size = WIDTHS[-1] * (spec.height // 8) * (spec.width // 8)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(size, FEATURES), nn.ReLU())


def residual_features(spec: ImageSpec) -> nn.Sequential:
    """Return a whitening layer, three stages, one with a residual block, and global max pooling.

    The weights of the first layer are set by `set_whitening` and not trained. The cost for an image hardly depends on its size
    above 64 pixels.
    """
    first, second, third = RESIDUAL_WIDTHS
    patches = whitening_shape(spec)
    before, padding = 2 * patches.components, (patches.kernel - patches.stride + 1) // 2
    layers: list[nn.Module] = [
        nn.Conv2d(spec.channels, before, patches.kernel, patches.stride, padding, bias=False),
        nn.ReLU(),
    ]
    layers[0].requires_grad_(False)
    if patches.side > STAGE_SIDE:
        layers += _convolution(before, 2 * COMPONENTS, stride=2)
        before = 2 * COMPONENTS
    layers += [*_convolution(before, first), nn.MaxPool2d(2, ceil_mode=True)]
    layers += [*_convolution(first, second), _Residual(second), nn.MaxPool2d(2, ceil_mode=True)]
    layers += [*_convolution(second, third), *_convolution(third, FEATURES)]
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten())


def set_whitening(classifier: FeatureClassifier, images: Tensor) -> None:
    """Set the first layer of a residual network to the principal components of patches of its training images.

    Args:
        classifier: the classifier, whose other layers stay as they are.
        images: images (n, channels, height, width) in [-1, 1].
    """
    convolution = classifier.features[0]
    assert isinstance(convolution, nn.Conv2d)
    (kernel, _), (stride, _) = convolution.kernel_size, convolution.stride
    with torch.no_grad():
        convolution.weight.copy_(whitening_weights(images, kernel, stride, convolution.out_channels // 2))


def _convolution(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    norm = nn.BatchNorm2d(after, momentum=NORM_MOMENTUM)
    return [nn.Conv2d(before, after, 3, stride, padding=1, bias=False), norm, nn.ReLU(inplace=True)]


@final
class _Residual(nn.Module):
    """x + branch(x), with one convolution in the branch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(*_convolution(width, width))

    def forward(self, maps: Tensor) -> Tensor:
        added: Tensor = maps + self.branch(maps)
        return added


@final
class _ScaledLinear(nn.Linear):
    """A linear layer whose inputs are multiplied by `LOGITS_SCALE`, which suits the large features of a maximum."""

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features * LOGITS_SCALE)


FEATURE_NETWORKS: Final[Mapping[str, Callable[[ImageSpec], nn.Sequential]]] = types.MappingProxyType(
    {SMALL: small_features, RESIDUAL: residual_features}
)
"""The networks by name; the file of a classifier names its network."""


def network_for(spec: ImageSpec) -> str:
    """Return the name of the network for images of this shape."""
    return SMALL if spec.channels == 1 and max(spec.height, spec.width) <= MAX_SMALL_SIDE else RESIDUAL


@final
class FeatureClassifier(nn.Module):
    """A convolutional classifier, whose last hidden layer of `FEATURES` units gives the features.

    Args:
        spec: the size of the images and the number of classes.
        network: the name of its network in `FEATURE_NETWORKS`; None for that of `network_for`.

    Attributes:
        features: images (n, channels, height, width) in [-1, 1] -> features (n, FEATURES).
        logits: features -> logits (n, classes).
    """

    def __init__(self, spec: ImageSpec, network: str | None = None) -> None:
        super().__init__()
        initialize_vector_math()
        self.spec = spec
        self.network = network or network_for(spec)
        self.features = FEATURE_NETWORKS[self.network](spec)
        self.logits = (nn.Linear if self.network == SMALL else _ScaledLinear)(FEATURES, spec.classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (n, classes) of images (n, channels, height, width) in [-1, 1]."""
        logits: Tensor = self.logits(self.features(images))
        return logits


def folded(classifier: FeatureClassifier) -> FeatureClassifier:
    """Return a copy of a classifier for inference, with each batch norm folded into the preceding convolution.

    Inference takes half the time. Features differ by rounding errors of the order of 1e-6.
    """
    faster = copy.deepcopy(classifier).eval()
    for layers in [layer for layer in faster.modules() if isinstance(layer, nn.Sequential)]:
        for place in range(len(layers) - 1):
            convolution, norm = layers[place], layers[place + 1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                layers[place] = fuse_conv_bn_eval(convolution, norm)
                layers[place + 1] = nn.Identity()
    return in_channels_last(faster)


def stored(tensor: Tensor, network: str) -> Tensor:
    """Return a tensor of a network as its file holds it: the kernels of a residual network in float16, others as they are."""
    return tensor.half() if network != SMALL and tensor.ndim > 1 else tensor


def in_channels_last(classifier: FeatureClassifier) -> FeatureClassifier:
    """Return the classifier with its weights in the layout that CPUs prefer."""
    return classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

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

WIDTHS: Final = (24, 48, 64)
"""The number of maps of each stage of the small network."""

RESIDUAL_WIDTHS: Final = (24, 64, 128, 192)
"""The number of maps of each stage of the residual network."""

MIN_SIDE: Final = 8
"""The least height and width of an image, in pixels: the stages halve it three times."""

LARGEST_SIDE: Final = 32
"""The largest side, in pixels, at which the residual network computes its first maps. It halves larger images before."""

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
    """Return a stem, three stages that halve the size and have a residual block each, and a hidden layer.

    The cost for an image does not depend on its size above `LARGEST_SIDE`.
    """
    first, *others = RESIDUAL_WIDTHS
    layers: list[nn.Module] = []
    before, side = spec.channels, max(spec.height, spec.width)
    while side > LARGEST_SIDE:
        layers += _convolution(before, first, stride=2)
        before, side = first, (side + 1) // 2
    layers += _convolution(before, first)
    for place, width in enumerate(others):
        layers += _convolution(RESIDUAL_WIDTHS[place], width, stride=2)
        layers.append(_Residual(width))
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(others[-1], FEATURES), nn.ReLU())


def _convolution(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]


@final
class _Residual(nn.Module):
    """x + branch(x), with one convolution in the branch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(*_convolution(width, width))

    def forward(self, maps: Tensor) -> Tensor:
        added: Tensor = maps + self.branch(maps)
        return added


FEATURE_NETWORKS: Final[Mapping[str, Callable[[ImageSpec], nn.Sequential]]] = types.MappingProxyType(
    {SMALL: small_features, RESIDUAL: residual_features}
)
"""The networks by name; the file of a classifier names its network."""


def network_for(spec: ImageSpec) -> str:
    """Return the name of the network for images of this shape."""
    return SMALL if spec.channels == 1 and max(spec.height, spec.width) <= LARGEST_SIDE else RESIDUAL


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
        self.logits = nn.Linear(FEATURES, spec.classes)

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


def in_channels_last(classifier: FeatureClassifier) -> FeatureClassifier:
    """Return the classifier with its weights in the layout that CPUs prefer."""
    return classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

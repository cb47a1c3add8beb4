"""What a recipe's networks look like: a table of their layers, and a picture of both."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from digitgan.errors import UsageError
from digitgan.networks.base import Discriminator, DiscriminatorOutput, Generator, ImageSpec

if TYPE_CHECKING:
    from PIL.Image import Image

MISSING = "needs torchinfo and visualtorch, which come with the extra `diagrams`: pip install 'digitgan[diagrams]'"


def layer_table(network: Generator | Discriminator) -> str:
    """The network's layers with the shapes of what they give, for a batch of one, and their numbers of parameters.

    Raises:
        UsageError: if torchinfo is not installed.
    """
    try:
        import torchinfo
    except ImportError as problem:
        raise UsageError(f"a summary {MISSING}") from problem
    inputs = [torch.zeros(size, dtype=kind) for size, kind in _inputs(network)]
    table = torchinfo.summary(
        network, input_data=inputs, col_names=("output_size", "num_params"), depth=3, verbose=0, device="cpu", mode="eval"
    )
    return str(table).replace("(Units.MEGABYTES)", "(millions)")  # as torchinfo writes since enums print otherwise


def diagram(network: Generator | Discriminator) -> Image:
    """A picture of the network's layers: a box each, with the shape of what it gives, and what leads where.

    Raises:
        UsageError: if visualtorch is not installed.
    """
    try:
        import visualtorch
    except ImportError as problem:
        raise UsageError(f"a diagram {MISSING}") from problem
    sizes, kinds = zip(*_inputs(network), strict=True)
    with warnings.catch_warnings(action="ignore"):
        picture: Image = visualtorch.render(
            _ScoresAlone(network).eval(),
            sizes,
            style="graph",
            input_dtype=kinds,
            show_neurons=False,
            show_dimension=True,
            legend=True,
            layer_spacing=120,
            type_ignore=[nn.Identity, nn.ZeroPad2d],
        )
    coloured: Image = picture.convert("RGB")
    return coloured


def _inputs(network: Generator | Discriminator) -> list[tuple[tuple[int, ...], torch.dtype]]:
    """Sizes and types of what the network is given: for a batch of one."""
    spec: ImageSpec = network.spec
    first = (1, network.latent) if isinstance(network, Generator) else (1, spec.channels, spec.height, spec.width)
    return [(first, torch.float32), ((1,), torch.int64)]


@final
class _ScoresAlone(nn.Module):
    """A network that gives one tensor, which is what the picture's maker understands; labels stay within the classes."""

    def __init__(self, network: Generator | Discriminator) -> None:
        super().__init__()
        self.network = network

    def forward(self, first: Tensor, labels: Tensor) -> Tensor:
        """Images, or scores."""
        made = self.network(first, labels % self.network.spec.classes)
        return made.logits if isinstance(made, DiscriminatorOutput) else made

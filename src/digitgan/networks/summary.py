"""Descriptions of networks: layer tables, diagrams, parameter counts, and the output of untrained ones."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
import torch
from torch import Tensor, nn

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.files import claim_output, free_path
from digitgan.images import save_png, stacked
from digitgan.networks import (
    Discriminator,
    DiscriminatorOutput,
    Generator,
    ImageSpec,
    build_discriminator,
    build_generator,
    trained_parameters,
)
from digitgan.recipes import DEFAULT_RECIPE, find_recipe

if TYPE_CHECKING:
    from PIL.Image import Image

MISSING_DIAGRAM_PACKAGES = "requires torchinfo and visualtorch; install them with pip install 'digitgan[diagrams]'"


def layer_table(network: Generator | Discriminator) -> str:
    """Return a table of the layers of a network, with their output shapes for a batch of one and their parameter counts.

    Raises:
        UsageError: if torchinfo is not installed.
    """
    try:
        import torchinfo
    except ImportError as problem:
        raise UsageError(f"--summary {MISSING_DIAGRAM_PACKAGES}") from problem
    inputs = [torch.zeros(size, dtype=kind) for size, kind in _inputs(network)]
    table = torchinfo.summary(
        network, input_data=inputs, col_names=("output_size", "num_params"), depth=3, verbose=0, device="cpu", mode="eval"
    )
    return str(table).replace("(Units.MEGABYTES)", "(millions)")  # since enums print their name, torchinfo shows the wrong unit


def diagram_of(network: Generator | Discriminator) -> Image:
    """Draw a network as a graph, with one box per layer that shows its output shape.

    Raises:
        UsageError: if visualtorch is not installed.
    """
    try:
        import visualtorch
    except ImportError as problem:
        raise UsageError(f"--diagram {MISSING_DIAGRAM_PACKAGES}") from problem
    sizes, kinds = zip(*_inputs(network), strict=True)
    with warnings.catch_warnings(action="ignore"):
        picture: Image = visualtorch.render(
            _LogitsOnly(network).eval(),
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
    """Return the shapes and types of the inputs of a network, for a batch of one."""
    spec: ImageSpec = network.spec
    first = (1, network.latent) if isinstance(network, Generator) else (1, spec.channels, spec.height, spec.width)
    return [(first, torch.float32), ((1,), torch.int64)]


@final
class _LogitsOnly(nn.Module):
    """A wrapper with a single output tensor, as visualtorch requires, that keeps labels within the number of classes."""

    def __init__(self, network: Generator | Discriminator) -> None:
        super().__init__()
        self.network = network

    def forward(self, first: Tensor, labels: Tensor) -> Tensor:
        """Return images or scores."""
        made = self.network(first, labels % self.network.spec.classes)
        return made.logits if isinstance(made, DiscriminatorOutput) else made


@final
@dataclass(frozen=True)
class RecipeDescription:
    """A description of the networks of a recipe.

    Attributes:
        tables: a layer table per network; empty unless requested.
        picture: the path of the diagram of both networks; None unless requested.
        parameters: the number of trained parameters of each network.
    """

    tables: list[str]
    picture: Path | None
    parameters: dict[str, int]


def describe_recipe(name: str | None, *, summary: bool, diagram: bool, out: Path | None, overwrite: bool) -> RecipeDescription:
    """Describe the networks of a recipe for 28x28 grey images with 10 classes (`digitgan recipes NAME --summary`).

    Args:
        name: the name of the recipe.
        summary: whether to make the layer tables.
        diagram: whether to write the diagram.
        out: the path of the diagram; by default the first free path of the form NAME.png, NAME-2.png, …
        overwrite: whether an existing diagram may be replaced.

    Raises:
        DigitganError: if the name is missing or unknown, or if the diagram cannot be written.
    """
    if name is None:
        raise UsageError(
            f"--{'summary' if summary else 'diagram'}: name one recipe, such as `digitgan recipes {DEFAULT_RECIPE} --summary`"
        )
    recipe = find_recipe(name)
    spec = ImageSpec(1, 28, 28, 10)
    networks: dict[str, Generator | Discriminator] = {
        "generator": build_generator(recipe, spec),
        "discriminator": build_discriminator(recipe, spec),
    }
    counts = {kind: trained_parameters(network) for kind, network in networks.items()}
    tables = [f"{kind} of {name}\n{layer_table(network)}" for kind, network in networks.items()] if summary else []
    path = None
    if diagram:
        path = out or free_path(Path(f"{name}.png"))
        claim_output(path, ".png", overwrite=overwrite)
        save_png(path, stacked([np.asarray(diagram_of(network)) for network in networks.values()]))
    return RecipeDescription(tables, path, counts)


def score_untrained(recipe_name: str, seed: int = 0) -> dict[str, float]:
    """Score one image of the untrained generator with the untrained discriminator (`digitgan recipes RECIPE --untrained`).

    Returns:
        The `score`, and the `probability`, its sigmoid. The last layer has random weights of mean 0. Over many seeds, the means
        are therefore 0 and 0.5; one network may differ from them.

    Raises:
        RecipeError: if the recipe is unknown.
    """
    recipe = find_recipe(recipe_name)
    spec = ImageSpec(1, 28, 28, 10)
    labels = torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        generator = build_generator(recipe, spec, seed).eval()
        z = torch.from_numpy(rng.normals(seed, "drawn latents", 0, 1, generator.latent))
        image = generator(z, labels)
        score = build_discriminator(recipe, spec, seed).eval()(image, labels).logits
    return {"score": round(float(score), 6), "probability": round(float(score.sigmoid()), 6)}

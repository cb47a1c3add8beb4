"""A recipe described by its networks: their layers, their picture, and what they say untrained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.files import claim_output, free_path
from digitgan.images import save_png, stacked
from digitgan.networks import Discriminator, Generator, ImageSpec, build_discriminator, build_generator, trained_parameters
from digitgan.networks.summary import diagram as draw_network
from digitgan.networks.summary import layer_table
from digitgan.recipes import DEFAULT_RECIPE, find_recipe


@final
@dataclass(frozen=True)
class RecipeDescription:
    """What `describe_recipe` tells of a recipe's networks.

    Attributes:
        tables: a table of layers for each network, where one was asked for.
        picture: where the picture of both is, where one was asked for.
        parameters: how many trained numbers each network has.
    """

    tables: list[str]
    picture: Path | None
    parameters: dict[str, int]


def describe_recipe(name: str | None, *, summary: bool, diagram: bool, out: Path | None, overwrite: bool) -> RecipeDescription:
    """`digitgan recipes NAME --summary` or `--diagram`: its networks for images like MNIST's.

    Raises:
        DigitganError: without a recipe's name, for an unknown one, or if the picture can't be written.
    """
    if name is None:
        raise UsageError(
            f"--{'summary' if summary else 'diagram'} is of one recipe: digitgan recipes {DEFAULT_RECIPE} --summary"
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
        claim_output(path, overwrite=overwrite)
        save_png(path, stacked([np.asarray(draw_network(network)) for network in networks.values()]))
    return RecipeDescription(tables, path, counts)


def score_untrained(recipe_name: str, seed: int = 0) -> dict[str, float]:
    """`digitgan doctor --untrained RECIPE`: what its untrained discriminator says of one image of its untrained generator.

    Returns:
        `score`, and `probability`, its sigmoid: near 0 and a half, for it has no idea yet.

    Raises:
        RecipeError: for an unknown recipe.
    """
    recipe = find_recipe(recipe_name)
    spec = ImageSpec(1, 28, 28, 10)
    labels = torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        z = torch.from_numpy(rng.normals(seed, "drawn latents", 0, 1, recipe.generator.latent))
        image = build_generator(recipe, spec, seed).eval()(z, labels)
        score = build_discriminator(recipe, spec, seed).eval()(image, labels).logits
    return {"score": round(float(score), 6), "probability": round(float(score.sigmoid()), 6)}

"""The recurrent family: each network treats the image as a sequence of rows, with an LSTM.

Source: Hochreiter and Schmidhuber 1997.
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from digitgan.networks.base import Discriminator, DiscriminatorOutput, Generator, ImageSpec
from digitgan.networks.conditioning import Head, label_planes, label_vector
from digitgan.networks.layers import initialise, input_layer, output_layer
from digitgan.recipes import RecurrentDiscriminatorRecipe, RecurrentGeneratorRecipe


@final
class RecurrentGenerator(Generator):
    """A generator: latent and label -> dense -> features per row -> LSTM -> one dense layer for all rows -> pixels.

    In the autoregressive form, the LSTM input of a row is its features and the generated pixels of the row above. The row
    above the first row is black.
    """

    def __init__(self, recipe: RecurrentGeneratorRecipe, spec: ImageSpec) -> None:
        super().__init__(spec, recipe.latent)
        self.autoregressive = recipe.autoregressive
        self.row_features = recipe.row_features
        self.row = spec.channels * spec.width
        self.label = label_vector(recipe.label_input, spec.classes, recipe.label_embedding)
        self.dense = nn.Linear(recipe.latent + self.label.width, spec.height * recipe.row_features)
        self.lstm = one_bias_lstm(recipe.row_features + (self.row if recipe.autoregressive else 0), recipe.units)
        self.pixels = nn.Linear(recipe.units, self.row)
        self.output = output_layer(recipe.output)
        initialise(self, recipe.initialisation, slope=0.0)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """See `Generator.forward`."""
        features = torch.relu(self.dense(torch.cat([z, self.label(labels).to(z.dtype)], dim=1)))
        features = features.view(-1, self.spec.height, self.row_features)
        rows = self._one_after_another(features) if self.autoregressive else self.output(self.pixels(self.lstm(features)[0]))
        return rows.reshape(-1, self.spec.height, self.spec.channels, self.spec.width).transpose(1, 2)

    def _one_after_another(self, features: Tensor) -> Tensor:
        above = features.new_full((features.shape[0], 1, self.row), -1.0)  # len() would fix n in an exported program
        state = None
        rows = []
        for row in range(self.spec.height):
            hidden, state = self.lstm(torch.cat([features[:, row : row + 1], above], dim=2), state)
            above = self.output(self.pixels(hidden)).to(features.dtype)
            rows.append(above)
        return torch.cat(rows, dim=1)


@final
class RecurrentDiscriminator(Discriminator):
    """A discriminator: rows of the image and of the label planes -> last LSTM output -> optional dense features -> score."""

    def __init__(self, recipe: RecurrentDiscriminatorRecipe, spec: ImageSpec) -> None:
        super().__init__(spec)
        self.input = input_layer(recipe.pixels)
        self.planes = label_planes(recipe.label_input, spec)
        channels = spec.channels + (self.planes.channels if self.planes is not None else 0)
        self.lstm = one_bias_lstm(channels * spec.width, recipe.units)
        self.dense = nn.Linear(recipe.units, recipe.features) if recipe.features else None
        self.score = Head(
            spec.classes,
            recipe.features or recipe.units,
            projection=recipe.label_input == "projection",
            classifier=recipe.auxiliary_classifier,
        )
        initialise(self, recipe.initialisation, slope=0.0)

    def forward(self, images: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """See `Discriminator.forward`."""
        maps = self.input(images)
        if self.planes is not None:
            maps = torch.cat([maps, self.planes(labels).to(maps.dtype)], dim=1)
        rows = maps.transpose(1, 2).flatten(start_dim=2)
        features = self.lstm(rows)[0][:, -1]
        if self.dense is not None:
            features = torch.relu(self.dense(features))
        output: DiscriminatorOutput = self.score(features, labels)
        return output


def one_bias_lstm(width: int, units: int) -> nn.LSTM:
    """Return an LSTM with one trained bias per gate; the second bias that torch adds stays zero."""
    lstm = nn.LSTM(width, units, batch_first=True)
    second = lstm.get_parameter("bias_hh_l0")
    nn.init.zeros_(second)
    second.requires_grad_(False)
    return lstm

"""The recurrent family: the image as a sequence of rows, an LSTM (Hochreiter and Schmidhuber 1997) in each network."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from digitgan.networks.base import Discriminator, Generator, ImageForm, Judgement
from digitgan.networks.conditioning import Head, label_planes, label_vector
from digitgan.networks.layers import initialise, input_layer, output_layer
from digitgan.recipes import RecurrentDiscriminatorRecipe, RecurrentGeneratorRecipe


@final
class RecurrentGenerator(Generator):
    """Latent and label -> dense -> features for each row -> LSTM -> the same dense layer at every row -> the rows' pixels.

    In the autoregressive form the LSTM is given, beside each row's features, the row above as it was drawn; above the first
    there is an empty (black) one.
    """

    def __init__(self, recipe: RecurrentGeneratorRecipe, form: ImageForm) -> None:
        super().__init__(form, recipe.latent)
        self.autoregressive = recipe.autoregressive
        self.row_features = recipe.row_features
        self.row = form.channels * form.width
        self.label = label_vector(recipe.label_input, form.classes, recipe.label_embedding)
        self.dense = nn.Linear(recipe.latent + self.label.width, form.height * recipe.row_features)
        self.lstm = one_bias_lstm(recipe.row_features + (self.row if recipe.autoregressive else 0), recipe.units)
        self.pixels = nn.Linear(recipe.units, self.row)
        self.output = output_layer(recipe.output)
        initialise(self, recipe.initialisation, slope=0.0)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """See `Generator.forward`."""
        features = torch.relu(self.dense(torch.cat([z, self.label(labels)], dim=1)))
        features = features.view(-1, self.form.height, self.row_features)
        rows = self._one_after_another(features) if self.autoregressive else self.output(self.pixels(self.lstm(features)[0]))
        return rows.reshape(-1, self.form.height, self.form.channels, self.form.width).transpose(1, 2)

    def _one_after_another(self, features: Tensor) -> Tensor:
        above = features.new_full((features.shape[0], 1, self.row), -1.0)  # len() would fix it in an exported program
        state = None
        rows = []
        for row in range(self.form.height):
            hidden, state = self.lstm(torch.cat([features[:, row : row + 1], above], dim=2), state)
            above = self.output(self.pixels(hidden)).to(features.dtype)
            rows.append(above)
        return torch.cat(rows, dim=1)


@final
class RecurrentDiscriminator(Discriminator):
    """Rows of the image, and of the label's planes beside it -> LSTM, its last output -> dense features, if any -> score."""

    def __init__(self, recipe: RecurrentDiscriminatorRecipe, form: ImageForm) -> None:
        super().__init__(form)
        self.input = input_layer(recipe.pixels)
        self.planes = label_planes(recipe.label_input, form)
        channels = form.channels + (self.planes.channels if self.planes is not None else 0)
        self.lstm = one_bias_lstm(channels * form.width, recipe.units)
        self.dense = nn.Linear(recipe.units, recipe.features) if recipe.features else None
        self.score = Head(
            form.classes,
            recipe.features or recipe.units,
            projection=recipe.label_input == "projection",
            classifier=recipe.auxiliary_classifier,
        )
        initialise(self, recipe.initialisation, slope=0.0)

    def forward(self, images: Tensor, labels: Tensor) -> Judgement:
        """See `Discriminator.forward`."""
        maps = self.input(images)
        if self.planes is not None:
            maps = torch.cat([maps, self.planes(labels).to(maps.dtype)], dim=1)
        rows = maps.transpose(1, 2).flatten(start_dim=2)
        features = self.lstm(rows)[0][:, -1]
        if self.dense is not None:
            features = torch.relu(self.dense(features))
        judgement: Judgement = self.score(features, labels)
        return judgement


def one_bias_lstm(width: int, units: int) -> nn.LSTM:
    """An LSTM with one trained bias for each gate, as it is written; torch adds a second, which here stays zero."""
    lstm = nn.LSTM(width, units, batch_first=True)
    second = lstm.get_parameter("bias_hh_l0")
    nn.init.zeros_(second)
    second.requires_grad_(False)
    return lstm

"""Export to a folder for Keras 3 with any backend: architectures as JSON, weights, and both in one file."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import ClassVar, final

import numpy as np

from digitgan.exporters.base import ExportedModel, ExportFormat, Images, Labels, Latents
from digitgan.exporters.keras_families import keras_discriminator, keras_generator
from digitgan.exporters.keras_layers import KerasModel, load_keras

EXAMPLE = '''"""Generate ten images with Keras alone: python draw.py"""

import keras
import numpy as np

with open("generator.json") as file:
    generator = keras.models.model_from_json(file.read())
generator.load_weights("generator.weights.h5")

z = np.random.default_rng(0).standard_normal((10, {latent})).astype("float32")
{call}
print(images.shape, images.min(), images.max())  # (10, {height}, {width}, {channels}), within -1 and 1
'''


@final
class KerasFiles(ExportFormat):
    """A folder with `generator.json`, `.weights.h5` and `.keras`, likewise the discriminator, and an example."""

    name: ClassVar[str] = "keras"
    takes_discriminator: ClassVar[bool] = True

    def check(self) -> None:
        """See `ExportFormat.check`."""
        load_keras()

    def write(self, exported: ExportedModel, path: Path, quantize: str | None) -> None:
        """See `ExportFormat.write`."""
        model = exported.model
        _save(keras_generator(model.generator, conditional=model.recipe.conditional), path, "generator")
        if exported.discriminator is not None:
            told = model.recipe.discriminator.conditional
            _save(keras_discriminator(exported.discriminator, conditional=told), path, "discriminator")
        spec = model.generator.spec
        labelled = 'labels = np.arange(10, dtype="int32").reshape(-1, 1) % {classes}\nimages = generator.predict([z, labels])'
        call = labelled.format(classes=spec.classes) if model.recipe.conditional else "images = generator.predict(z)"
        text = EXAMPLE.format(
            latent=model.generator.latent, call=call, height=spec.height, width=spec.width, channels=spec.channels
        )
        (path / "draw.py").write_text(text, encoding="utf-8")

    def draw(self, path: Path, z: Latents, labels: Labels) -> Images:
        """See `ExportFormat.draw`."""
        model = load_keras().models.model_from_json((path / "generator.json").read_text(encoding="utf-8"))
        model.load_weights(path / "generator.weights.h5")
        given = [z, labels.astype(np.int32)[:, None]] if len(model.inputs) == 2 else z
        images: Images = model.predict(given, verbose=0, batch_size=64).transpose(0, 3, 1, 2)
        return images


def _save(model: KerasModel, folder: Path, name: str) -> None:
    (folder / f"{name}.json").write_text(model.to_json(indent=1) + "\n", encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns that the model is not compiled with an optimizer
        model.save_weights(folder / f"{name}.weights.h5")
        model.save(folder / f"{name}.keras")

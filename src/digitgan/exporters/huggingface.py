"""Export to a folder in the layout of the Hugging Face Hub: model file, card and picture. Nothing is uploaded."""

from __future__ import annotations

import dataclasses
import importlib.resources
import json
from pathlib import Path
from typing import Any, ClassVar, Final, final

import numpy as np

from digitgan.exporters.base import ExportedModel, ExportFormat, Images, Labels, Latents, drawn_directly, facts
from digitgan.files import file_hash
from digitgan.images import enlarged, grid, save_png
from digitgan.model.file import load_model, save_model

MODEL_CARD_TEMPLATE: Final = "model_card.md.j2"
MODEL: Final = "model.safetensors"
CARD_COLUMNS: Final = 10
"""Images per row of the picture."""

MAX_CARD_ROWS: Final = 10


@final
class HuggingFace(ExportFormat):
    """A folder with `model.safetensors`, `config.json`, `grid.png`, and a `README.md` with the metadata of the Hub."""

    name: ClassVar[str] = "huggingface"

    def check(self) -> None:
        """See `ExportFormat.check`; no package is required."""

    def write(self, exported: ExportedModel, path: Path, quantize: str | None) -> None:
        """See `ExportFormat.write`."""
        model = exported.model
        save_model(path / MODEL, model)
        exported = dataclasses.replace(exported, sha256=file_hash(path / MODEL))  # the saved file may differ from the source
        config = {**facts(exported), "card": model.card}
        (path / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        labels = np.repeat(np.arange(min(MAX_CARD_ROWS, len(model.class_names))), CARD_COLUMNS)
        if not model.recipe.conditional:
            labels = np.zeros(MAX_CARD_ROWS * CARD_COLUMNS, dtype=np.int64)
        save_png(path / "grid.png", enlarged(grid(model.sample(labels), CARD_COLUMNS), 2))
        (path / "README.md").write_text(_card(exported), encoding="utf-8")

    def draw(self, path: Path, z: Latents, labels: Labels) -> Images:
        """See `ExportFormat.draw`."""
        return drawn_directly(load_model(path / MODEL), z, labels)


def _card(exported: ExportedModel) -> str:
    from jinja2 import Environment, StrictUndefined

    model = exported.model
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = importlib.resources.files("digitgan.exporters").joinpath(MODEL_CARD_TEMPLATE).read_text(encoding="utf-8")
    data: dict[str, Any] = model.card.get("data") or {}
    measured: dict[str, Any] = model.card.get("metrics") or {}
    described: dict[str, Any] = {
        "recipe": model.recipe.name,
        "conditional": model.recipe.conditional,
        "class_names": model.class_names,
        "form": model.generator.spec,
        "latent": model.generator.latent,
        "parameters": sum(weight.numel() for weight in model.generator.parameters()),
        "sha256": exported.sha256,
        "card": model.card,
        "data": data,
        "metrics": {
            name: value for name, value in measured.items() if isinstance(value, float) and not name.endswith("_on_test_images")
        },
        "protocol": measured.get("protocol", measured.get("class_accuracy_protocol")),
    }
    return environment.from_string(text).render(described).rstrip("\n") + "\n"

"""Export to a stand-alone web page: a folder for any static server, with the generator running in the browser.

The folder holds the generator as ONNX with latent codes and class weights as input, its facts as JSON, and ONNX Runtime Web,
which is bundled with this package (see web/vendor/README.md). The page loads nothing from other servers.
"""

from __future__ import annotations

import importlib.resources
import json
import lzma
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, ClassVar, Final, final

import numpy as np
import torch

from digitgan.exporters.formats import Format, Images, Labels, Latents, Package, facts
from digitgan.exporters.programs import Onnx, onnx_model
from digitgan.generation.text import MARKS, PEN, UNSTEADINESS

NETWORK: Final = "generator.onnx"
FACTS: Final = "model.json"
PAGE: Final = ("index.html", "page.js", "generator.js", "pad.js")
SHARED: Final = ("style.css", "icon.svg", "dom.js")
"""Files shared with the page of the studio."""

RUNTIME: Final = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "LICENSE")
PACKED: Final = "ort-wasm-simd-threaded.wasm"


@final
class Web(Format):
    """A folder with a page for writing text and exploring the latent space."""

    name: ClassVar[str] = "web"

    def check(self) -> None:
        """See `Format.check`."""
        Onnx().check()

    def write(self, package: Package, path: Path, quantize: str | None) -> None:
        """See `Format.write`."""
        ours = importlib.resources.files("digitgan")
        here = ours / "exporters" / "web"
        for folder, names in ((here, PAGE), (ours / "studio" / "page", SHARED), (here / "vendor", RUNTIME)):
            for name in names:
                _copy(folder / name, path / ("LICENSE-onnxruntime-web" if name == "LICENSE" else name))
        (path / PACKED).write_bytes(lzma.decompress((here / "vendor" / f"{PACKED}.xz").read_bytes()))
        (path / NETWORK).write_bytes(onnx_model(package, by_shares=package.model.recipe.conditional).SerializeToString())
        (path / FACTS).write_text(json.dumps(_facts(package)), encoding="utf-8")

    def draw(self, path: Path, z: Latents, labels: Labels) -> Images:
        """See `Format.draw`; computed by ONNX Runtime outside a browser."""
        import onnxruntime

        known = json.loads((path / FACTS).read_text(encoding="utf-8"))
        classes = len(known["class_names"])
        session = onnxruntime.InferenceSession((path / NETWORK).read_bytes(), providers=["CPUExecutionProvider"])
        further = np.tile(np.asarray(known["further"], dtype=np.float32), (len(z), 1))
        given = {"z": np.concatenate([z, further], axis=1), "shares": np.eye(classes, dtype=np.float32)[labels]}
        images: Images = session.run(["images"], {each.name: given[each.name] for each in session.get_inputs()})[0]
        return images


def _facts(package: Package) -> dict[str, Any]:
    """Return the facts about the model that the page needs, as JSON values."""
    known = facts(package)
    generator = package.model.generator
    directions, _ = generator.principal_directions(2)
    return {
        **{
            name: known[name]
            for name in ("recipe", "class_names", "conditional", "latent", "image_spec", "model_sha256", "digitgan")
        },
        "source": package.source if "/" not in package.source else Path(package.source).name,
        "further": generator.extended(torch.zeros(1, generator.latent))[0, generator.latent :].tolist(),
        "directions": np.round(directions.astype(np.float64), 7).tolist(),
        "writing": {
            "unsteadiness": UNSTEADINESS,
            "pen": PEN,
            "marks": {mark: list(strokes) for mark, strokes in MARKS.items()},
        },
    }


def _copy(source: Traversable, target: Path) -> None:
    target.write_bytes(source.read_bytes())

"""Export to a stand-alone web page: a folder for any static server, with the generator running in the browser.

The folder holds the generator as ONNX, with latent codes and class weights as input, its facts as JSON, and a runtime of this
package (web/runtime) that computes images and their gradients. A model of ink on a dark ground brings the classifier of its
training images, if there is one, so that the page recognises drawings. The sections are those of the studio. The page loads
nothing from other servers.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor, nn

from digitgan.errors import UsageError
from digitgan.evaluation.classifier import classifier_of_model
from digitgan.evaluation.classifier_networks import FeatureClassifier, folded
from digitgan.exporters.base import ExportedModel, ExportFormat, Images, Labels, Latents, facts
from digitgan.exporters.programs import Onnx, in_onnx, onnx_model
from digitgan.generation.drawing import ink_form
from digitgan.generation.text import MARKS, PEN, UNSTEADINESS
from digitgan.model.file import Model

NETWORK: Final = "generator.onnx"
CLASSIFIER: Final = "classifier.onnx"
FACTS: Final = "model.json"
PAGE: Final = "index.html"
RUNTIME: Final = "runtime"
SECTIONS: Final = ("draw", "write", "explore")
SHARED: Final = ("style.css", "icon.svg", "dom.js", "pictures.js", "sections.js", *(f"{name}.js" for name in SECTIONS))
"""Files of the studio's page that the exported page has too."""

DIRECTIONS: Final = 8
"""Number of principal directions of the latent that the page knows."""

MIN_HALVED: Final = 64
"""Number of weights from which a tensor is stored as float16."""


@final
class Web(ExportFormat):
    """A folder with a page for drawing digits, writing text and exploring the latent space."""

    name: ClassVar[str] = "web"
    quantisations: ClassVar[tuple[str, ...]] = ("fp16",)

    def check(self) -> None:
        """See `ExportFormat.check`."""
        Onnx().check()

    def write(self, exported: ExportedModel, path: Path, quantize: str | None) -> None:
        """See `ExportFormat.write`; "fp16" stores the weights as float16, and the page computes with float32.

        Raises:
            UsageError: if the runtime of the page lacks an operator of the generator.
        """
        ours = importlib.resources.files("digitgan")
        here, studio = ours / "exporters" / "web", ours / "studio" / "page"
        model, classifier = exported.model, None
        ink = ink_form(model) if model.generator.spec.channels == 1 else None
        if ink is not None:
            classifier = classifier_of_model(model)
        networks = {NETWORK: onnx_model(exported, by_shares=model.recipe.conditional)}
        if classifier is not None:
            networks[CLASSIFIER] = _classifier_in_onnx(classifier)
        for network in networks.values():
            _check_operators(network, here)
        for name, network in networks.items():
            if quantize == "fp16":
                _store_in_half(network)
            (path / name).write_bytes(network.SerializeToString())
        known = _facts(exported)
        known["classifier"] = classifier is not None
        known["ink"] = None if ink is None else {"box": ink.box, "centre": ink.centre, "centred": ink.centred}
        (path / FACTS).write_text(json.dumps(known), encoding="utf-8")
        page = (studio / PAGE).read_text(encoding="utf-8")
        sections = "\n\n".join(_section(page, name) for name in SECTIONS)
        text = (here / PAGE).read_text(encoding="utf-8").replace("<!-- sections -->", sections)
        (path / PAGE).write_text(text, encoding="utf-8")
        (path / RUNTIME).mkdir()
        for source in (*here.iterdir(), *(here / RUNTIME).iterdir(), *(studio / name for name in SHARED)):
            if source.is_file() and source.name != PAGE and not source.name.endswith(".wat"):
                target = path / RUNTIME if (here / RUNTIME / source.name).is_file() else path
                (target / source.name).write_bytes(source.read_bytes())

    def draw(self, path: Path, z: Latents, labels: Labels) -> Images:
        """See `ExportFormat.draw`; computed by ONNX Runtime outside a browser."""
        import onnxruntime

        known = json.loads((path / FACTS).read_text(encoding="utf-8"))
        classes = len(known["class_names"])
        session = onnxruntime.InferenceSession((path / NETWORK).read_bytes(), providers=["CPUExecutionProvider"])
        further = np.tile(np.asarray(known["further"], dtype=np.float32), (len(z), 1))
        given = {"z": np.concatenate([z, further], axis=1), "shares": np.eye(classes, dtype=np.float32)[labels]}
        images: Images = session.run(["images"], {each.name: given[each.name] for each in session.get_inputs()})[0]
        return images


@final
class _Probabilities(nn.Module):
    """A classifier that returns the probabilities of the classes."""

    def __init__(self, classifier: FeatureClassifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        probabilities: Tensor = self.classifier(images).softmax(dim=1)
        return probabilities


def _classifier_in_onnx(classifier: FeatureClassifier) -> Any:
    """Return a classifier as an ONNX ModelProto: images (n, channels, height, width) -> probabilities (n, classes)."""
    spec = classifier.spec
    network = _Probabilities(folded(classifier).to(memory_format=torch.contiguous_format))  # type: ignore[call-overload]
    batch = torch.export.Dim("batch", min=1)
    some = (torch.zeros(2, spec.channels, spec.height, spec.width),)
    return in_onnx(torch.export.export(network.eval(), some, dynamic_shapes=({0: batch},)), "probabilities")


def runtime_operators(here: Traversable) -> frozenset[str]:
    """Return the names of the ONNX operators that the runtime of the page has, from the source that defines them."""
    source = (here / RUNTIME / "operators.js").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^operators\.(\w+) =", source, re.MULTILINE))


def _check_operators(network: Any, here: Traversable) -> None:
    missing = sorted({node.op_type for node in network.graph.node} - runtime_operators(here) - {"Constant"})
    if missing:
        raise UsageError(
            f"--format web: the page's runtime lacks the ONNX operators {', '.join(missing)} of this network; use "
            "--format onnx, which ONNX Runtime Web reads"
        )


def _store_in_half(network: Any) -> None:
    """Store the large float32 tensors of an ONNX ModelProto as float16, each followed by a cast to float32, in place."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in network.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < MIN_HALVED:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name} in float16"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    rest = list(network.graph.node)
    del network.graph.node[:]
    network.graph.node.extend([*casts, *rest])


def _section(page: str, name: str) -> str:
    """Return a section of the studio's page."""
    found = re.search(rf'<section id="{name}".*?</section>', page, re.DOTALL)
    assert found is not None, name
    return found[0]


def _facts(exported: ExportedModel) -> dict[str, Any]:
    """Return the facts about the model that the page needs, as JSON values."""
    known = facts(exported)
    generator, spec = exported.model.generator, exported.model.generator.spec
    directions, _ = generator.principal_directions(DIRECTIONS)
    return {
        **{
            name: known[name]
            for name in ("recipe", "class_names", "conditional", "latent", "image_spec", "model_sha256", "digitgan")
        },
        "name": exported.source if "/" not in exported.source else Path(exported.source).name,
        "height": spec.height,
        "width": spec.width,
        "further": generator.extended(torch.zeros(1, generator.latent))[0, generator.latent :].tolist(),
        "directions": np.round(directions.astype(np.float64), 7).tolist(),
        "inversion": _inversion(exported.model),
        "writing": {
            "unsteadiness": UNSTEADINESS,
            "pen": PEN,
            "marks": {mark: list(strokes) for mark, strokes in MARKS.items()},
        },
    }


@torch.no_grad()
def _inversion(model: Model) -> dict[str, Any]:
    """Return how the variables of an inversion become a latent code, see `Generator.inverted`, which is affine.

    The code is the base plus, for each entry, the weight times the variable in the column. Without entries it is the variables.
    """
    generator = model.generator
    start = generator.inversion_start(torch.zeros(1, generator.latent), torch.zeros(1, dtype=torch.int64))
    width = start.shape[1]
    base = generator.inverted(torch.zeros(1, width))[0]
    slopes = generator.inverted(torch.eye(width)) - base
    known: dict[str, Any] = {"width": width, "prior": generator.inversion_prior, "base": base.tolist(), "entries": None}
    if base.any() or slopes.shape != (width, width) or not torch.equal(slopes, torch.eye(width)):
        places = slopes.nonzero()
        known["entries"] = [[int(row), int(column), float(slopes[row, column])] for row, column in places]
    return known

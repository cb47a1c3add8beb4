"""Export of a generator as a program: `torch.export` for PyTorch, and ONNX for other runtimes, including browsers.

The programs run without this package. They map z float32 (n, latent) and labels int64 (n,) to images float32 (n, channels,
height, width) in [-1, 1], for any n. Unconditional generators take z alone.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import io
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor, nn

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.exporters.base import ExportedModel, ExportFormat, Images, Labels, Latents, facts
from digitgan.model.file import Model
from digitgan.version import __version__

OPSET: Final = 18
"""ONNX opset version: supported by onnxruntime since 2023, and fully by the releases of onnxruntime-web."""

CALIBRATION: Final = 1024
"""Number of images that calibrate the ranges of 8-bit activations."""


@final
class _Drawing(nn.Module):
    """A generator with fixed input names and contiguous float32 output; labels are optional."""

    def __init__(self, generator: nn.Module, *, half: bool = False) -> None:
        super().__init__()
        self.generator = generator
        self.half_precision = half

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is None:
            labels = torch.zeros(z.shape[0], dtype=torch.int64)
        images: Tensor = self.generator(z.half() if self.half_precision else z, labels)
        return images.float().contiguous()


@final
class _Mixing(nn.Module):
    """A generator that takes class weights (n, classes) instead of labels, to interpolate between classes."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.drawing = _Drawing(generator)

    def forward(self, z: Tensor, shares: Tensor) -> Tensor:
        images: Tensor = self.drawing(z, shares)
        return images


def exported_program(model: Model, *, half: bool = False, by_shares: bool = False) -> torch.export.ExportedProgram:
    """Return the generator as a program of `torch.export`.

    Args:
        model: The model.
        half: Use float16 weights and activations.
        by_shares: Take latent codes instead of latents, and class weights float32 (n, classes), named `shares`, instead of
            labels.
    """
    generator = build_again(model)
    network: nn.Module = _Drawing(generator.half() if half else generator, half=half).eval()
    batch = torch.export.Dim("batch", min=1)
    some: tuple[Tensor, ...] = (torch.zeros(2, model.generator.latent), torch.zeros(2, dtype=torch.int64))
    free: dict[str, Any] = {"z": {0: batch}, "labels": {0: batch}}
    if by_shares:
        network = _Mixing(generator).eval()
        some = (torch.zeros(2, model.generator.code), torch.zeros(2, len(model.class_names)))
        free = {"z": {0: batch}, "shares": {0: batch}}
    elif not model.recipe.conditional:
        some, free = some[:1], {"z": {0: batch}}
    with _quiet():
        return torch.export.export(network, some, dynamic_shapes=free)


def build_again(model: Model) -> nn.Module:
    """Return a copy of the generator on the CPU, in contiguous memory format."""
    return copy.deepcopy(model.generator).cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload, no-any-return]


@final
class TorchProgram(ExportFormat):
    """A `.pt2` file: `torch.export.load(path).module()(z, labels)` generates images."""

    name: ClassVar[str] = "torch"
    ending: ClassVar[str] = ".pt2"

    def check(self) -> None:
        """See `ExportFormat.check`; no further package is required."""

    def write(self, exported: ExportedModel, path: Path, quantize: str | None) -> None:
        """See `ExportFormat.write`."""
        written = io.BytesIO()
        with _quiet():
            torch.export.save(
                exported_program(exported.model), written, extra_files={"digitgan.json": json.dumps(facts(exported))}
            )
        path.write_bytes(written.getvalue())

    def draw(self, path: Path, z: Latents, labels: Labels) -> Images:
        """See `ExportFormat.draw`."""
        with _quiet():
            program = torch.export.load(path)
        inputs = [torch.from_numpy(z), torch.from_numpy(labels)][: len(program.graph_signature.user_inputs)]
        with torch.no_grad():
            images: Images = program.module()(*inputs).numpy()
        return images


@final
class Onnx(ExportFormat):
    """An `.onnx` file with inputs `z` and `labels`, output `images`, and a description of them in the metadata."""

    name: ClassVar[str] = "onnx"
    ending: ClassVar[str] = ".onnx"
    quantisations: ClassVar[tuple[str, ...]] = ("fp16", "int8")

    def check(self) -> None:
        """See `ExportFormat.check`."""
        missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]
        if missing:
            raise UsageError(f"--format onnx: needs {' and '.join(missing)}; install with: pip install 'digitgan[export]'")

    def write(self, exported: ExportedModel, path: Path, quantize: str | None) -> None:
        """See `ExportFormat.write`."""
        path.write_bytes(onnx_model(exported, quantize).SerializeToString())

    def draw(self, path: Path, z: Latents, labels: Labels) -> Images:
        """See `ExportFormat.draw`."""
        import onnxruntime

        session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
        given = {"z": z, "labels": labels}
        images: Images = session.run(["images"], {each.name: given[each.name] for each in session.get_inputs()})[0]
        return images


def onnx_model(exported: ExportedModel, quantize: str | None = None, *, by_shares: bool = False) -> Any:
    """Return the generator as an ONNX ModelProto that has passed ONNX's checker.

    Args:
        exported: The model.
        quantize: "fp16", "int8", or None for float32.
        by_shares: See `exported_program`.
    """
    import onnx

    program = exported_program(exported.model, half=quantize == "fp16", by_shares=by_shares)
    proto = in_onnx(program, "images")
    if quantize == "int8":
        proto = _in_int8(proto, exported.model)
        _name_batch(proto)
    proto.doc_string = "z, shares -> images" if by_shares else "z, labels -> images"
    onnx.helper.set_model_props(proto, {key: _text(value) for key, value in facts(exported, quantize).items()})
    onnx.checker.check_model(proto, full_check=True)
    return proto


def in_onnx(program: torch.export.ExportedProgram, output: str) -> Any:
    """Return a program as an ONNX ModelProto, with the name of its output."""
    with _quiet():
        written = torch.onnx.export(program, dynamo=True, opset_version=OPSET, output_names=[output], verbose=False)
    assert written is not None
    proto = written.model_proto
    _name_batch(proto)
    proto.producer_name, proto.producer_version = "digitgan", __version__
    return proto


def _in_int8(proto: Any, model: Model) -> Any:
    """Quantise weights and activations to 8 bits, calibrated on images that the program generates."""
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    latents = rng.normals(0, "calibration", 0, CALIBRATION, model.generator.latent)
    labels = np.arange(CALIBRATION, dtype=np.int64) % len(model.class_names)
    given: dict[str, Any] = {"z": latents, "labels": labels} if model.recipe.conditional else {"z": latents}

    class Portions(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.chunks = iter(
                {name: values[first : first + 64] for name, values in given.items()} for first in range(0, CALIBRATION, 64)
            )

        def get_next(self) -> dict[str, Any] | None:
            return next(self.chunks, None)

    with tempfile.TemporaryDirectory() as scratch, _quiet():
        plain, prepared, small = (str(Path(scratch) / f"{name}.onnx") for name in ("plain", "prepared", "small"))
        onnx.save(proto, plain)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            small,
            Portions(),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
        )
        return onnx.load(small)


def _name_batch(proto: Any) -> None:
    """Rename the dynamic batch dimension to `batch` in all shapes."""
    free = proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param == free:
                dimension.dim_param = "batch"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the log lines and warnings of the exporters, for example about optional packages."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

"""The state of an unfinished training of a feature classifier, so that a killed training continues."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from digitgan.data import ProgressFn
from digitgan.errors import OutputError
from digitgan.evaluation.classifier_networks import FeatureClassifier
from digitgan.files import replacing
from digitgan.model.file import tensors_sha256

SECONDS_BETWEEN_SAVES: Final = 20.0
"""The interval between two saves. A save takes a few hundredths of a second."""

_WEIGHT, _OPTIMIZER = "classifier.", "optimizer."


@final
class UnfinishedTraining:
    """The file with the state of a training: weights, batch-norm statistics, optimiser state and number of steps.

    Batches, augmentation and learning rates are functions of the seed and the step. A continued training therefore gives
    the same weights as an uninterrupted one, on one machine with the same number of threads.

    Args:
        path: the file; None to keep no state.
        key: what the training depends on. The state of another training is not continued.
        notify: a function that receives a line if the file cannot be written.
    """

    def __init__(self, path: Path | None, key: str, notify: ProgressFn) -> None:
        self._path, self._key, self._notify = path, key, notify
        self._saved = time.monotonic()

    def restore(self, classifier: FeatureClassifier, optimizer: torch.optim.Optimizer) -> int:
        """Load the saved state and return its number of steps.

        Without a file, or with a damaged one or one of another training, nothing changes and the result is 0.
        """
        if self._path is None or (state := self._read()) is None:
            return 0
        steps, tensors = state
        weights = {name.removeprefix(_WEIGHT): tensor for name, tensor in tensors.items() if name.startswith(_WEIGHT)}
        if _shapes(weights) != _shapes(classifier.state_dict()):  # the network of another version
            return 0
        classifier.load_state_dict(weights)
        for name, parameter in classifier.named_parameters():
            prefix = f"{_OPTIMIZER}{name}/"
            own = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
            optimizer.state[parameter] = {key: _in_layout_of(parameter, tensor) for key, tensor in own.items()}
        return steps

    def save_if_due(self, classifier: FeatureClassifier, optimizer: torch.optim.Optimizer, steps: int) -> None:
        """Save the state after a number of steps, unless the last save is more recent than `SECONDS_BETWEEN_SAVES`."""
        if self._path is None or time.monotonic() - self._saved < SECONDS_BETWEEN_SAVES:
            return
        tensors = {_WEIGHT + name: tensor for name, tensor in classifier.state_dict().items()}
        for name, parameter in classifier.named_parameters():
            tensors |= {f"{_OPTIMIZER}{name}/{key}": tensor for key, tensor in optimizer.state[parameter].items()}
        tensors = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
        header = {"key": self._key, "steps": str(steps)}
        try:
            with replacing(self._path) as file:
                file.write(save(tensors, metadata=header | {"sha256": tensors_sha256(tensors, header)}))
        except OutputError as problem:
            self._notify(f"{problem}; a killed training would start again")
            self._path = None  # a line at each interval would say the same
        self._saved = time.monotonic()

    def _read(self) -> tuple[int, dict[str, Tensor]] | None:
        assert self._path is not None
        try:
            with safe_open(self._path, framework="pt") as file:
                header = dict(file.metadata() or {})
                tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError):
            return None
        digest = header.pop("sha256", "")
        if header.get("key") != self._key or digest != tensors_sha256(tensors, header):
            return None
        return int(header["steps"]), tensors


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _in_layout_of(parameter: Tensor, tensor: Tensor) -> Tensor:
    """Return a copy of a tensor in the memory layout of a parameter, on which the order of sums may depend."""
    if tensor.shape != parameter.shape:  # such as Adam's number of steps
        return tensor.clone()
    return torch.empty_like(parameter, requires_grad=False, memory_format=torch.preserve_format).copy_(tensor)

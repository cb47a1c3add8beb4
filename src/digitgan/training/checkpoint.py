"""Checkpoints: the full state of a training, written atomically.

A checkpoint is a folder whose name is the number of images seen:

    00012800/  state.safetensors  state.json  manifest.json

The folder is written under a temporary name. Each file is flushed to disk; the manifest with the SHA-256 of the others is the
last one. Then the folder is renamed, and older checkpoints are removed. A run that is killed at any time therefore has a
complete checkpoint.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from digitgan.data import ProgressFn, silent
from digitgan.errors import CheckpointError, OutputError, why_not_written
from digitgan.networks import ImageSpec
from digitgan.recipes import Recipe, to_toml
from digitgan.training.trainer import Trainer

CHECKPOINT_FORMAT = 4
KEPT_CHECKPOINTS = 2
"""Number of checkpoints to keep: the newest, and the previous one in case the newest is damaged."""

AdamMoments = Mapping[Tensor, dict[str, Tensor]]
"""The state of Adam for each parameter: the number of steps, and the first and second moment of the gradient."""

_TEMPORARY = ".part"
_TENSORS, _STATE, _MANIFEST = "state.safetensors", "state.json", "manifest.json"


def save_checkpoint(folder: Path, trainer: Trainer, callbacks: dict[str, Any]) -> Path:
    """Write a checkpoint, then remove all but the `KEPT_CHECKPOINTS` newest checkpoints.

    Args:
        folder: folder of the run's checkpoints.
        trainer: trainer between two steps.
        callbacks: states of the callbacks, as JSON values by name.

    Returns:
        The folder of the checkpoint.

    Raises:
        OutputError: if the checkpoint cannot be written; existing checkpoints are unchanged.
    """
    target = folder / f"{trainer.images_seen:08d}"
    if target.exists():
        return target
    temporary = target.with_name(target.name + _TEMPORARY)
    contents = {
        _TENSORS: tensors_to_bytes(trainer_tensors(trainer)),
        _STATE: _json(
            {
                "format": CHECKPOINT_FORMAT,
                "images_seen": trainer.images_seen,
                "recipe": _digest(trainer.recipe),
                "seed": trainer.seed,
                "spec": dataclasses.asdict(trainer.spec),
                "rollbacks": trainer.rollbacks,
                "callbacks": callbacks,
            }
        ),
    }
    contents[_MANIFEST] = _json({name: hashlib.sha256(content).hexdigest() for name, content in contents.items()})
    needed = sum(map(len, contents.values()))
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, content in contents.items():
            _write_through(temporary / name, content)
        _sync_folder(temporary)
        temporary.rename(target)
        _sync_folder(folder)
    except OSError as problem:
        shutil.rmtree(temporary, ignore_errors=True)
        reason = why_not_written(problem, target, needed)
        raise OutputError(
            f"{target}: the checkpoint cannot be written ({reason}); earlier ones are unchanged. "
            "Make room or restore the write permission, then continue with --resume"
        ) from problem
    for old in checkpoints(folder)[:-KEPT_CHECKPOINTS]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints of a folder, oldest first, without the files of interrupted saves."""
    if not folder.is_dir():
        return []
    return sorted(
        (entry for entry in folder.iterdir() if entry.name.isdecimal() and entry.is_dir()), key=lambda entry: int(entry.name)
    )


def restore_checkpoint(folder: Path, trainer: Trainer) -> dict[str, Any]:
    """Load a checkpoint into a trainer of the same recipe, data and seed.

    Args:
        folder: folder of the checkpoint.
        trainer: trainer to restore.

    Returns:
        The states of the callbacks, as given to `save_checkpoint`.

    Raises:
        CheckpointError: if a file is missing or does not match the manifest, or if the recipe (every setting except the
            length) or the seed differs. The trainer is then unchanged.
    """
    contents = _verified(folder)
    state = json.loads(contents[_STATE])
    if state.get("format") != CHECKPOINT_FORMAT:
        raise CheckpointError(
            f"{folder}: format {state.get('format')}, not {CHECKPOINT_FORMAT}; use the digitgan that wrote it"
        )
    try:
        saved = tensors_from_bytes(contents[_TENSORS])
    except SafetensorError as problem:
        raise CheckpointError(f"{folder}: {_TENSORS} is not a safetensors file ({problem})") from problem
    spec = ImageSpec(**state["spec"])
    # Build networks of another image size separately, so that a checkpoint that does not fit changes nothing.
    of_its_size = trainer if spec == trainer.spec else Trainer(trainer.recipe, spec, trainer.seed, trainer.device)
    if not _fits(of_its_size, saved):
        raise CheckpointError(f"{folder}: the networks do not match the run's recipe; restore recipe.toml")
    if state.get("recipe", _digest(trainer.recipe)) not in (_digest(trainer.recipe), _earlier_digest(trainer.recipe)):
        raise CheckpointError(
            f"{folder}: was trained with another recipe than recipe.toml, which was changed or damaged. Restore recipe.toml, "
            "or start a new run with another --out"
        )
    known = state["rollbacks"]
    later = trainer.rollbacks[len(known) :]  # a later rollback cannot lead to an earlier checkpoint
    same = state["seed"] == trainer.seed and trainer.rollbacks[: len(known)] == known
    if not same or any(point < state["images_seen"] for point in later):
        raise CheckpointError(
            f"{folder}: was trained with another seed or other rollbacks than run.json, which was changed or damaged. Restore "
            "run.json, or start a new run with another --out"
        )
    if spec != trainer.spec:
        trainer.begin(spec)
    set_trainer_tensors(trainer, saved)
    trainer.images_seen = state["images_seen"]
    trainer.grow()
    callbacks: dict[str, Any] = state["callbacks"]
    return callbacks


def newest_discriminator(folder: Path, discriminator: nn.Module) -> None:
    """Load the discriminator's weights from the newest complete checkpoint of a folder.

    Args:
        folder: folder of the run's checkpoints.
        discriminator: network to load the weights into.

    Raises:
        CheckpointError: if there is no complete checkpoint, or it belongs to another recipe.
    """
    saved, prefix = newest_tensors(folder), "discriminator."
    own = {name.removeprefix(prefix): tensor for name, tensor in saved.items() if name.startswith(prefix)}
    try:
        discriminator.load_state_dict(own)
    except RuntimeError as problem:
        raise CheckpointError(f"{folder}: the discriminator does not match recipe.toml; restore that file") from problem


def newest_tensors(folder: Path) -> dict[str, Tensor]:
    """Return the tensors of the newest complete checkpoint of a folder, see `trainer_tensors`.

    Raises:
        CheckpointError: if there is no complete checkpoint.
    """
    newest = newest_complete(folder)
    if newest is None:
        raise CheckpointError(f"{folder}: has no complete checkpoint; continue the run with --resume")
    return tensors_of(newest)


def newest_complete(folder: Path, notify: ProgressFn = silent) -> Path | None:
    """Return the newest complete checkpoint of a folder; None if all are damaged.

    Args:
        folder: folder of the run's checkpoints.
        notify: called with a line for each damaged checkpoint.
    """
    for checkpoint in reversed(checkpoints(folder)):
        try:
            tensors_of(checkpoint)
        except CheckpointError as problem:
            notify(f"{problem}; trying the previous checkpoint")
        else:
            return checkpoint
    return None


def tensors_of(checkpoint: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint, see `trainer_tensors`.

    Raises:
        CheckpointError: if the checkpoint is damaged.
    """
    try:
        return tensors_from_bytes(_verified(checkpoint)[_TENSORS])
    except SafetensorError as problem:
        raise CheckpointError(f"{checkpoint}: damaged ({problem})") from problem


def trainer_tensors(trainer: Trainer) -> dict[str, Tensor]:
    """Return CPU copies of all tensors of a trainer: weights, statistics, optimiser states, moving average, augmentation."""
    moments = {weight: moment for *_, optimizer in _optimizers(trainer) for weight, moment in optimizer.state.items()}
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in _live_tensors(trainer, moments).items()}


def set_trainer_tensors(trainer: Trainer, saved: Mapping[str, Tensor]) -> bool:
    """Load the tensors of `trainer_tensors` into a trainer; if they do not fit, return False and change nothing."""
    if not _fits(trainer, saved):
        return False
    fresh = _fresh_moments(trainer, saved)
    places = _live_tensors(trainer, fresh)
    with torch.no_grad():
        for name, tensor in places.items():
            tensor.copy_(saved[name])
    for _, network, optimizer in _optimizers(trainer):
        optimizer.state.clear()
        optimizer.state.update({weight: fresh[weight] for weight in network.parameters() if weight in fresh})
    return True


def remove_unfinished_checkpoints(folder: Path) -> None:
    """Remove the files of interrupted saves."""
    for leftover in folder.glob(f"*{_TEMPORARY}"):
        shutil.rmtree(leftover, ignore_errors=True)


def _fits(trainer: Trainer, saved: Mapping[str, Tensor]) -> bool:
    """Return whether names and shapes of the tensors match those of the trainer."""
    places = _live_tensors(trainer, _fresh_moments(trainer, saved))
    return {name: tensor.shape for name, tensor in places.items()} == {name: tensor.shape for name, tensor in saved.items()}


def _live_tensors(trainer: Trainer, moments: AdamMoments) -> dict[str, Tensor]:
    networks: dict[str, nn.Module] = {
        "generator": trainer.generator,
        "discriminator": trainer.discriminator,
        "ema": trainer.ema.generator,
    }
    tensors = {f"{part}.{name}": tensor for part, network in networks.items() for name, tensor in network.state_dict().items()}
    for part, network, _ in _optimizers(trainer):
        for name, parameter in network.named_parameters():
            for key, tensor in moments.get(parameter, {}).items():
                tensors[f"{part}_optimizer.{name}.{key}"] = tensor
    if trainer.augmenter.adaptive:
        tensors["augmentation.state"] = trainer.augmenter.state
    return tensors


def _optimizers(trainer: Trainer) -> list[tuple[str, nn.Module, torch.optim.Adam]]:
    return [
        ("generator", trainer.generator, trainer.generator_optimizer),
        ("discriminator", trainer.discriminator, trainer.discriminator_optimizer),
    ]


def _fresh_moments(trainer: Trainer, saved: Mapping[str, Tensor]) -> AdamMoments:
    """Return new optimiser states as of the first step, in the memory layout of the parameters.

    The fused kernel reads parameters and states in memory order, so the states must not keep the layout in which they were
    saved. Parameters without a saved state, which were not updated yet, get none.
    """
    return {
        parameter: {
            "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
            "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
        }
        for part, network, _ in _optimizers(trainer)
        for name, parameter in network.named_parameters()
        if f"{part}_optimizer.{name}.step" in saved
    }


def _verified(folder: Path) -> dict[str, bytes]:
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        contents = {name: (folder / name).read_bytes() for name in (_TENSORS, _STATE)}
    except (OSError, ValueError) as problem:
        raise CheckpointError(f"{folder}: is not a complete checkpoint ({problem})") from problem
    for name, content in contents.items():
        if not isinstance(manifest, dict) or manifest.get(name) != hashlib.sha256(content).hexdigest():
            raise CheckpointError(f"{folder / name}: is damaged: its SHA-256 differs from {_MANIFEST}")
    return contents


def _digest(recipe: Recipe) -> str:
    """Return the SHA-256 of a recipe without its length, which a resumed run may change."""
    lengthless = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, images=1))
    return hashlib.sha256(to_toml(lengthless).encode()).hexdigest()


def _earlier_digest(recipe: Recipe) -> str:
    """Return the digest that version 0.1.0 stored, before recipes had `training.freeze`, `training.balance` and more."""
    lengthless = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, images=1))
    balanced = {"none": "balanced = false", "uniform": "balanced = true"}.get(recipe.training.balance, "")
    lines = [
        balanced if line.startswith("balance = ") else line
        for line in to_toml(lengthless).splitlines()
        if line not in ('freeze = ""', "divergence = true", "divergence = false")
    ]
    return hashlib.sha256(("\n".join(lines) + "\n").encode()).hexdigest()


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Flush the entries of a folder, so that a rename survives a power failure, where the system supports it."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

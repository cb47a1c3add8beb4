"""Checkpoints: all it takes to go on, written so that a run killed at any moment finds a whole one.

A checkpoint is a folder named by its count of images seen:

    00012800/  state.safetensors  state.json  manifest.json

It is written under a temporary name, each file flushed to disk, the manifest with their SHA-256 last, then renamed. Older
checkpoints go only afterwards.
"""

from __future__ import annotations

import contextlib
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

from digitgan.errors import CheckpointError, OutputError, why_not_written
from digitgan.recipes import Recipe, to_toml
from digitgan.training.trainer import Trainer

FORMAT = 2
KEPT = 2
"""Checkpoints kept: the newest, and the one before it in case the disk damages the newest."""

AdamMoments = Mapping[Tensor, dict[str, Tensor]]
"""What Adam keeps for each parameter: its count of steps, and the gradient's first and second moment."""

_TEMPORARY = ".part"
_TENSORS, _STATE, _MANIFEST = "state.safetensors", "state.json", "manifest.json"


def save_checkpoint(folder: Path, trainer: Trainer, callbacks: dict[str, Any]) -> Path:
    """Write the trainer's state, then remove all but the newest checkpoints.

    Args:
        folder: where the run's checkpoints lie.
        trainer: between two steps.
        callbacks: what those who watch need to go on, as JSON values, by their names.

    Returns:
        The checkpoint's folder.

    Raises:
        OutputError: if it can't be written; what was there is unchanged.
    """
    target = folder / f"{trainer.images_seen:08d}"
    if target.exists():
        return target
    temporary = target.with_name(target.name + _TEMPORARY)
    contents = {
        _TENSORS: tensors_to_bytes(trainer_tensors(trainer)),
        _STATE: _json(
            {
                "format": FORMAT,
                "images_seen": trainer.images_seen,
                "recipe": _digest(trainer.recipe),
                "seed": trainer.seed,
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
            "Make room or give the folder back its rights, then train with --resume"
        ) from problem
    for old in checkpoints(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def checkpoints(folder: Path) -> list[Path]:
    """The finished checkpoints in a folder, oldest first; leftovers of a save that was cut off don't count."""
    if not folder.is_dir():
        return []
    return sorted(
        (entry for entry in folder.iterdir() if entry.name.isdecimal() and entry.is_dir()), key=lambda entry: int(entry.name)
    )


def restore_checkpoint(folder: Path, trainer: Trainer) -> dict[str, Any]:
    """Put a checkpoint's state into a trainer built from the same recipe, data and seed.

    Returns:
        What `save_checkpoint` was given for the callbacks.

    Raises:
        CheckpointError: if a file is missing or does not match the manifest, or the state is another recipe's, be it only by
            a learning rate, or another seed's; the trainer is then unchanged.
    """
    contents = _verified(folder)
    state = json.loads(contents[_STATE])
    if state.get("format") != FORMAT:
        raise CheckpointError(f"{folder}: written by another version of digitgan (format {state.get('format')}, not {FORMAT})")
    try:
        saved = tensors_from_bytes(contents[_TENSORS])
    except SafetensorError as problem:
        raise CheckpointError(f"{folder}: {_TENSORS} is not a safetensors file: {problem}") from problem
    if not _fits(trainer, saved):
        raise CheckpointError(f"{folder}: its networks are not those of the run's recipe")
    if state.get("recipe", _digest(trainer.recipe)) != _digest(trainer.recipe):
        raise CheckpointError(
            f"{folder}: was trained by another recipe than the run's recipe.toml is now: that was changed or damaged. Put back "
            "what it was, or start a new run with another --out"
        )
    known = state["rollbacks"]
    later = trainer.rollbacks[len(known) :]  # which can have led to no place before this one
    same = state["seed"] == trainer.seed and trainer.rollbacks[: len(known)] == known
    if not same or any(point < state["images_seen"] for point in later):
        raise CheckpointError(
            f"{folder}: was trained with another seed, or other rollbacks, than run.json says now: that was changed or "
            "damaged. Put back what it was, or start a new run with another --out"
        )
    set_trainer_tensors(trainer, saved)
    trainer.images_seen = state["images_seen"]
    callbacks: dict[str, Any] = state["callbacks"]
    return callbacks


def newest_discriminator(folder: Path, discriminator: nn.Module) -> None:
    """Give a discriminator the weights it has in the newest checkpoint of those in `folder` that is whole.

    Raises:
        CheckpointError: if there is none, or it is of another recipe.
    """
    for checkpoint in reversed(checkpoints(folder)):
        with contextlib.suppress(CheckpointError, SafetensorError):
            saved = tensors_from_bytes(_verified(checkpoint)[_TENSORS])
            break
    else:
        raise CheckpointError(f"{folder}: holds no whole checkpoint, in which the discriminator would be")
    prefix = "discriminator."
    own = {name.removeprefix(prefix): tensor for name, tensor in saved.items() if name.startswith(prefix)}
    try:
        discriminator.load_state_dict(own)
    except RuntimeError as problem:
        raise CheckpointError(f"{checkpoint}: its discriminator is not that of the run's recipe") from problem


def trainer_tensors(trainer: Trainer) -> dict[str, Tensor]:
    """Copies on the CPU of every tensor that makes a trainer what it is: weights, statistics, optimiser state, average."""
    moments = {weight: moment for *_, optimizer in _optimizers(trainer) for weight, moment in optimizer.state.items()}
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in _live_tensors(trainer, moments).items()}


def set_trainer_tensors(trainer: Trainer, saved: Mapping[str, Tensor]) -> bool:
    """Load the tensors of `trainer_tensors` into a trainer; return False, and change nothing, if they are of another recipe."""
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


def sweep(folder: Path) -> None:
    """Remove what a save that was cut off left behind."""
    for leftover in folder.glob(f"*{_TEMPORARY}"):
        shutil.rmtree(leftover, ignore_errors=True)


def _fits(trainer: Trainer, saved: Mapping[str, Tensor]) -> bool:
    """Whether tensors are those of a trainer with these networks, by names and shapes."""
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
    return tensors


def _optimizers(trainer: Trainer) -> list[tuple[str, nn.Module, torch.optim.Adam]]:
    return [
        ("generator", trainer.generator, trainer.generator_optimizer),
        ("discriminator", trainer.discriminator, trainer.discriminator_optimizer),
    ]


def _fresh_moments(trainer: Trainer, saved: Mapping[str, Tensor]) -> AdamMoments:
    """The state that the optimisers make for themselves at their first step, in their parameters' memory layout.

    The fused kernel walks parameters and state side by side in memory, so the state must not keep the layout it was saved in.
    Weights for which none was saved, because they had not yet learned, get none.
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
        raise CheckpointError(f"{folder}: not a whole checkpoint ({problem})") from problem
    for name, content in contents.items():
        if not isinstance(manifest, dict) or manifest.get(name) != hashlib.sha256(content).hexdigest():
            raise CheckpointError(f"{folder / name}: damaged: its SHA-256 is not the one in {_MANIFEST}")
    return contents


def _digest(recipe: Recipe) -> str:
    """SHA-256 of a recipe but for its length, which a resumed run may change."""
    lengthless = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, images=1))
    return hashlib.sha256(to_toml(lengthless).encode()).hexdigest()


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Flush a folder's entries, without which a rename may be lost with the power; not every system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

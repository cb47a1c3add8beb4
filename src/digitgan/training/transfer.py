"""Transfer of the weights of a trained network to a new one, whose classes may differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor, nn

from digitgan.networks import ImageSpec, build_discriminator, build_generator
from digitgan.recipes import Recipe

LEVEL: Final = "growth.level"
"""The end of the name of the level of growth in the state of a network."""

MORE_CLASSES: Final = 7
"""Classes that are added to find the dimensions of the weights that depend on the number of classes."""


@final
@dataclass(frozen=True)
class Transferred:
    """The result of a transfer.

    Attributes:
        kept: classes whose weights are taken over.
        new: classes whose weights begin anew.
        unlike: names of weights whose shape differs otherwise, which begin anew.
    """

    kept: tuple[str, ...]
    new: tuple[str, ...]
    unlike: tuple[str, ...]


def transfer(
    network: nn.Module,
    saved: Mapping[str, Tensor],
    class_dimensions: Mapping[str, int],
    before: Sequence[str],
    now: Sequence[str],
) -> Transferred:
    """Copy saved weights into a network. Those of a class go to the class of the same name.

    Args:
        network: the new network, with its initial weights.
        saved: the weights of the earlier network, by name.
        class_dimensions: the dimension along which the classes are the last entries, by the name of the weight.
        before: class names of the earlier network.
        now: class names of the new network.
    """
    shared = [name for name in now if name in before]
    unlike = []
    with torch.no_grad():
        for name, tensor in network.state_dict(keep_vars=True).items():
            if name.endswith(LEVEL):
                continue  # the level of growth is that of the new training
            old = saved.get(name)
            if old is None or not _alike(tensor, old, class_dimensions.get(name), len(now) - len(before)):
                unlike.append(name)
            elif (along := class_dimensions.get(name)) is None:
                tensor.copy_(old)
            else:
                _copy_classes(
                    tensor, old, along, [(before.index(each), now.index(each)) for each in shared], len(before), len(now)
                )
    return Transferred(tuple(shared), tuple(name for name in now if name not in before), tuple(unlike))


def class_dimensions(recipe: Recipe, spec: ImageSpec, part: str) -> dict[str, int]:
    """Return the dimension of each weight of a network that depends on the number of classes, by the name of the weight.

    Args:
        recipe: the recipe.
        spec: shape of the images.
        part: "generator" or "discriminator".
    """
    if not recipe.conditional:
        return {}
    build = build_generator if part == "generator" else build_discriminator
    more = ImageSpec(spec.channels, spec.height, spec.width, spec.classes + MORE_CLASSES)
    with torch.device("meta"):
        fewer, larger = (build(recipe, each).state_dict() for each in (spec, more))
    return {
        name: next(place for place, (one, two) in enumerate(zip(tensor.shape, larger[name].shape, strict=True)) if one != two)
        for name, tensor in fewer.items()
        if tensor.shape != larger[name].shape
    }


def _alike(tensor: Tensor, old: Tensor, along: int | None, more_classes: int) -> bool:
    """Return whether a saved weight has the shape of a new one but for the number of classes."""
    if tensor.ndim != old.ndim:
        return False
    differences = [one - two for one, two in zip(tensor.shape, old.shape, strict=True)]
    if along is not None:
        differences[along] -= more_classes
    return not any(differences)


def _copy_classes(tensor: Tensor, old: Tensor, along: int, pairs: Sequence[tuple[int, int]], before: int, now: int) -> None:
    """Copy what does not depend on a class, and the entries of the classes that both have.

    New classes begin half way between their initial weights and the mean of the classes that are taken over.
    """
    new, source = tensor.movedim(along, 0), old.movedim(along, 0).to(tensor.device)
    common = len(new) - now
    new[:common].copy_(source[: len(source) - before])
    taken = {later for _, later in pairs}
    if pairs:
        mean = source[[common + earlier for earlier, _ in pairs]].mean(dim=0) if source.is_floating_point() else None
        for label in range(now):
            if label not in taken and mean is not None:
                new[common + label] = (new[common + label] + mean) / 2
    for earlier, later in pairs:
        new[common + later] = source[common + earlier]

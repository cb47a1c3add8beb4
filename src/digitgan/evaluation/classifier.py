"""The judge: a small classifier of real images, which says of a drawn one whether it is of the class that was asked for."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from digitgan import rng
from digitgan.data import Batches, ImageSet
from digitgan.device import initialize_vector_math
from digitgan.errors import ModelFileError, UsageError
from digitgan.files import replacing
from digitgan.images import Picture, to_network
from digitgan.networks import ImageForm

WIDTHS = (24, 48, 64)
SMALLEST_SIDE = 8
"""Of an image, in pixels: each of the three stages halves it."""

FEATURES = 128
"""Width of the last hidden layer: what metrics compare."""

BATCH = 128
LARGEST_SHIFT = 2
"""Pixels by which training images are moved at random: digits are not always in the middle."""


@final
class Judge(nn.Module):
    """Three stages of convolutions with batch norm, each halving the size, then one hidden layer of `FEATURES`.

    Its forward pass gives logits (n, classes) for images (n, channels, height, width) in [-1, 1].
    """

    def __init__(self, form: ImageForm) -> None:
        super().__init__()
        initialize_vector_math()
        self.form = form
        layers: list[nn.Module] = []
        before = form.channels
        for width in WIDTHS:
            for narrow in (before, width):
                layers += [nn.Conv2d(narrow, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            layers.append(nn.MaxPool2d(2))
            before = width
        size = WIDTHS[-1] * (form.height // 8) * (form.width // 8)
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(size, FEATURES), nn.ReLU())
        self.logits = nn.Linear(FEATURES, form.classes)

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.logits(self.features(images))
        return logits


def train_judge(image_set: ImageSet, seed: int = 0, epochs: int = 3) -> Judge:
    """Train a judge on real images: AdamW, one cycle of the learning rate, label smoothing, small random shifts."""
    channels, height, width = image_set.shape
    form = ImageForm(channels, height, width, len(image_set.class_names))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "judge weights"))
        judge = _channels_last(Judge(form))
    batches = Batches(image_set, BATCH, seed)
    steps = max(1, epochs * len(image_set) // BATCH)
    optimizer = torch.optim.AdamW(judge.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    shifts = rng.integers(seed, "judge shifts", 0, 2 * steps, 2 * LARGEST_SHIFT + 1).reshape(steps, 2) - LARGEST_SHIFT
    for step in range(steps):
        batch = batches.at(step * BATCH)
        down, right = (int(shift) for shift in shifts[step])
        images = torch.roll(to_network(batch.images), (down, right), dims=(2, 3))
        loss = functional.cross_entropy(judge(images), batch.labels, label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return judge.eval()


@torch.inference_mode()
def judge_images(judge: Judge, images: Picture) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What the judge makes of uint8 images (n, height, width[, channels]).

    Returns:
        Its last hidden layer (n, FEATURES), which metrics compare, and the probabilities (n, classes) it gives the classes.

    Raises:
        UsageError: for images of another size than those it was trained on.
    """
    form = judge.form
    shape = (images.shape[3] if images.ndim == 4 else 1, *images.shape[1:3])
    if shape != (form.channels, form.height, form.width):
        known = (form.channels, form.height, form.width)
        raise UsageError(f"the images are {size_text(shape)}, those they are compared with {size_text(known)}")
    found = [(features, judge.logits(features).softmax(dim=1)) for features in map(judge.features, _portions(images))]
    features, answers = (torch.cat(column).numpy() for column in zip(*found, strict=True))
    return features, answers


def judged_labels(judge: Judge, images: Picture) -> npt.NDArray[np.int64]:
    """What the judge takes each image for: (n,), from uint8 images (n, height, width[, channels])."""
    taken: npt.NDArray[np.int64] = judge_images(judge, images)[1].argmax(axis=1)
    return taken


def class_accuracy(judge: Judge, images: Picture, labels: npt.NDArray[np.int64]) -> float:
    """The share of images that the judge takes for what they are labelled."""
    return float((judged_labels(judge, images) == labels).mean())


def folded(judge: Judge) -> Judge:
    """The same judge for judging alone: each batch norm is part of the convolution before it, and half the time is saved.

    Features differ by rounding, of the order of 1e-6.
    """
    faster = copy.deepcopy(judge).eval()
    for place in range(len(faster.features) - 1):
        convolution, norm = faster.features[place], faster.features[place + 1]
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            faster.features[place] = fuse_conv_bn_eval(convolution, norm)
            faster.features[place + 1] = nn.Identity()
    return _channels_last(faster)


def size_text(shape: tuple[int, int, int]) -> str:
    """(channels, height, width) in words: "28x28 grey"."""
    channels, height, width = shape
    return f"{height}x{width} {'grey' if channels == 1 else 'RGB'}"


def save_judge(path: Path, judge: Judge) -> None:
    """Write a judge as safetensors, whole or not at all.

    Raises:
        OutputError: if the path can't be written.
    """
    from safetensors.torch import save

    form = {name: str(value) for name, value in dataclasses.asdict(judge.form).items()}
    tensors = {name: tensor.contiguous() for name, tensor in judge.state_dict().items()}
    with replacing(path) as file:
        file.write(save(tensors, metadata=form))


def load_judge(path: Path) -> Judge:
    """Read a judge.

    Raises:
        ModelFileError: if the file is missing or is no judge.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_model

    try:
        with safe_open(path, framework="pt") as file:
            form = ImageForm(**{name: int(value) for name, value in (file.metadata() or {}).items()})
        judge = _channels_last(Judge(form))
        load_model(judge, path)
    except (OSError, SafetensorError, TypeError, ValueError, RuntimeError) as problem:
        raise ModelFileError(f"{path}: not a judge ({problem})") from problem
    return judge.eval()


def _portions(images: Picture) -> Iterator[Tensor]:
    pixels = torch.from_numpy(images).reshape(len(images), *images.shape[1:3], -1).permute(0, 3, 1, 2)
    return map(to_network, torch.split(pixels, 500))


def _channels_last(judge: Judge) -> Judge:
    return judge.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

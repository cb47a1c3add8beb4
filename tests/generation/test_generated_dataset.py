"""Generated images as data for other frameworks."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from digitgan.errors import UsageError
from digitgan.generation.generated_dataset import GeneratedDataset
from digitgan.model.file import Model
from digitgan.model.registry import load


@pytest.fixture(scope="module")
def shipped() -> Model:
    return load("mnist")


def test_each_item_is_the_image_that_the_model_samples(shipped: Model) -> None:
    images = GeneratedDataset(shipped, count=150, seed=3)
    expected = shipped.sample(np.arange(150) % 10, seed=3)
    for index in (149, 0, 64, 63, 149, -1):
        pixels, label = images[index]
        assert pixels.dtype == torch.float32
        assert pixels.shape == (1, 28, 28)
        np.testing.assert_array_equal((pixels[0].numpy() * 255).round(), expected[index])
        assert label == index % 150 % 10
    with pytest.raises(IndexError):
        images[150]


@pytest.fixture
def child_signals() -> Iterator[None]:
    """Restore the handler of SIGCHLD, which PyTorch's loader replaces permanently when it first starts workers."""
    before = signal.getsignal(signal.SIGCHLD)
    yield
    signal.signal(signal.SIGCHLD, before)


@pytest.mark.usefixtures("child_signals")
def test_a_loader_with_workers_gives_them_all(shipped: Model) -> None:
    images = GeneratedDataset(shipped, [7, 1] * 40)
    for workers in (0, 2):
        loader = DataLoader(
            images, batch_size=32, shuffle=True, num_workers=workers, multiprocessing_context="spawn" if workers else None
        )
        seen = torch.cat([pixels for pixels, _ in loader])
        assert seen.shape == (80, 1, 28, 28)
        assert float(seen.double().sum()) == pytest.approx(shipped.sample([7, 1] * 40).sum() / 255, rel=1e-5)
    again = pickle.loads(pickle.dumps(images))
    torch.testing.assert_close(again[70][0], images[70][0])


def test_batches_are_as_keras_takes_them(shipped: Model) -> None:
    images = GeneratedDataset(shipped, count=100, seed=1)
    batches = list(images.batches(64))
    assert [pixels.shape for pixels, _ in batches] == [(64, 28, 28, 1), (36, 28, 28, 1)]
    np.testing.assert_array_equal(np.concatenate([pixels for pixels, _ in batches])[..., 0], shipped.sample(images.labels, 1))
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), np.arange(100) % 10)


def test_what_cannot_be_meant_is_refused(shipped: Model) -> None:
    with pytest.raises(UsageError, match="labels, count"):
        GeneratedDataset(shipped)
    with pytest.raises(UsageError, match="labels, count"):
        GeneratedDataset(shipped, [1], count=1)
    with pytest.raises(UsageError, match="model 'mnist'"):
        GeneratedDataset("mnist", count=1)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="label 10"):
        GeneratedDataset(shipped, [10])
    with pytest.raises(UsageError, match="count 0"):
        GeneratedDataset(shipped, count=0)
    with pytest.raises(UsageError, match="seed -1"):
        GeneratedDataset(shipped, count=1, seed=-1)

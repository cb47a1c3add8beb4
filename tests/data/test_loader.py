from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from digitgan import rng
from digitgan.data import Batches, ImageSet, to_device
from digitgan.errors import UsageError


def numbered(count: int, channels: int = 0) -> ImageSet:
    """Return an image set in which the pixels and the label of image i have the value i."""
    shape = (count, 2, 3, channels) if channels else (count, 2, 3)
    numbers = np.arange(count)
    images = np.broadcast_to(numbers.reshape(-1, *[1] * (len(shape) - 1)), shape).astype(np.uint8)
    return ImageSet(images, numbers, tuple(map(str, range(count))), "numbered")


def test_what_cannot_be_is_refused(grey: ImageSet) -> None:
    with pytest.raises(UsageError, match="batch size 0"):
        Batches(grey, 0, seed=0)
    with pytest.raises(UsageError, match="images seen -1"):
        Batches(grey, 1, seed=0).at(-1)


def test_grey_and_colour_come_channels_first(grey: ImageSet) -> None:
    batch = Batches(grey, 4, seed=0).at(0)
    assert (batch.images.dtype, batch.labels.dtype) == (torch.uint8, torch.int64)
    assert batch.images.shape == (4, 1, 5, 4)
    generator = np.random.default_rng(0)
    colour = ImageSet(generator.integers(0, 256, (6, 5, 4, 3), np.uint8), np.zeros(6, np.int64), ("a",), "colour")
    batch = Batches(colour, 6, seed=3).at(0)
    assert batch.images.shape == (6, 3, 5, 4)
    assert batch.images.is_contiguous()
    order = rng.permutation(3, "data order", 0, 6)
    assert np.array_equal(batch.images.numpy(), colour.images[order].transpose(0, 3, 1, 2))


def test_an_epoch_is_the_permutation_its_number_names() -> None:
    batches = Batches(numbered(12), 4, seed=5)
    for epoch in range(3):
        labels = torch.cat([batches.at(12 * epoch + begin).labels for begin in (0, 4, 8)])
        assert labels.tolist() == rng.permutation(5, "data order", epoch, 12).tolist()
    assert Batches(numbered(12), 12, seed=6).at(0).labels.tolist() != Batches(numbered(12), 12, seed=5).at(0).labels.tolist()


@given(
    count=st.integers(1, 9),
    batch_size=st.integers(1, 25),
    places=st.lists(st.integers(0, 200), min_size=1, max_size=6),
    channels=st.sampled_from([0, 1, 3]),
)
def test_any_batch_is_its_stretch_of_the_endless_sequence(
    count: int, batch_size: int, places: list[int], channels: int
) -> None:
    epochs = -(-(max(places) + batch_size) // count)
    sequence = np.concatenate([rng.permutation(1, "data order", epoch, count) for epoch in range(epochs)])
    batches = Batches(numbered(count, channels), batch_size, seed=1)
    for place in places:  # in any order, as after a resume or a rollback
        batch = batches.at(place)
        assert batch.labels.tolist() == sequence[place : place + batch_size].tolist()
        assert batch.images.shape == (batch_size, channels or 1, 2, 3)
        assert torch.equal(batch.images.amax((1, 2, 3)).long(), batch.labels)
        assert torch.equal(batch.images.amin((1, 2, 3)).long(), batch.labels)


def test_a_batch_may_be_changed_without_changing_the_set(grey: ImageSet) -> None:
    batches = Batches(grey, 10, seed=0)
    batches.at(0).images.zero_()
    assert grey.images.max() == 9
    assert batches.at(0).images.max() == 9


def test_arrays_torch_does_not_take_are_taken_all_the_same(grey: ImageSet) -> None:
    images = grey.images.copy()
    images.flags.writeable = False
    for odd in (images, images[::-1]):
        image_set = ImageSet(odd, np.arange(10), grey.class_names * 4, "odd")
        batch = Batches(image_set, 10, seed=0).at(0)
        assert np.array_equal(batch.images.numpy()[:, 0], odd[batch.labels.numpy()])


def test_the_set_is_not_copied() -> None:
    image_set = ImageSet(np.zeros((2000, 28, 28), np.uint8), np.zeros(2000, np.int64), ("a",), "zeros")
    batches = Batches(image_set, 4, seed=0)
    image_set.images[:] = 7
    assert batches.at(0).images.min() == 7


def test_far_on_it_costs_no_more_than_at_the_start() -> None:
    batches = Batches(numbered(100), 64, seed=0)
    tracemalloc.start()
    try:
        began = time.thread_time()
        for seen in range(10**12, 10**12 + 100 * 64, 64):
            batches.at(seen)
        assert time.thread_time() - began < 1
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_batch_is_quick() -> None:
    """A batch of 64 images of 28×28 takes under 0.3 ms of this thread's CPU time in the fastest of several attempts."""
    image_set = ImageSet(np.zeros((60_000, 28, 28), np.uint8), np.zeros(60_000, np.int64), ("a",), "zeros")
    batches = Batches(image_set, 64, seed=0)
    attempts = []
    for first in range(0, 50_000, 10_000):
        began = time.thread_time()
        for seen in range(first, first + 100 * 64, 64):
            batches.at(seen)
        attempts.append((time.thread_time() - began) / 100)
    assert min(attempts) < 0.3e-3


def test_what_networks_are_given_lies_where_their_sums_round_alike() -> None:
    """The rounding of MKL's products depends on the alignment of memory, which NumPy does not fix."""
    memory = np.arange(128, dtype=np.float32)
    for skipped in range(16):
        given_numbers = to_device(memory[skipped : skipped + 100], torch.device("cpu"))
        assert given_numbers.data_ptr() % 64 == 0
        assert given_numbers.tolist() == list(range(skipped, skipped + 100))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: python -m pytest -m gpu")
def test_the_order_on_a_gpu_is_the_same() -> None:
    image_set = numbered(12, 3)
    here, there = Batches(image_set, 5, seed=2), Batches(image_set, 5, seed=2, device="cuda")
    for seen in (0, 5, 10):
        assert there.at(seen).images.device.type == "cuda"
        assert torch.equal(here.at(seen).images, there.at(seen).images.cpu())
        assert torch.equal(here.at(seen).labels, there.at(seen).labels.cpu())


def test_half_of_the_images_are_mirrored_by_seed_and_position(digits: ImageSet) -> None:
    plain, mirrored = Batches(digits, 500, 3), Batches(digits, 500, 3, mirror=True)
    count, epochs = 0, []
    for epoch in range(3):
        flags = []
        for first in range(0, 1500, 500):
            seen = 1500 * epoch + first
            batch, other = plain.at(seen), mirrored.at(seen)
            assert torch.equal(batch.labels, other.labels)
            same = (batch.images == other.images).flatten(start_dim=1).all(dim=1)
            flipped = (batch.images.flip(3) == other.images).flatten(start_dim=1).all(dim=1)
            assert (same | flipped).all()
            flags.append(flipped & ~same)
        epochs.append(torch.cat(flags))
        count += int(epochs[-1].sum())
    assert count / 4500 == pytest.approx(0.5, abs=0.04)
    assert not torch.equal(epochs[0], epochs[1])
    again = Batches(digits, 500, 3, mirror=True)
    assert torch.equal(again.at(2000).images, mirrored.at(2000).images)
    assert not torch.equal(again.at(2000).images, Batches(digits, 500, 4, mirror=True).at(2000).images)
    narrow = torch.cat([Batches(digits, 100, 3, mirror=True).at(2000 + first).images for first in range(0, 500, 100)])
    assert torch.equal(narrow, again.at(2000).images), "a function of the position, not of the batch"


def test_balanced_epochs_show_each_class_equally_often_and_each_image_in_turn() -> None:
    labels = np.repeat([0, 1, 3], [90, 9, 1]).astype(np.int64)  # class 2 has no images
    images = ImageSet(np.arange(100, dtype=np.uint8)[:, None, None], labels, ("a", "b", "c", "d"), "uneven")
    batches = Batches(images, 10, seed=3, balance="uniform")
    shown = np.concatenate([batches.at(seen).images.numpy().ravel() for seen in range(0, 3000, 10)])
    for epoch in shown.reshape(30, 100):
        assert np.bincount(labels[epoch], minlength=4).tolist() == [34, 33, 0, 33]
    times = np.bincount(shown, minlength=100)
    assert set(times[:90].tolist()) <= {11, 12}  # 30 epochs with 34 images of 90
    assert times[90:99].tolist() == [110] * 9
    assert times[99] == 990
    assert not np.array_equal(shown[:100], shown[100:200])
    np.testing.assert_array_equal(batches.at(1234).images, Batches(images, 10, seed=3, balance="uniform").at(1234).images)
    assert not np.array_equal(shown[:100], Batches(images, 100, seed=4, balance="uniform").at(0).images.numpy().ravel())


def test_shares_by_the_square_root_lie_between_those_of_images_and_equal_ones() -> None:
    counts = {0: 900, 1: 100, 2: 4}
    labels = np.repeat(list(counts), list(counts.values())).astype(np.int64)
    images = ImageSet(np.zeros((1004, 2, 2), np.uint8), labels, ("a", "b", "c"), "uneven")
    shown = np.bincount(Batches(images, 1004, seed=0, balance="square-root").at(0).labels.numpy())
    np.testing.assert_allclose(shown, [1004 * root / 42 for root in (30, 10, 2)], atol=1)
    assert shown.sum() == 1004
    assert np.bincount(Batches(images, 1004, seed=0).at(0).labels.numpy()).tolist() == [900, 100, 4]

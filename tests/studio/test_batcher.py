"""Tests of dynamic batching and of the limit on waiting images."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from digitgan.model.file import Model
from digitgan.studio.batcher import DynamicBatcher, is_batch_invariant
from digitgan.studio.errors import BusyError


@pytest.fixture
def batcher() -> Iterator[DynamicBatcher]:
    made = DynamicBatcher(threads=1)
    yield made
    made.close()


def test_strangers_share_a_batch_and_get_their_own_images(batcher: DynamicBatcher, new_model: Callable[..., Model]) -> None:
    model, other = new_model(), new_model(class_names=("a", "b"))

    async def ask() -> list[object]:
        z = model.latents(0, range(40))
        singles = [batcher.draw(model, z[n : n + 1], torch.tensor([n % 10]), start=n) for n in range(40)]
        return list(await asyncio.gather(*singles, batcher.draw(other, z[:3], torch.tensor([0, 1, 0]))))

    *singles, three = asyncio.run(ask())
    expected = model.sample([n % 10 for n in range(40)])
    np.testing.assert_array_equal(np.concatenate(singles), expected)
    np.testing.assert_array_equal(three, other.draw(model.latents(0, range(3)), torch.tensor([0, 1, 0])))
    assert batcher.drawn == 43
    assert batcher.batches < 20  # far fewer batches than the 41 requests


def test_a_generator_whose_images_depend_on_their_company_draws_each_in_its_place(
    batcher: DynamicBatcher, new_model: Callable[..., Model]
) -> None:
    model = new_model()
    assert is_batch_invariant(model)
    # Batch norm in training mode uses batch statistics: an extreme case of images that depend on their batch.
    unsteady = dataclasses.replace(model, generator=copy.deepcopy(model.generator).train())
    assert not is_batch_invariant(unsteady)

    async def ask() -> list[object]:
        z = unsteady.latents(0, range(20))
        return list(
            await asyncio.gather(*(batcher.draw(unsteady, z[n : n + 1], torch.tensor([0]), start=n) for n in range(20)))
        )

    expected = [unsteady.draw(unsteady.latents(0, range(n, n + 1)), torch.tensor([0]), n) for n in range(20)]
    np.testing.assert_array_equal(np.concatenate(asyncio.run(ask())), np.concatenate(expected))


def test_too_much_is_refused_and_then_there_is_room_again(new_model: Callable[..., Model]) -> None:
    model, batcher = new_model(), DynamicBatcher(threads=1, most_waiting=100)
    z = model.latents(0, range(1)).repeat(90, 1)
    labels = torch.zeros(90, dtype=torch.int64)

    async def ask() -> list[object]:
        return list(await asyncio.gather(*(batcher.draw(model, z, labels) for _ in range(30)), return_exceptions=True))

    answers = asyncio.run(ask())
    refused = [answer for answer in answers if isinstance(answer, BusyError)]
    assert 0 < len(refused) < 30
    assert batcher.refused == len(refused)
    assert all(len(answer) == 90 for answer in answers if not isinstance(answer, BusyError))
    assert len(asyncio.run(batcher.draw(model, z, labels))) == 90
    batcher.close()


def test_more_than_may_wait_is_still_drawn_where_nothing_waits(new_model: Callable[..., Model]) -> None:
    model, batcher = new_model(), DynamicBatcher(threads=1, most_waiting=10)
    assert len(asyncio.run(batcher.draw(model, model.latents(0, range(30)), torch.zeros(30, dtype=torch.int64)))) == 30
    batcher.close()


def test_an_error_reaches_the_caller_and_the_thread_continues(batcher: DynamicBatcher, new_model: Callable[..., Model]) -> None:
    model = new_model()
    with pytest.raises(IndexError):
        asyncio.run(batcher.draw(model, model.latents(0, range(2)), torch.tensor([0, 10])))
    assert len(asyncio.run(batcher.draw(model, model.latents(0, range(2)), torch.tensor([0, 1])))) == 2

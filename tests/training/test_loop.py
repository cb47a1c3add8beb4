"""Tests of the training loop: the order of its events, stopping and resuming."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from digitgan.data import Batches, ImageSet
from digitgan.training import CheckpointDue, Control, Ended, Event, NoiseSource, PreviewDue, Stepped, Trainer, train_loop
from digitgan.training.checkpoint import trainer_tensors
from digitgan.training.schedule import MIN_SCALE

SIGNS = {Stepped: "s", PreviewDue: "P", CheckpointDue: "C", Ended: "E"}


class Loop:
    """Runs training loops on the digits."""

    def __init__(self, digits: ImageSet) -> None:
        self.digits = digits
        self.control = Control()

    def run(self, trainer: Trainer) -> Iterator[Event]:
        size = trainer.recipe.training.batch_size
        return train_loop(
            trainer, Batches(self.digits, size, 0), NoiseSource(0, 8, 10, size, torch.device("cpu")), self.control
        )


@pytest.fixture
def loop(digits: ImageSet) -> Loop:
    return Loop(digits)


def signs(events: list[Event]) -> str:
    return "".join(SIGNS[type(event)] for event in events)


def test_each_event_comes_after_its_step_and_the_end_comes_last(loop: Loop, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer("training.previews=5", "training.checkpoints=2")
    events = list(loop.run(trainer))
    assert signs(events) == "s sP s sP sC sP s sP s sPC E".replace(" ", "")
    assert events[-1] == Ended(trainer, finished=True)
    assert [event.report.images_seen for event in events if isinstance(event, Stepped)] == list(range(16, 161, 16))


@pytest.mark.parametrize("previews", [1, 3, 7, 10])
def test_a_run_leaves_as_many_previews_as_its_recipe_says(
    loop: Loop, new_trainer: Callable[..., Trainer], previews: int
) -> None:
    events = list(loop.run(new_trainer(f"training.previews={previews}", "training.checkpoints=1")))
    assert signs(events).count("P") == previews
    assert signs(events).count("C") == 1


def test_more_previews_than_steps_are_one_a_step(loop: Loop, new_trainer: Callable[..., Trainer]) -> None:
    events = list(loop.run(new_trainer("training.previews=24", "training.checkpoints=1")))
    assert signs(events) == "sP" * 9 + "sPC" + "E"


@pytest.mark.parametrize("images", [1, 16, 17, 159, 160])
def test_the_last_step_is_a_step_like_any_other(loop: Loop, new_trainer: Callable[..., Trainer], images: int) -> None:
    """Test lengths that are not a multiple of the batch size: the last batch is whole, and all events are due after it."""
    trainer = new_trainer(f"training.images={images}", "training.previews=1", "training.checkpoints=1")
    steps = -(-images // 16)
    events = list(loop.run(trainer))
    assert signs(events) == "s" * steps + "PCE"
    assert trainer.images_seen == 16 * steps


def test_the_last_step_learns(loop: Loop, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer(
        "training.previews=1", "training.checkpoints=1", "optimizer.decay=linear", "optimizer.decay_share=0.05"
    )
    before = trainer_tensors(trainer)
    for event in loop.run(trainer):
        if isinstance(event, Stepped) and event.report.images_seen == 144:
            before = trainer_tensors(trainer)
    after = trainer_tensors(trainer)
    assert not torch.equal(before["generator.dense.weight"], after["generator.dense.weight"])
    assert not torch.equal(before["ema.dense.weight"], after["ema.dense.weight"])
    assert trainer.generator_optimizer.param_groups[0]["lr"] >= MIN_SCALE * trainer.recipe.optimizer.generator_learning_rate


def test_what_is_due_shows_the_trainer_as_it_is_after_the_step(loop: Loop, new_trainer: Callable[..., Trainer]) -> None:
    seen = [
        event.trainer.images_seen for event in loop.run(new_trainer("training.previews=5")) if isinstance(event, PreviewDue)
    ]
    assert seen == [32, 64, 96, 128, 160]


def test_each_step_gets_the_latents_and_images_of_its_place_in_the_run(
    loop: Loop, digits: ImageSet, new_trainer: Callable[..., Trainer]
) -> None:
    trainer = new_trainer("training.images=48", "penalty.name=none")
    given: list[tuple[torch.Tensor, torch.Tensor]] = []
    trainer.generator.register_forward_pre_hook(lambda _, inputs: given.append(inputs))
    list(loop.run(trainer))
    noise_source, batches = NoiseSource(0, 8, 10, 16, torch.device("cpu")), Batches(digits, 16, 0)
    for (z, labels), images_seen in zip(given, (0, 16, 32), strict=True):
        assert torch.equal(z, noise_source.at(images_seen).z)
        assert torch.equal(labels, batches.at(images_seen).labels)


def test_a_loop_that_is_stopped_makes_a_checkpoint_and_ends(loop: Loop, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer("training.previews=1", "training.checkpoints=1")
    events: list[Event] = []
    for event in loop.run(trainer):
        events.append(event)
        if trainer.images_seen == 48:
            loop.control.stop()
    assert signs(events) == "sssCE"
    assert events[-2:] == [CheckpointDue(trainer), Ended(trainer, finished=False)]
    assert trainer.images_seen == 48


def test_a_stop_right_after_a_checkpoint_makes_no_second_one(loop: Loop, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer("training.previews=1", "training.checkpoints=2")
    events: list[Event] = []
    for event in loop.run(trainer):
        events.append(event)
        if isinstance(event, CheckpointDue):
            loop.control.stop()
    assert signs(events) == "sssssCE"
    assert events[-1] == Ended(trainer, finished=False)


def test_a_stop_in_the_last_step_is_an_end(loop: Loop, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer("training.previews=1", "training.checkpoints=1")
    events: list[Event] = []
    for event in loop.run(trainer):
        events.append(event)
        if trainer.images_seen == 160:
            loop.control.stop()
    assert signs(events).endswith("sPCE")
    assert events[-1] == Ended(trainer, finished=True)


def test_a_stop_before_the_first_step_leaves_a_checkpoint_of_it(loop: Loop, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer()
    loop.control.stop()
    assert list(loop.run(trainer)) == [CheckpointDue(trainer), Ended(trainer, finished=False)]
    assert trainer.images_seen == 0


@pytest.mark.parametrize("images", [150, 160])
def test_a_finished_trainer_only_ends(loop: Loop, new_trainer: Callable[..., Trainer], images: int) -> None:
    trainer = new_trainer(f"training.images={images}")
    assert signs(list(loop.run(trainer))).endswith("E")
    before = trainer_tensors(trainer)
    assert list(loop.run(trainer)) == [Ended(trainer, finished=True)]
    assert all(torch.equal(before[name], tensor) for name, tensor in trainer_tensors(trainer).items())


def test_stopped_and_taken_up_again_is_as_if_it_had_never_stopped(
    loop: Loop, digits: ImageSet, new_trainer: Callable[..., Trainer]
) -> None:
    settings = ("training.previews=5", "training.checkpoints=2")
    whole, broken = new_trainer(*settings), new_trainer(*settings)
    expected = list(loop.run(whole))
    events: list[Event] = []
    for event in loop.run(broken):
        events.append(event)
        if broken.images_seen == 112:
            loop.control.stop()
    stopped = [event for event in events if not isinstance(event, Ended)][:-1]  # without the checkpoint at the stop
    resumed = list(Loop(digits).run(broken))
    assert signs(stopped + resumed) == signs(expected)
    tensors = trainer_tensors(whole)
    assert all(torch.equal(tensors[name], tensor) for name, tensor in trainer_tensors(broken).items())

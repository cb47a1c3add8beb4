"""A callback that lets a viewer look into the training and set its pace, see `digitgan.runs.lab`."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
from torch import Tensor

from digitgan.data import Batches
from digitgan.errors import OutputError, is_out_of_memory
from digitgan.runs import RunFolder
from digitgan.runs.lab import Pace
from digitgan.session.callbacks.base import Callback
from digitgan.session.callbacks.guard import Guard
from digitgan.training import Control, Ended, Event, NoiseSource, Stepped, Trainer
from digitgan.training.inspection import Inspection, Scores, inspect

MAX_SHARE: Final = 0.02
"""Share of the time that the snapshots of a training at full pace take at most."""

LEAST_SECONDS: Final = 0.3
"""Shortest time between two snapshots."""

LOOK_SECONDS: Final = 0.2
"""Interval at which the training checks whether somebody looks."""

POLL_SECONDS: Final = 0.03
"""Interval at which a paused training checks for a request."""

SHOWN: Final = 12
"""Number of real images and of fakes in a snapshot."""

SCORED: Final = 64
"""Number of real images and of fakes whose scores are in a snapshot."""

MAX_FIXED: Final = 10
"""Largest number of latents that never change."""

BACK_OFF_SECONDS: Final = 30.0
"""Time without snapshots after one that failed."""

Updated = str
"""The network that was updated last: "discriminator", "generator" or "both"; "" at full pace."""


@final
class Lab(Callback):
    """A callback that writes snapshots of the training while somebody looks and at its end, and waits as the viewer requests.

    Args:
        run: the run.
        trainer: the trainer, whose hook between its two updates is set while the pace needs it.
        batches: real images, by number of images seen.
        noise_source: noise, by number of images seen.
        control: control of the loop; a stop ends all waits.
        guard: guard of the training, which knows the variety of each class.
        class_names: names of the classes.
        on_waited: called after each wait, so that its time can be left out of the training time.
        may_wait: whether the training may be slowed; not if other processes wait for this one.
    """

    def __init__(
        self,
        run: RunFolder,
        trainer: Trainer,
        batches: Batches,
        noise_source: NoiseSource,
        control: Control,
        guard: Guard,
        class_names: tuple[str, ...],
        on_waited: Callable[[], None],
        *,
        may_wait: bool,
    ) -> None:
        self.folder = run.lab
        self.trainer = trainer
        self.batches = batches
        self.noise_source = noise_source
        self.control = control
        self.guard = guard
        self.class_names = class_names
        self.on_waited = on_waited
        self.may_wait = may_wait
        classes = noise_source.classes
        preview = noise_source.preview(1) if classes > 1 else noise_source.preview_in_turn(MAX_FIXED)
        self.fixed: tuple[Tensor, Tensor] = (preview[0][:MAX_FIXED], preview[1][:MAX_FIXED])
        self._next_look = self._next_snapshot = 0.0
        self._answered = Pace()  # the requests that have been executed
        self._first_snapshot = self._seconds_spent = 0.0
        self._to_the_end = False  # whether the present step runs to its end without a wait
        self._terms: dict[str, Tensor] = {}
        self._earlier: tuple[int, Scores, Scores] | None = None  # where a step begins, and earlier scores of its images

    def on_event(self, event: Event) -> None:
        """After a step: write a snapshot if one is due, and wait if the viewer requests it. At the end: write the last one."""
        if isinstance(event, Ended) and self.trainer.images_seen > 0:
            with contextlib.suppress(Exception):  # the training is complete: nothing may end it now
                self.folder.make()
                self._write_snapshot(self._last_step(), "", within_step=False)
        if not isinstance(event, Stepped):
            return
        self._terms = event.report.terms
        now = time.monotonic()
        if now < self._next_look and self.trainer.on_discriminator_updated is None:
            return
        self._next_look = now + LOOK_SECONDS
        pace = self.folder.read_pace()
        waits = pace is not None and pace.name != "full" and self.may_wait
        self.trainer.on_discriminator_updated = self._between_updates if waits else None
        self._to_the_end = False
        if pace is None:
            self._answered = Pace()
        elif waits:
            self._wait(pace, self._learned())
        elif now >= self._next_snapshot:
            self._snapshot(self._last_step(), "")
            ended = time.monotonic()
            self._seconds_spent += ended - now
            self._next_snapshot = ended + max(LEAST_SECONDS, (ended - now) / MAX_SHARE)

    def _last_step(self) -> int:
        """Return the number of images seen at which the last whole step began."""
        return max(0, self.trainer.images_seen - self.noise_source.batch_size)

    def _learned(self) -> Updated:
        """Return which networks the step that has just ended updated last."""
        updates = self.trainer.recipe.updates
        if updates.order == "simultaneous":
            return "both"
        return "discriminator" if self.trainer.steps_done % updates.discriminator_steps else "generator"

    def _between_updates(self) -> None:
        """Wait between the update of the discriminator and that of the generator."""
        pace = self.folder.read_pace()
        if pace is not None and pace.name != "full" and not self._to_the_end:
            self._wait(pace, "discriminator", within_step=True)

    def _wait(self, pace: Pace, updated: Updated, *, within_step: bool = False) -> None:
        """Show the state after an update; return when the next one is due."""
        began = self.trainer.images_seen if within_step else self._last_step()
        self._snapshot(began, updated, within_step=within_step)
        if pace.name == "paused" and (self._answered.name != "paused" or self._answered.updates > pace.updates):
            self._answered = pace  # requests of an earlier viewer do not count
        started = time.monotonic()
        now: Pace | None = pace
        while now is not None and not self.control.stop_requested:
            if now.name == "full" or (now.name == "slow" and time.monotonic() - started >= now.seconds):
                break
            if now.name == "paused" and self._is_due(now):
                break
            time.sleep(POLL_SECONDS)
            now = self.folder.read_pace()
        if now is None or now.name != "paused":
            self._answered = Pace()
        if now is not None and now.name != "full" and not within_step and not self.control.stop_requested:
            self._score_next_step()
        self.on_waited()

    def _is_due(self, pace: Pace) -> bool:
        """Return whether the viewer has requested another update or step, and count it as executed."""
        if pace.steps > self._answered.steps:
            self._answered = Pace("paused", pace.seconds, pace.updates, self._answered.steps + 1)
            self._to_the_end = True
            return True
        if pace.updates > self._answered.updates:
            self._answered = Pace("paused", pace.seconds, self._answered.updates + 1, pace.steps)
            return True
        return False

    def _score_next_step(self) -> None:
        """Remember the scores of the next step's images before it, so that its snapshots tell what each update changed."""
        at = self.trainer.images_seen
        if at < self.trainer.recipe.training.images:
            with self._without_ending_the_training():
                self._inspect(at)

    def _snapshot(self, step_begins_at: int, updated: Updated, *, within_step: bool = False) -> None:
        """Write a snapshot with the images of the step that began at a number of images seen."""
        with self._without_ending_the_training():
            self._write_snapshot(step_begins_at, updated, within_step)

    @contextlib.contextmanager
    def _without_ending_the_training(self) -> Iterator[None]:
        """Go on without snapshots for a while after a full disk, or if there is no memory for the copies."""
        try:
            yield
        except (OutputError, OSError, MemoryError, RuntimeError) as problem:
            if isinstance(problem, RuntimeError) and not is_out_of_memory(problem):
                raise
            self._next_snapshot = time.monotonic() + BACK_OFF_SECONDS

    def _inspect(self, at: int) -> tuple[Inspection, dict[str, Scores]]:
        """Inspect the step that begins at a number of images seen, and return the earlier scores of the same images too."""
        batch, noise = self.batches.at(at), self.noise_source.at(at, self.trainer.attempts)
        found = inspect(self.trainer, batch, noise, self.fixed, shown=SHOWN, scored=SCORED)
        earlier = {}
        if self._earlier is not None and self._earlier[0] == at:
            earlier = {"real_earlier_scores": self._earlier[1], "fake_earlier_scores": self._earlier[2]}
        self._earlier = (at, found.real_scores, found.fake_scores)
        return found, earlier

    def _write_snapshot(self, at: int, updated: Updated, within_step: bool) -> None:
        trainer = self.trainer
        self._first_snapshot = self._first_snapshot or time.monotonic()
        looked = time.monotonic() - self._first_snapshot
        found, earlier = self._inspect(at)
        facts = {
            "images_seen": trainer.images_seen,
            "images": trainer.recipe.training.images,
            "step": trainer.steps_done + within_step,
            "updated": updated,
            "halves": trainer.recipe.updates.order != "simultaneous",
            "paired": trainer.objective.loss.paired,
            "may_wait": self.may_wait,
            "class_names": list(self.class_names),
            "conditional": trainer.recipe.conditional,
            "cost": round(self._seconds_spent / looked, 4) if looked > 1 else None,
            "terms": {name: _number(value) for name, value in self._terms.items()},
            "variety": {name: round(share, 3) for name, share in self.guard.class_varieties.items()},
        }
        if self.folder.path.is_dir():  # the run may have been removed meanwhile
            self.folder.write_snapshot(_arrays(found) | (earlier if updated else {}), facts)


def _arrays(found: Inspection) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {"real_scores": found.real_scores, "fake_scores": found.fake_scores}
    for name, part in (("real", found.real), ("fake", found.fake), ("fixed", found.fixed)):
        arrays |= {f"{name}_images": part.images, f"{name}_labels": part.labels, f"{name}_shown_scores": part.scores}
        for what, values in (("gradient", part.gradient), ("latents", part.latents)):
            if values is not None:
                arrays[f"{name}_{what}"] = values
    return {name: np.ascontiguousarray(values) for name, values in arrays.items()}


def _number(value: Tensor) -> float | None:
    number = float(value)
    return round(number, 6) if math.isfinite(number) else None

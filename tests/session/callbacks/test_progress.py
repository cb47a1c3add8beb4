"""Tests of the progress displays."""

from __future__ import annotations

import io
import itertools
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from digitgan.images import Picture
from digitgan.recipes import Recipe, with_settings
from digitgan.session.callbacks import LiveProgress, NoProgress, PlainProgress, ProgressCallback
from digitgan.session.callbacks.progress import PICTURE_SECONDS, REFRESH_SECONDS
from digitgan.training import Ended, Event, Stepped, StepReport, Trainer

BATCH = 16
PREVIEW = Path("runs/[fast]/previews/00000160.png")
CURSOR_GONE, CURSOR_BACK = "\x1b[?25l", "\x1b[?25h"


class Terms(dict[str, torch.Tensor]):
    """The terms of a step, which count how often they are read."""

    reads = 0

    def items(self) -> Any:
        Terms.reads += 1
        return super().items()


def step(number: int, value: float = 0.5) -> Stepped:
    """Return the event after step `number`, counted from 1."""
    names = ("discriminator_loss", "generator_loss", "score_real", "score_fake", "accuracy_real", "accuracy_fake")
    return Stepped(StepReport(number * BATCH, Terms({name: torch.tensor(value) for name in names})))


def steps(count: int, first: int = 1) -> Iterable[Stepped]:
    return (step(number) for number in range(first, count + 1))


def show(progress: ProgressCallback, events: Iterable[Event]) -> None:
    with progress:
        for event in events:
            progress.on_event(event)


@pytest.fixture
def recipe(small_recipe: Recipe) -> Recipe:
    """Return the recipe of a run of 125 steps."""
    return with_settings(small_recipe, ["training.images=2000"])


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def plain(log: io.StringIO) -> Console:
    """Return a console without a terminal."""
    return Console(file=log, width=60)


@pytest.fixture
def terminal(log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setenv("TERM", "xterm-256color")
    return Console(file=log, force_terminal=True, width=100, height=30)


@pytest.fixture
def colours(log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> Console:
    """Return a terminal that can show pictures."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Console(file=log, force_terminal=True, color_system="truecolor", width=80, height=24)


def words(log: io.StringIO) -> str:
    """Return the output without colours and cursor movements."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", log.getvalue())


# --- plain lines ------------------------------------------------------------------------------------------------------


class Clock:
    """A clock that tests advance."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock of the displays."""
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def advancing(clock: Clock, seconds: float, events: Iterable[Event]) -> Iterable[Event]:
    """Yield events, each some seconds after the one before."""
    for event in events:
        clock.now += seconds
        yield event


def test_a_log_has_its_start_its_end_and_a_line_every_five_seconds(
    plain: Console, log: io.StringIO, recipe: Recipe, clock: Clock, new_trainer: Callable[..., Trainer]
) -> None:
    events = [*steps(125), Ended(new_trainer(), finished=True)]
    show(PlainProgress(plain, recipe, 0), advancing(clock, 0.25, events))
    first, *between, last = log.getvalue().splitlines()
    assert re.search(r"\b0\b.*2,000 images", first)
    assert len(between) == 6  # 31 seconds
    assert between[0].startswith("320/2,000 images")
    assert last.startswith("2,000/2,000 images")
    assert re.search(r"\b0 s\b", last)


def test_a_short_run_leaves_two_lines(
    plain: Console, log: io.StringIO, recipe: Recipe, clock: Clock, new_trainer: Callable[..., Trainer]
) -> None:
    events = [*steps(125), Ended(new_trainer(), finished=True)]
    show(PlainProgress(plain, recipe, 0), advancing(clock, 0.01, events))
    assert len(log.getvalue().splitlines()) == 2


def test_a_line_tells_the_losses_the_scores_the_speed_and_the_time_left(
    plain: Console, log: io.StringIO, small_recipe: Recipe, clock: Clock, new_trainer: Callable[..., Trainer]
) -> None:
    progress = PlainProgress(plain, small_recipe, 0)
    clock.now += 2  # five steps in two seconds
    show(progress, [step(5, value=-1.25), Ended(new_trainer(), finished=True)])
    line = log.getvalue().splitlines()[-1]
    assert re.fullmatch(r"80/160 .*\b40/s\b.*\b2 s\b.*D -1\.250 G -1\.250.*real -1\.25.*fake -1\.25", line)


def test_a_line_stays_one_line_however_narrow_the_console(
    plain: Console, log: io.StringIO, small_recipe: Recipe, clock: Clock
) -> None:
    progress = PlainProgress(plain, small_recipe, 0)
    show(progress, advancing(clock, 5, steps(1)))
    assert log.getvalue().count("\n") == 2
    assert "\x1b" not in log.getvalue()


def test_the_last_step_may_see_more_images_than_the_run_has(
    plain: Console, log: io.StringIO, small_recipe: Recipe, clock: Clock
) -> None:
    show(PlainProgress(plain, with_settings(small_recipe, ["training.images=150"]), 0), advancing(clock, 1, steps(10)))
    assert log.getvalue().splitlines()[-1].startswith("150/150 images")


def test_a_resumed_run_counts_its_speed_from_where_it_began(
    plain: Console, log: io.StringIO, recipe: Recipe, clock: Clock, new_trainer: Callable[..., Trainer]
) -> None:
    progress = PlainProgress(plain, recipe, 124 * BATCH)
    clock.now += 1
    show(progress, [step(125), Ended(new_trainer(), finished=True)])
    assert re.search(r"  16/s  ", log.getvalue())


def test_a_stop_is_told(plain: Console, log: io.StringIO, small_recipe: Recipe, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer()
    trainer.images_seen = 1_440
    show(PlainProgress(plain, small_recipe, 0), [Ended(trainer, finished=False)])
    assert re.fullmatch(r"stopped.*\b1,440\b.*", log.getvalue().splitlines()[-1])


def test_losses_are_read_only_for_a_line(plain: Console, recipe: Recipe, clock: Clock) -> None:
    before = Terms.reads
    show(PlainProgress(plain, recipe, 0), advancing(clock, 1, steps(125)))
    assert Terms.reads - before == 25


# --- the live display -------------------------------------------------------------------------------------------------


def test_the_display_ends_with_the_last_step(
    terminal: Console, log: io.StringIO, small_recipe: Recipe, new_trainer: Callable[..., Trainer]
) -> None:
    progress = LiveProgress(terminal, small_recipe, 0)
    with progress:
        for event in steps(10):
            progress.on_event(event)
        progress.notice(PREVIEW)
        progress.on_event(Ended(new_trainer(), finished=True))
    shown = words(log)
    assert re.search(r"━+ 100% 160/160 .*0:00:00", shown)
    assert re.search(r"loss +0\.500 +0\.500", shown)
    assert re.search(r"score +real \+0\.50 +fake \+0\.50", shown)
    assert re.search(r"images/s +[\d,]+", shown)
    assert shown.rstrip().endswith(str(PREVIEW))


def test_a_stopped_training_is_shown_where_it_stopped(
    terminal: Console, log: io.StringIO, small_recipe: Recipe, new_trainer: Callable[..., Trainer]
) -> None:
    show(LiveProgress(terminal, small_recipe, 0), [*steps(4), Ended(new_trainer(), finished=False)])
    assert " 40%  64/160 images" in words(log)


def test_a_resumed_training_begins_where_it_was(terminal: Console, log: io.StringIO, small_recipe: Recipe) -> None:
    progress = LiveProgress(terminal, small_recipe, 5 * BATCH)
    assert progress.bar.tasks[0].completed == 5 * BATCH, "the remaining time excludes images of earlier sessions"
    show(progress, steps(6, first=6))
    assert " 60%  96/160 images" in words(log)


def test_the_pictures_are_redrawn_at_most_once_a_second(
    colours: Console, log: io.StringIO, recipe: Recipe, clock: Clock
) -> None:
    drawn: list[float] = []

    def draw() -> Picture:
        drawn.append(clock.now)
        return np.full((10, 28, 28), 20 * len(drawn), dtype=np.uint8)

    show(LiveProgress(colours, recipe, 0, draw), advancing(clock, 0.3, steps(20)))
    assert len(drawn) == 5
    assert all(later - sooner >= PICTURE_SECONDS for sooner, later in itertools.pairwise(drawn))
    assert "48;2;100;100;100m▄" in log.getvalue()
    assert max(line.count("▄") for line in words(log).splitlines()) <= 80


def test_slow_pictures_are_drawn_less_often(colours: Console, log: io.StringIO, recipe: Recipe, clock: Clock) -> None:
    seconds = 0.0

    def draw() -> Picture:
        nonlocal seconds
        clock.now += 0.2
        seconds += 0.2
        return np.zeros((10, 28, 28), dtype=np.uint8)

    show(LiveProgress(colours, recipe, 0, draw), advancing(clock, 0.5, steps(125)))
    assert 2 * 0.2 <= seconds <= 0.03 * (clock.now - 1000)


def test_a_terminal_without_colours_shows_no_pictures(
    log: io.StringIO, small_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    console = Console(file=log, force_terminal=True, width=80, height=24, no_color=True)
    show(LiveProgress(console, small_recipe, 0, lambda: pytest.fail("drawn")), steps(3))
    assert "▄" not in log.getvalue()


def test_the_losses_shown_are_smoothed(terminal: Console, log: io.StringIO, small_recipe: Recipe) -> None:
    progress = LiveProgress(terminal, small_recipe, 0)
    progress.on_event(step(1, value=1.0))
    progress.refreshed -= 2 * REFRESH_SECONDS
    progress.on_event(step(2, value=2.0))
    assert progress.shown["discriminator_loss"] == pytest.approx(1.1)


def test_losses_are_read_four_times_a_second_at_most(terminal: Console, recipe: Recipe) -> None:
    before, started = Terms.reads, time.monotonic()
    show(LiveProgress(terminal, recipe, 0), steps(125))
    assert 1 <= Terms.reads - before <= 1 + (time.monotonic() - started) / REFRESH_SECONDS


def test_before_the_first_step_nothing_is_read(
    terminal: Console, log: io.StringIO, small_recipe: Recipe, new_trainer: Callable[..., Trainer]
) -> None:
    show(LiveProgress(terminal, small_recipe, 160), [Ended(new_trainer(), finished=True)])
    assert "loss" not in words(log)


def test_the_cursor_comes_back_whatever_happens(terminal: Console, log: io.StringIO, small_recipe: Recipe) -> None:
    def broken() -> Iterable[Stepped]:
        yield step(1)
        raise ZeroDivisionError("broke off")

    with pytest.raises(ZeroDivisionError):
        show(LiveProgress(terminal, small_recipe, 0), broken())
    assert CURSOR_GONE in log.getvalue()
    assert log.getvalue().rfind(CURSOR_BACK) > log.getvalue().rfind(CURSOR_GONE)


def test_a_preview_with_brackets_in_its_path_is_shown_as_it_is(
    terminal: Console, log: io.StringIO, small_recipe: Recipe
) -> None:
    progress = LiveProgress(terminal, small_recipe, 0)
    progress.notice(PREVIEW)
    show(progress, steps(1))
    assert str(PREVIEW) in words(log)


# --- no display -------------------------------------------------------------------------------------------------------


def test_quiet_is_quiet(capfd: pytest.CaptureFixture[str], new_trainer: Callable[..., Trainer]) -> None:
    progress = NoProgress()
    progress.notice(PREVIEW)
    before = Terms.reads
    show(progress, [*steps(10), Ended(new_trainer(), finished=False)])
    assert Terms.reads == before
    assert capfd.readouterr() == ("", "")

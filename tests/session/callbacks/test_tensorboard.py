"""Tests of the TensorBoard event files, read with TensorBoard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import digitgan
from digitgan.errors import UsageError
from digitgan.runs import RunFolder
from tests import tiny

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of protobuf's types


def read(run: RunFolder) -> EventAccumulator:
    events = EventAccumulator(str(run.tensorboard), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    return events


def test_losses_scores_and_previews_are_there(tmp_path: Path, caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(caches))
    out = tmp_path / "run"
    tiny.train(out, evaluate_every=tiny.IMAGES // 2, tensorboard=True)
    run = RunFolder(out)
    events = read(run)
    history = list(run.read_history())
    losses = events.Scalars("losses/discriminator_loss")
    assert [point.step for point in losses] == [line["images_seen"] for line in history]
    np.testing.assert_allclose([point.value for point in losses], [line["discriminator_loss"] for line in history], rtol=1e-4)
    assert [point.step for point in events.Scalars("evaluation/frechet_distance")] == [tiny.IMAGES // 2, tiny.IMAGES]
    assert [picture.step for picture in events.Images("preview")] == [int(path.stem) for path in run.preview_files()]


def test_a_longer_training_goes_on_in_the_same_curves(tmp_path: Path) -> None:
    out = tmp_path / "run"
    tiny.train(out, tensorboard=True)
    digitgan.train(out=out, images=2 * tiny.IMAGES, resume=True, tensorboard=True)
    steps = [point.step for point in read(RunFolder(out)).Scalars("losses/generator_loss")]
    assert steps == sorted(set(steps))
    assert steps[-1] == 2 * tiny.IMAGES


def test_without_being_asked_for_there_are_none(tiny_run: Path) -> None:
    assert not RunFolder(tiny_run).tensorboard.exists()


def test_where_it_is_missing_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'digitgan\[tensorboard\]'"):
        tiny.train(tmp_path / "run", tensorboard=True)
    assert not (tmp_path / "run").exists()

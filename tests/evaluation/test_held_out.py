"""How many images an evaluation holds out, and which metrics it leaves out for too few of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from digitgan.data import DataRequest, ReadOptions, silent
from digitgan.evaluation import METRICS, held_out_count, left_out_for
from digitgan.evaluation.sources import train_test_split
from digitgan.session.forecast import verify_source


def images(count: int) -> str:
    noise = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
    np.savez("set.npz", images=noise, labels=np.arange(count) % 3)
    return "set.npz"


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("count", "held_out"), [(3, 1), (300, 100), (387, 129), (645, 129), (1000, 200), (70_000, 14_000)])
def test_a_small_set_gives_a_third_and_a_large_one_a_fifth(count: int, held_out: int) -> None:
    assert held_out_count(count) == held_out


def test_the_split_has_that_many_images_and_says_so() -> None:
    split = train_test_split(DataRequest(images(300)), silent)
    assert (len(split.training), len(split.held_out)) == (200, 100)
    assert "100" in split.note


def test_the_metrics_without_enough_images_are_named() -> None:
    assert "any metric" in left_out_for(99)
    assert "100" in left_out_for(99)
    few = left_out_for(128)
    assert METRICS["frechet_distance"].title in few
    assert METRICS["class_accuracy"].title not in few
    assert left_out_for(10_000) == ""


@pytest.mark.parametrize(("count", "metric"), [(240, "any metric"), (330, "Fréchet distance")])
def test_data_verify_warns_of_metrics_without_enough_images(count: int, metric: str) -> None:
    warnings = verify_source(images(count), None, None, ReadOptions(), "cpu", silent).warnings
    assert any(metric in line for line in warnings)

"""Tests of the record of a run: its entries by status, those of earlier sessions, and changes of the arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from digitgan.runs import new_run
from digitgan.session.plan import TrainPlan
from digitgan.session.record import RunRecord
from tests.session.conftest import NewPlan

EARLIER = {
    "rollbacks": [{"at": 48, "to": 32, "alarm": "divergence"}],
    "pretraining": {"generator": {"steps": 4}},
    "earlier_arithmetic": [{"until": 32, "threads": 3}],
}


@pytest.fixture
def record_of(new_plan: NewPlan) -> Callable[..., RunRecord]:
    """Return a function that makes the record of a run at 64 images and 1.23456 seconds."""

    def make(before: dict[str, Any], plan: TrainPlan | None = None) -> RunRecord:
        trainer, history = SimpleNamespace(images_seen=64), SimpleNamespace(seconds=1.23456, epoch_seconds=[0.5])
        return RunRecord(plan or new_plan(), trainer, history, before)  # type: ignore[arg-type]

    return make


def test_a_new_run_has_the_facts_of_its_plan(record_of: Callable[..., RunRecord], new_plan: NewPlan) -> None:
    record = record_of({})
    run = new_run(record.plan.run.path, overwrite=False)
    record.write("training")
    assert run.read_record() == new_plan().facts() | {"status": "training", "rollbacks": []}


def test_the_end_of_a_session_adds_the_progress(record_of: Callable[..., RunRecord], new_plan: NewPlan) -> None:
    record = record_of({})
    run = new_run(record.plan.run.path, overwrite=False)
    record.write("failed", diagnosis="divergence")
    progress = {"images_seen": 64, "seconds": 1.235, "epoch_seconds": [0.5]}
    assert run.read_record() == new_plan().facts() | progress | {
        "status": "failed",
        "rollbacks": [],
        "diagnosis": "divergence",
    }


def test_entries_of_earlier_sessions_stay(record_of: Callable[..., RunRecord]) -> None:
    record = record_of(EARLIER)
    run = new_run(record.plan.run.path, overwrite=False)
    record.write("training")
    assert run.read_record().items() >= EARLIER.items()


def test_the_card_of_a_model_names_its_origin(record_of: Callable[..., RunRecord], new_plan: NewPlan) -> None:
    progress = {"images_seen": 128, "seconds": 1.2, "rollbacks": 1, "metrics": {}}
    assert record_of(EARLIER).card(SimpleNamespace(images_seen=128)) == new_plan().facts() | progress  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ({"threads": 7}, "threads 7 -> 1"),
        ({"device": "cuda", "gpu": "H100"}, "device cuda -> cpu, gpu H100 -> none"),
        ({"precision": "bfloat16"}, "precision bfloat16 -> float32"),
        ({"variables": {"MKL_CBWR": "AVX2"}}, "variables MKL_CBWR=AVX2 -> none"),
    ],
)
def test_a_change_of_the_arithmetic_is_described_and_recorded(
    record_of: Callable[..., RunRecord], new_plan: NewPlan, monkeypatch: pytest.MonkeyPatch, before: Any, expected: str
) -> None:
    monkeypatch.delenv("MKL_CBWR", raising=False)
    earlier = new_plan().arithmetic() | before
    record = record_of(EARLIER | {"arithmetic": earlier})
    assert record.note_arithmetic() == expected
    assert record.earlier_arithmetic == [*EARLIER["earlier_arithmetic"], {"until": 64, **earlier}]


def test_the_same_arithmetic_is_no_change(record_of: Callable[..., RunRecord], new_plan: NewPlan) -> None:
    for before in ({}, {"arithmetic": new_plan().arithmetic()}):
        record = record_of(before)
        assert record.note_arithmetic() == ""
        assert record.earlier_arithmetic == []

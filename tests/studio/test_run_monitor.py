"""Tests of the event stream of a run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digitgan.recipes import find_recipe
from digitgan.runs import RunFolder, history_line, locked, new_run
from digitgan.studio.model_cache import ModelCache
from digitgan.studio.process_table import ProcessTable
from digitgan.studio.run_monitor import RunMonitor


def has_come_to(run: RunFolder, losses: Sequence[float], rollbacks: Sequence[dict[str, Any]] = ()) -> None:
    run.write_record({"status": "training", "versions": {"digitgan": "0.1.0"}, "rollbacks": list(rollbacks)})
    lines = [{"images_seen": 64 * (n + 1), "discriminator_loss": loss} for n, loss in enumerate(losses)]
    run.history.write_text("".join(map(history_line, lines)))


def test_what_the_guard_has_taken_back_is_told_anew_also_where_it_was_made_up_for_between_two_looks(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", overwrite=False)
    run.write_recipe(find_recipe("fast"))
    has_come_to(run, [1.0, 1.5, 9.0])
    monitor = RunMonitor(ModelCache(tmp_path), ProcessTable(tmp_path))

    async def told() -> list[tuple[str, Any]]:
        events = []
        async for text in monitor.follow("run"):
            if text.startswith("event"):
                kind, data = (line.partition(": ")[2] for line in text.strip().splitlines())
                events.append((kind, json.loads(data)))
            else:  # between two polls
                if len(events) > 2:
                    break
                has_come_to(run, [1.0, 1.25, 1.5, 1.25], [{"to": 64, "alarm": "the losses left all bounds"}])
        return events

    with locked(run):
        events = asyncio.run(told())
    assert [kind for kind, _ in events] == ["history", "facts", "again", "history", "facts"]
    assert [line["discriminator_loss"] for line in events[3][1]] == [1.0, 1.25, 1.5, 1.25]
    assert monitor.watchers == 0


def test_alarms_that_differ_in_numbers_alone_are_told_once(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", overwrite=False)
    run.write_recipe(find_recipe("fast"))
    alarms = [f"mode collapse at {at:,} images: {share}% of the variety" for at, share in ((640, 9), (1280, 7))]
    other = "class 3: its images have 9% of the variety"
    rollbacks = [{"to": 64, "alarm": text} for text in (*alarms, other)]
    run.write_record({"status": "failed", "versions": {"digitgan": "0.1.0"}, "rollbacks": rollbacks, "diagnosis": alarms[1]})
    facts = RunMonitor(ModelCache(tmp_path), ProcessTable(tmp_path)).view("run").facts
    assert facts["alarms"] == [f"{alarms[1]}. This happened 2 times.", other]
    assert facts["started_here"] is False

"""The state of a run for the page: its record, history, previews and diagnostics."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, final

from digitgan.errors import DigitganError
from digitgan.recipes import Recipe
from digitgan.runs import RunFolder
from digitgan.studio.diagnostics import Diagnostic, diagnose
from digitgan.studio.errors import NotThereError, StateError
from digitgan.studio.model_cache import ModelCache
from digitgan.studio.process_table import ProcessTable

BETWEEN_LOOKS: Final = 0.4
"""Polling interval of a watched run, in seconds."""

MAX_WATCHERS: Final = 32
"""Largest number of concurrent event streams. Each keeps a connection open."""

ENDED: Final = ("finished", "failed", "stopped", "interrupted")
"""Final phases: the event stream ends."""


@final
@dataclass(frozen=True)
class RunView:
    """The state of a run at one time.

    Attributes:
        run: folder of the run.
        facts: JSON values: name, phase, configuration and progress.
        history: lines of the history.
        previews: images seen at each preview.
    """

    run: RunFolder
    facts: dict[str, Any]
    history: list[dict[str, Any]]
    previews: list[int]


@final
class RunMonitor:
    """A reader of the state of runs.

    Args:
        model_cache: lookup of runs.
        process_table: table of the training processes.

    Attributes:
        watchers: number of open event streams.
    """

    def __init__(self, model_cache: ModelCache, process_table: ProcessTable) -> None:
        self.model_cache = model_cache
        self.process_table = process_table
        self.watchers = 0

    def brief(self, run: RunFolder) -> dict[str, Any]:
        """Return the facts of a run for the list of runs."""
        try:
            record = run.read_record()
            previews = run.preview_files()
            return {
                **self._facts(run, record, list(run.read_history())),
                "seconds": record.get("seconds"),
                "last_preview": int(previews[-1].stem) if previews else None,
                "has_report": run.report[1].is_file(),
                **_quality(run),
            }
        except (DigitganError, OSError) as problem:  # the run is damaged, or was removed meanwhile
            return {"name": run.path.name, "phase": "failed", "problem": str(problem)}

    def run(self, name: str) -> RunFolder:
        """Return the run of a name.

        Raises:
            NotThereError: if there is no such run.
            StateError: if the run is starting and has no folder yet.
        """
        try:
            return self.model_cache.run(name)
        except NotThereError:
            if self.process_table.pending().get(name) == "":
                raise StateError(f"{name}: is starting; retry in a second") from None
            raise

    def view(self, name: str) -> RunView:
        """Return the present state of a run.

        Raises:
            NotThereError: if there is no such run.
            StateError: if the run is starting and has no folder yet.
            RunError: if its record is damaged.
        """
        run = self.run(name)
        record = run.read_record()
        history = list(run.read_history())
        previews = [int(path.stem) for path in run.preview_files()]
        recipe = None
        with contextlib.suppress(DigitganError):
            recipe = run.read_recipe()
        facts = self._facts(run, record, history)
        facts |= {
            "seconds": history[-1].get("seconds") if history else record.get("seconds", 0.0),
            "precision": record.get("precision"),
            "alarms": _alarms(record),
            "rollbacks": len(_rollbacks(record)),
            "best": run.best.is_file(),
            "scores": run.read_scores(),
        }
        if facts["phase"] == "interrupted":
            facts["problem"] = self.process_table.last_error_lines(name) or None
        facts["diagnostics"] = [diagnostic.as_json() for diagnostic in _remarks(facts, recipe, history)]
        return RunView(run, facts, history, previews)

    async def follow(self, name: str) -> AsyncIterator[str]:
        """Yield the state of a run as server-sent events until the run ends.

        The events are `facts`, `history` (new lines), `previews` (new images-seen values), `again` (the run was rolled back;
        all lines and previews follow anew) and `end`. An error, for example a missing run, is the `problem` of the `end` event.
        """
        self.watchers += 1
        try:
            seen, shown, before, rollbacks = -1, -1, "", None
            while True:
                look = await asyncio.to_thread(self.view, name)
                facts = json.dumps(look.facts)
                # The guard or a resume has rolled the run back, so the lines sent since then are invalid.
                behind = bool(look.history) and look.history[-1]["images_seen"] < seen
                if behind or rollbacks not in (None, look.facts["rollbacks"]):
                    seen = shown = -1
                    yield _event("again", {})
                rollbacks = look.facts["rollbacks"]
                lines = [line for line in look.history if line["images_seen"] > seen]
                previews = [count for count in look.previews if count > shown]
                if lines:
                    seen = lines[-1]["images_seen"]
                    yield _event("history", lines)
                if previews:
                    shown = previews[-1]
                    yield _event("previews", previews)
                if facts != before:
                    before = facts
                    yield _event("facts", look.facts)
                if look.facts["phase"] in ENDED:
                    yield _event("end", {})
                    return
                await asyncio.sleep(BETWEEN_LOOKS)
                yield ": still here\n\n"  # the write reveals a closed connection
        except DigitganError as problem:
            yield _event("end", {"problem": str(problem)})
        finally:
            self.watchers -= 1

    def _facts(self, run: RunFolder, record: dict[str, Any], history: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the facts common to the list of runs and to the view of a run."""
        seen, data = record.get("images_seen"), record.get("data")
        if not isinstance(seen, int) or record.get("status") == "training":
            seen = history[-1]["images_seen"] if history else 0
        facts = {
            "name": run.path.name,
            "phase": self.process_table.phase(run, record),
            "recipe": record.get("recipe"),
            "data": data.get("name") if isinstance(data, dict) else None,
            "seed": record.get("seed"),
            "images": record.get("images"),
            "images_seen": seen,
            "has_model": run.model.is_file(),
            "started_here": run.path.name in self.process_table.alive(),
        }
        return facts | {"seconds_left": _seconds_left(facts, history)}


def _event(kind: str, data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def _quality(run: RunFolder) -> dict[str, float]:
    """Return the metrics of a run: those of its report, or else those of its last evaluation during the training."""
    names = ("class_accuracy", "frechet_distance", "coverage")
    try:
        metrics = json.loads(run.report[0].read_text(encoding="utf-8"))["metrics"]
        found = {name: metrics[name]["value"] for name in names}
    except (OSError, ValueError, KeyError, TypeError):
        scores = run.read_scores()
        found = {name: scores[-1].get(name) for name in names} if scores else {}
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _seconds_left(facts: dict[str, Any], history: list[dict[str, Any]]) -> float | None:
    """Estimate the remaining time, in seconds, from the speed in the last quarter of the history."""
    if facts["phase"] not in ("training", "paused") or len(history) < 2 or not isinstance(facts["images"], int):
        return None
    last, before = history[-1], history[-max(2, len(history) // 4)]
    try:
        images, seconds = last["images_seen"] - before["images_seen"], last["seconds"] - before["seconds"]
        return round(max(0, facts["images"] - last["images_seen"]) * seconds / images, 1) if images > 0 else None
    except (KeyError, TypeError):
        return None


def _alarms(record: dict[str, Any]) -> list[str]:
    """Return the messages of the guard."""
    told = [alarm["alarm"] for alarm in _rollbacks(record) if isinstance(alarm, dict) and isinstance(alarm.get("alarm"), str)]
    diagnosis, warnings = record.get("diagnosis"), record.get("warnings")
    told += [each for each in (warnings if isinstance(warnings, list) else []) if isinstance(each, str)]
    return _without_repeats([*told, *([diagnosis] if isinstance(diagnosis, str) and diagnosis not in told else [])])


def _without_repeats(messages: list[str]) -> list[str]:
    """Return the last of those messages that differ in the number of images seen and in shares alone, with their number."""
    kinds: dict[str, list[str]] = {}
    for message in messages:
        kinds.setdefault(re.sub(r"at [\d,]+ images|\d+%", "", message), []).append(message)
    return [
        same[-1] if len(same) == 1 else f"{same[-1].rstrip('.')}. This happened {len(same)} times." for same in kinds.values()
    ]


def _rollbacks(record: dict[str, Any]) -> list[Any]:
    rollbacks = record.get("rollbacks")
    return rollbacks if isinstance(rollbacks, list) else []


def _remarks(facts: dict[str, Any], recipe: Recipe | None, history: list[dict[str, Any]]) -> list[Diagnostic]:
    return diagnose(history, facts["alarms"], facts["images"], recipe, failed=facts["phase"] == "failed")

"""What a run has come to: its record, its curves, its previews, and what a beginner should notice."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, final

from digitgan.errors import DigitganError
from digitgan.recipes import Recipe
from digitgan.runs import RunFolder
from digitgan.studio.diagnostics import Diagnostic, diagnose
from digitgan.studio.errors import NotThereError, StateError
from digitgan.studio.model_cache import ModelCache
from digitgan.studio.process_manager import ProcessManager

BETWEEN_LOOKS: Final = 0.4
"""Seconds between two looks at a run that is being watched."""

MAX_WATCHERS: Final = 32
"""Pages that may watch at once: each keeps a connection open."""

ENDED: Final = ("finished", "failed", "stopped", "interrupted")
"""Phases after which nothing new comes."""


@final
@dataclass(frozen=True)
class RunView:
    """One look at a run.

    Attributes:
        run: which.
        facts: JSON values: name, phase, what it was asked for and how far it is.
        history: its lines.
        previews: counts of images at which there is one.
    """

    run: RunFolder
    facts: dict[str, Any]
    history: list[dict[str, Any]]
    previews: list[int]


@final
class RunMonitor:
    """Looks at runs.

    Args:
        model_cache: finds them.
        process_manager: knows which of them are under way.
    """

    def __init__(self, model_cache: ModelCache, process_manager: ProcessManager) -> None:
        self.model_cache = model_cache
        self.process_manager = process_manager
        self.watchers = 0

    def brief(self, run: RunFolder) -> dict[str, Any]:
        """A run in the list of all."""
        try:
            return self._facts(run, run.read_record(), list(run.read_history()))
        except (DigitganError, OSError) as problem:  # damaged, or removed just now
            return {"name": run.path.name, "phase": "failed", "problem": str(problem)}

    def run(self, name: str) -> RunFolder:
        """The run of that name.

        Raises:
            NotThereError: if there is none.
            StateError: if it begins, and there is nothing of it yet.
        """
        try:
            return self.model_cache.run(name)
        except NotThereError:
            if self.process_manager.pending().get(name) == "":
                raise StateError(f"{name}: begins, and there is nothing of it to be seen yet; ask again in a second") from None
            raise

    def view(self, name: str) -> RunView:
        """A run as it is now.

        Raises:
            NotThereError: if there is none of that name.
            StateError: if it begins, and there is nothing of it yet.
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
            "started_here": name in self.process_manager.alive(),
            "best": run.best.is_file(),
            "scores": _scores(run),
        }
        if facts["phase"] == "interrupted":
            facts["problem"] = self.process_manager.last_words(name) or None
        facts["diagnostics"] = [diagnostic.as_json() for diagnostic in _remarks(facts, recipe, history)]
        return RunView(run, facts, history, previews)

    async def follow(self, name: str) -> AsyncIterator[str]:
        """A run as server-sent events, until it has ended: `facts`, `history` (new lines) and `previews` (new counts).

        Raises:
            NotThereError: if there is none of that name.
        """
        self.watchers += 1
        try:
            seen, shown, before, rollbacks = -1, -1, "", None
            while True:
                look = await asyncio.to_thread(self.view, name)
                facts = json.dumps(look.facts)
                # The guard has taken it back, or a resume has, and what was told of since then isn't so any more.
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
                yield ": still here\n\n"  # tells the server when nobody listens any more
        except DigitganError as problem:
            yield _event("end", {"problem": str(problem)})
        finally:
            self.watchers -= 1

    def _facts(self, run: RunFolder, record: dict[str, Any], history: list[dict[str, Any]]) -> dict[str, Any]:
        """What both the list and a look at the run tell."""
        seen, data = record.get("images_seen"), record.get("data")
        if not isinstance(seen, int) or record.get("status") == "training":
            seen = history[-1]["images_seen"] if history else 0
        facts = {
            "name": run.path.name,
            "phase": self.process_manager.phase(run, record),
            "recipe": record.get("recipe"),
            "data": data.get("name") if isinstance(data, dict) else None,
            "seed": record.get("seed"),
            "images": record.get("images"),
            "images_seen": seen,
            "has_model": run.model.is_file(),
        }
        return facts | {"seconds_left": _seconds_left(facts, history)}


def _event(kind: str, data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def _seconds_left(facts: dict[str, Any], history: list[dict[str, Any]]) -> float | None:
    """By the speed of the last quarter of what is there."""
    if facts["phase"] not in ("training", "paused") or len(history) < 2 or not isinstance(facts["images"], int):
        return None
    last, before = history[-1], history[-max(2, len(history) // 4)]
    try:
        images, seconds = last["images_seen"] - before["images_seen"], last["seconds"] - before["seconds"]
        return round(max(0, facts["images"] - last["images_seen"]) * seconds / images, 1) if images > 0 else None
    except (KeyError, TypeError):
        return None


def _alarms(record: dict[str, Any]) -> list[str]:
    """What the guard has found, in its words."""
    told = [alarm["alarm"] for alarm in _rollbacks(record) if isinstance(alarm, dict) and isinstance(alarm.get("alarm"), str)]
    diagnosis = record.get("diagnosis")
    return [*told, *([diagnosis] if isinstance(diagnosis, str) and diagnosis not in told else [])]


def _rollbacks(record: dict[str, Any]) -> list[Any]:
    rollbacks = record.get("rollbacks")
    return rollbacks if isinstance(rollbacks, list) else []


def _scores(run: RunFolder) -> list[dict[str, Any]]:
    """Scores on the way, where the training was told to look."""
    found = []
    with contextlib.suppress(OSError):
        for text in run.scores.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                line = json.loads(text)
                if isinstance(line, dict):
                    found.append(line)
    return found


def _remarks(facts: dict[str, Any], recipe: Recipe | None, history: list[dict[str, Any]]) -> list[Diagnostic]:
    return diagnose(history, facts["alarms"], facts["images"], recipe)

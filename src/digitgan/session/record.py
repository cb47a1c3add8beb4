"""The record of a run, in run.json, and the card of its models: the plan, the progress, and deviations from the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from digitgan.session.callbacks import History
from digitgan.session.plan import TrainPlan
from digitgan.training import Trainer


@final
class RunRecord:
    """The record of a run.

    Args:
        plan: plan of the training.
        trainer: trainer of the run.
        history: history of the run, which counts the time.
        before: content of run.json from earlier sessions; empty for a new run.

    Attributes:
        rollbacks: rollbacks by the guard: images seen "at" the alarm and rolled back "to", and the "alarm".
        pretraining: result of the pretraining, by network.
        warnings: warnings of the guard, by their kind.
        ancestry: the earlier model from which the run started; None without one.
        preview_sha256: SHA-256 of the files of the preview latents and labels, by the name of the file.
        earlier_arithmetic: arithmetic of earlier sessions that differed from the next one, with the images seen "until" then.
    """

    def __init__(self, plan: TrainPlan, trainer: Trainer, history: History, before: dict[str, Any]) -> None:
        self.plan = plan
        self.trainer = trainer
        self.history = history
        self.rollbacks: list[dict[str, Any]] = list(before.get("rollbacks", []))
        self.pretraining: dict[str, Any] = before.get("pretraining", {})
        self.ancestry: dict[str, Any] | None = before.get("from") if plan.start is None else plan.start.record()
        self.earlier_arithmetic: list[dict[str, Any]] = list(before.get("earlier_arithmetic", []))
        self.warnings: Mapping[str, str] = {}
        self.preview_sha256: Mapping[str, str] = before.get("preview_sha256", {})
        self._arithmetic_before: dict[str, Any] | None = before.get("arithmetic")

    def write(self, status: str, **further: Any) -> None:
        """Write run.json.

        Args:
            status: "training", "stopped", "finished" or "failed".
            further: further entries.
        """
        record = {**self.plan.facts(), "status": status, "rollbacks": self.rollbacks, **further}
        if self.plan.tensorboard:
            record["tensorboard"] = True  # a resumed run goes on writing events
        if self.earlier_arithmetic:
            record["earlier_arithmetic"] = self.earlier_arithmetic
        if self.ancestry is not None:
            record["from"] = self.ancestry
        if self.warnings:
            record["warnings"] = list(self.warnings.values())
        if self.preview_sha256:
            record["preview_sha256"] = dict(self.preview_sha256)
        if self.pretraining:
            record["pretraining"] = self.pretraining
        if status != "training":
            record["images_seen"] = self.trainer.images_seen
            record["seconds"] = round(self.history.seconds, 3)
            record["epoch_seconds"] = self.history.epoch_seconds
        self.plan.run.write_record(record)

    def card(self, trainer: Trainer) -> dict[str, Any]:
        """Return the card of a model file: the origin of the model."""
        ancestry = {} if self.ancestry is None else {"from": self.ancestry}
        return {
            **self.plan.facts(),
            **ancestry,
            "images_seen": trainer.images_seen,
            "seconds": round(self.history.seconds, 1),
            "rollbacks": len(self.rollbacks),
            "metrics": {},
        }

    def note_arithmetic(self) -> str:
        """Record a change of the arithmetic since the earlier sessions, and return its description; "" without a change."""
        before, now = self._arithmetic_before, self.plan.arithmetic()
        if before is None or before == now:
            return ""
        self.earlier_arithmetic.append({"until": self.trainer.images_seen, **before})
        names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        return ", ".join(f"{name} {_shown(before.get(name))} -> {_shown(now.get(name))}" for name in names)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={text}" for name, text in value.items()) or "none"
    return "none" if value is None else str(value)

"""The folder `lab` of a run, through which a viewer looks into its training and sets its pace.

The viewer, another process, writes `pace.json` and touches it while it looks. The training writes `snapshot.npz` while somebody
looks and at its end. A viewer that ends without a word is noticed by the age of `pace.json`, so that no training waits for it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, final

import numpy as np
import numpy.typing as npt

from digitgan.files import replacing

SECONDS_ALIVE: Final = 15.0
"""Age of `pace.json` from which nobody looks any more."""

MAX_WAIT: Final = 10.0
"""Longest pause after an update in slow motion, in seconds."""

PaceName = Literal["full", "slow", "paused"]


@final
@dataclass(frozen=True)
class Pace:
    """The pace of a training while somebody looks.

    Attributes:
        name: "full" does not wait; "slow" waits after each update of a network; "paused" waits for the next request.
        seconds: time to wait after each update in slow motion.
        updates: number of updates that the viewer has requested one by one so far, while the training was paused.
        steps: the same of whole steps.
    """

    name: PaceName = "full"
    seconds: float = 1.0
    updates: int = 0
    steps: int = 0


@final
@dataclass(frozen=True)
class LabFolder:
    """The files between a training and a viewer.

    Attributes:
        path: the folder `lab` of a run.
    """

    path: Path

    @property
    def pace(self) -> Path:
        """The requested pace. Its time of change tells whether somebody looks."""
        return self.path / "pace.json"

    @property
    def snapshot(self) -> Path:
        """The latest look into the training."""
        return self.path / "snapshot.npz"

    def read_pace(self) -> Pace | None:
        """Return the requested pace; None if nobody looks or the file is damaged."""
        try:
            if time.time() - self.pace.stat().st_mtime > SECONDS_ALIVE:
                return None
            told = json.loads(self.pace.read_text(encoding="utf-8"))
            pace = Pace(**told)
            sound = pace.name in ("full", "slow", "paused") and 0 <= pace.seconds <= MAX_WAIT
            return pace if sound and all(isinstance(count, int) for count in (pace.updates, pace.steps)) else None
        except (OSError, ValueError, TypeError):
            return None

    def make(self) -> None:
        """Make the folder, unless the run has been removed."""
        if self.path.parent.is_dir():
            self.path.mkdir(exist_ok=True)

    def write_pace(self, pace: Pace) -> None:
        """Request a pace."""
        self.path.mkdir(exist_ok=True)
        with replacing(self.pace) as file:
            file.write(json.dumps(dataclasses.asdict(pace)).encode())

    def keep_alive(self) -> None:
        """Tell the training that somebody looks."""
        if self.read_pace() is None:
            self.write_pace(Pace())
        else:
            with contextlib.suppress(OSError):
                os.utime(self.pace)

    def write_snapshot(self, arrays: dict[str, npt.NDArray[Any]], facts: dict[str, Any]) -> None:
        """Write a snapshot: arrays by name, and facts as JSON values."""
        file = io.BytesIO()
        np.savez(file, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **arrays)  # type: ignore[arg-type]
        with replacing(self.snapshot) as target:
            target.write(file.getvalue())

    def read_snapshot(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]] | None:
        """Return the arrays and the facts of the latest snapshot; None without one, or if it is damaged."""
        try:
            with np.load(io.BytesIO(self.snapshot.read_bytes()), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            return arrays, json.loads(arrays.pop("facts").tobytes())
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
